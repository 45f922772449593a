"""Accounts, products and orders in processes of their own, and staff who see to accounts in the admin."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin

import requests

from tests.journeys.processes import free_port, manage, serving

PASSWORD = "correct horse battery"
STAFF = "admin@example.com"
PROBES = {"products": "/api/products/?limit=1", "orders": "/api/orders/?limit=1"}
"""What a token is tried at."""


class Services:
    """The three services; the mail that accounts sends is in a folder."""

    def __init__(self, urls: dict[str, str], environment: dict[str, str], mail: Path) -> None:
        self.urls, self.environment, self.mail = urls, environment, mail

    def post(self, path: str, body=None, *, token: str = "", method: str = "POST", **options):
        """Ask accounts for something, which must be done; the answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = requests.request(
            method, self.urls["accounts"] + path, json=body, headers=headers, timeout=30, **options
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def log_in(self, email: str) -> dict[str, str]:
        return self.post("/api/token/", {"email": email, "password": PASSWORD}).json()

    def manage(self, *arguments: str) -> str:
        """Run a command of accounts."""
        return manage(self.environment, *arguments)

    def read_link(self, path: str, to: str) -> str:
        """The link that leads to a path, in a mail that is sent to an address."""
        self.manage("work", "--once")
        mails = "\n".join(file.read_text() for file in self.mail.iterdir()).split("Message-ID:")
        texts = [text for before, text in pairwise(mails) if f"To: {to}" in before]
        return next(link for text in texts for link in re.findall(r"http://\S+", text) if path in link)


class Browser:
    """Somebody who fills in forms."""

    def __init__(self, services: Services) -> None:
        self.url = services.urls["accounts"]
        self.http = requests.Session()

    def fill(self, path: str, **changes) -> None:
        """Open a page and send its form as it stands but for `changes`; None leaves a field out."""
        page = self.http.get(urljoin(self.url, path), timeout=30)
        form = read_form(page.text) | changes
        self.send(page.url, {name: value for name, value in form.items() if value is not None})

    def send(self, path: str, form: dict, *, expect: int = 302) -> requests.Response:
        form = form | {"csrfmiddlewaretoken": self.http.cookies["csrftoken"]}
        answer = self.http.post(urljoin(self.url, path), form, timeout=30, allow_redirects=False)
        assert answer.status_code == expect, f"{path}: {answer.status_code} {re.findall('errorlist.*', answer.text)}"
        return answer


class Staff(Browser):
    """The browser of somebody who sees to accounts in the admin."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.fill("/login/", email=STAFF, password=PASSWORD)

    def save(self, path: str, **changes) -> None:
        """Change one row."""
        self.fill(f"/admin/accounts/{path}/change/", **changes)

    def delete(self, path: str) -> None:
        self.send(f"/admin/accounts/{path}/delete/", {"post": "yes"})

    def act(self, section: str, action: str, pk: object, *, expect: int = 302) -> None:
        """Run an action on one row of a list."""
        self.send(f"/admin/accounts/{section}/", {"action": action, "_selected_action": str(pk)}, expect=expect)


class Form(HTMLParser):
    """The fields of a page's forms, as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attributes) -> None:
        field = dict(attributes)
        ticked = field.get("type") not in ("checkbox", "radio") or "checked" in field
        if tag == "input" and field.get("name") and field.get("type") != "submit" and ticked:
            self.fields.setdefault(field["name"], []).append(field.get("value") or "")


def read_form(page: str) -> dict[str, list[str]]:
    form = Form()
    form.feed(page)
    return form.fields


class Watch:
    """Tries tokens at products and at orders, again and again, and notes when each is first refused."""

    def __init__(self, services: Services, tokens: dict[str, str]) -> None:
        self.tokens = tokens
        self.refused_at: dict[tuple[str, str], float] = {}
        self.odd: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self.look, args=(name, services.urls[name] + path)) for name, path in PROBES.items()
        ]

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def look(self, service: str, url: str) -> None:
        with requests.Session() as http:
            while not self._stop.is_set():
                for name, token in self.tokens.items():
                    self.note(service, name, http.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30))
                self._stop.wait(0.1)

    def note(self, service: str, name: str, answer: requests.Response) -> None:
        key = service, name
        if answer.status_code == 401 and answer.json()["code"] == "invalid-token":
            self.refused_at.setdefault(key, time.monotonic())
        elif answer.status_code != 200 or key in self.refused_at:
            self.odd.append(f"{name} at {service}: {answer.status_code} {answer.text[:200]}")

    def wait(self, names, seconds: float) -> None:
        """Come back when each of these tokens was refused at both services, or the time is over."""
        wanted = {(service, name) for service in PROBES for name in names}
        deadline = time.monotonic() + seconds
        while not wanted <= self.refused_at.keys() and time.monotonic() < deadline:
            time.sleep(0.05)

    def delays(self, names, since: dict[str, float]) -> dict[str, dict[str, float]]:
        """By name and service, the seconds until the token was refused; infinite if it never was."""
        return {name: {service: self.delay(service, name, since[name]) for service in PROBES} for name in names}

    def delay(self, service: str, name: str, since: float) -> float:
        """What was refused before its cause had been answered took no time at all."""
        return max(0.0, self.refused_at.get((service, name), float("inf")) - since)


@contextmanager
def opened(folder: Path) -> Iterator[Services]:
    """The three services, each with a SQLite file of its own."""
    ports = {name: free_port() for name in ("accounts", "products", "orders")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    shared = {
        "ISSUER": urls["accounts"],
        "ACCOUNTS_URL": urls["accounts"],
        "PRODUCTS_URL": urls["products"],
        "EMAIL_URL": f"filemail:///{folder / 'mail'}",
        "LOG_LEVEL": "ERROR",
    }
    own = {name: shared | {"SERVICES": name, "DATABASE_URL": f"sqlite:///{folder / name}.sqlite3"} for name in ports}
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: manage(own[name], "migrate", "--verbosity", "0"), own))
    with ExitStack() as stack:
        for name, environment in own.items():
            stack.enter_context(serving(environment, folder / f"{name}.log", port=ports[name]))
        yield Services(urls, own["accounts"], folder / "mail")
