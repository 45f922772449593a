"""Somebody whom an app sends here: follows redirects, logs in, and allows what the app asks for, without a browser."""

import re
from html import unescape
from urllib.parse import urljoin

import requests

from tests.accounts.conftest import PASSWORD

FORM = re.compile(r"<form[^>]*method=\"post\"[^>]*>.*?</form>", re.DOTALL)
HIDDEN = re.compile(r"<input type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"")
ACTION = re.compile(r"<form[^>]*action=\"([^\"]*)\"")
STEPS = 20


class Visitor:
    """A person with cookies, who has been at `pages`."""

    def __init__(self, email="alice@example.com", password=PASSWORD):
        self.email, self.password = email, password
        self.session = requests.Session()
        self.pages = []

    def follow(self, address, until=""):
        """Go on until an address that begins with `until`, which is not visited, or to the page at the end."""
        answer = self.get(address)
        for _ in range(STEPS):
            if answer.is_redirect or answer.status_code == 303:
                address = urljoin(answer.url, answer.headers["Location"])
                if until and address.startswith(until):
                    return address
                answer = self.get(address)
            elif fields := self.fill(answer):
                answer = self.send(answer, fields)
            else:
                return answer
        raise AssertionError(f"too many steps: {self.pages}")

    def get(self, address):
        self.pages.append(address)
        return self.session.get(address, allow_redirects=False, timeout=20)

    def fill(self, answer):
        """What the person enters in a form of the log-in, or answers to the question of an app."""
        if answer.status_code != 200:
            return {}
        if 'name="decision"' in answer.text:
            return {"decision": "allow"}
        return {"email": self.email, "password": self.password} if 'name="password"' in answer.text else {}

    def send(self, answer, fields):
        wanted = next(iter(fields))
        form = next(form for form in FORM.findall(answer.text) if f'name="{wanted}"' in form)
        action = ACTION.search(form)
        target = urljoin(answer.url, unescape(action[1]) if action else "")
        hidden = {name: unescape(value) for name, value in HIDDEN.findall(form)}
        headers = {"Referer": answer.url, "Origin": "/".join(answer.url.split("/")[:3])}
        self.pages.append(target)
        return self.session.post(target, {**hidden, **fields}, headers=headers, allow_redirects=False, timeout=20)
