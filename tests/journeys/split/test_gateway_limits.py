"""The gateway counts callers, not the hops in front of it, and lets nobody choose what they count as."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.journeys.processes import free_port
from tests.journeys.split.shapes import routing
from tokens.registry import services

pytestmark = pytest.mark.slow

BURST = 200
"""Requests that one caller may send at once (`limit_req`)."""


class Echo(BaseHTTPRequestHandler):
    """A service that answers with the headers that it was sent."""

    def do_GET(self):
        body = "\n".join(f"{name}: {value}" for name, value in self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class LogIn(Echo):
    """A service that answers with headers of as many bytes as the address says."""

    def do_GET(self):
        size = int(self.path.strip("/"))
        self.send_response(302)
        self.send_header("Location", f"/?{'x' * (size // 2)}")
        self.send_header("Set-Cookie", f"access={'x' * (size // 2)}")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def gateway(folder, proxies, service=Echo):
    """The address of a gateway that lets a caller send one request a second, once the burst is over."""
    with ThreadingHTTPServer(("127.0.0.1", 0), service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port()
        with routing(folder / "gateway", port, dict.fromkeys(services(), server.server_port), rate=1, proxies=proxies):
            yield f"http://127.0.0.1:{port}/"
        server.shutdown()


def ask(url, forwarded, times=1):
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    with requests.Session() as session:
        return [session.get(url, headers=headers, timeout=10).status_code for _ in range(times)]


def test_behind_a_hop_each_caller_counts_alone(tmp_path):
    with gateway(tmp_path, proxies=2) as url:
        assert 429 in ask(url, "203.0.113.9:4711", BURST + 50)

        others = ["203.0.113.10", "[2001:db8::1]:80", "2001:db8:1::1"]
        assert [ask(url, f"203.0.113.9, {other}") for other in others] == [[200]] * 3
        same = ["203.0.113.9", "203.0.113.9:99", "198.51.100.1, 203.0.113.9", "[::ffff:203.0.113.9]:1"]
        assert [429 in ask(url, other, 9) for other in same] == [True] * 4


def test_a_site_of_ipv6_is_one_caller(tmp_path):
    with gateway(tmp_path, proxies=2) as url:
        assert 429 in ask(url, "2001:db8:7:1::1", BURST + 50)
        assert 429 in ask(url, "[2001:DB8:7:ffff::2]:443".lower(), 9)
        assert ask(url, "2001:db8:8::1") == [200]


def test_behind_two_hops_it_is_the_one_before_the_last(tmp_path):
    with gateway(tmp_path, proxies=3) as url:
        assert 429 in ask(url, "203.0.113.9, 10.0.0.1", BURST + 50)
        assert 429 in ask(url, "6.6.6.6, 203.0.113.9, 10.0.0.2", 9)
        assert ask(url, "203.0.113.10, 10.0.0.1") == [200]


def test_with_nobody_in_front_nobody_chooses_what_they_count_as(tmp_path):
    with gateway(tmp_path, proxies=1) as url:
        codes = [code for number in range(50) for code in ask(url, f"203.0.113.{number}", 5)]

    assert codes.count(429) > 20


def test_with_nobody_in_front_nobody_says_that_they_came_over_tls(tmp_path):
    said = {"X-Forwarded-Proto": "https"}
    with gateway(tmp_path / "alone", proxies=1) as alone, gateway(tmp_path / "behind", proxies=2) as behind:
        seen = [requests.get(url, headers=said, timeout=10).text for url in (alone, behind)]

    assert [re.findall("X-Forwarded-Proto: (.*)", text) for text in seen] == [["http"], ["https"]]


@pytest.mark.parametrize("size", [3_000, 6_000, 30_000])
def test_an_answer_with_long_cookies_and_a_long_redirect_is_passed_on(tmp_path, size):
    with gateway(tmp_path, proxies=1, service=LogIn) as url:
        answer = requests.get(f"{url}{size}", timeout=10, allow_redirects=False)

    assert (answer.status_code, len(answer.headers["Location"]) > size // 2) == (302, True)
    assert len(answer.cookies["access"]) == size // 2


def test_a_header_with_underscores_does_not_pass_as_the_one_with_hyphens(tmp_path):
    with gateway(tmp_path, proxies=1) as url:
        headers = {"X_Forwarded_For": "6.6.6.6", "x_forwarded-Proto": "https", "X-Forwarded_For": "7.7.7.7"}
        seen = requests.get(url, headers=headers, timeout=10).text

    assert "X-Forwarded-For: 127.0.0.1" in seen
    assert "6.6.6.6" not in seen
    assert "7.7.7.7" not in seen
    assert "https" not in seen
