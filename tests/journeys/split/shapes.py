"""The shop in its two shapes: one process, and its services behind the gateway. Both with the demo in them."""

import html
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from django.conf import settings

from deploy.services import Split, environment, prepare, write_gateway
from tests.journeys.processes import PATIENCE, UNBOUNDED, Process, free_port, manage, serving
from tokens.jws import parse_jws
from tokens.registry import by_calls, services
from wire.demo import PASSWORD, PEOPLE

ORIGIN = "https://app.example"
"""Where a browser client of the shop is served from, besides the shop itself."""
QUIET = {"LOG_LEVEL": "WARNING", "CORS_ALLOWED_ORIGINS": ORIGIN}


class Shape:
    """A shop that runs: `processes` and `environments` are by service, `log` is of what is asked first."""

    def __init__(self, name: str, url: str, environments: dict[str, dict[str, str]], log: Path | None = None) -> None:
        self.name, self.url, self.environments, self.log = name, url, environments, log
        self.processes: dict[str, Process] = {}
        self.customers: dict[str, Customer] = {}

    def manage(self, service: str, *arguments: str) -> str:
        return manage(self.environments[service], *arguments)

    def ask(self, method: str, path: str, **options) -> requests.Response:
        """The answer to one request, redirects not followed."""
        options = {"timeout": 30, "allow_redirects": False} | options
        return requests.request(method, f"{self.url}{path}", **options)

    def log_in(self, name: str) -> "Customer":
        return Customer(self, name)

    def customer(self, name: str) -> "Customer":
        """Somebody who logged in once for all tests, and again before the token expires: tests may take longer."""
        if name not in self.customers or self.customers[name].is_expiring:
            self.customers[name] = self.log_in(name)
        return self.customers[name]

    def browse(self, name: str = "") -> "Browser":
        browser = Browser(self)
        return browser.log_in(name) if name else browser


OWN_PASSWORD = "correct horse battery"


def password_of(email: str) -> str:
    """The demo's for its people, and another one for whoever registers: there the demo's is refused."""
    return PASSWORD if email in {person.email for person in PEOPLE} else OWN_PASSWORD


class Customer:
    """Somebody who calls the API with a Bearer token."""

    def __init__(self, shape: Shape, name: str, password: str = "") -> None:
        self.shape, self.name = shape, name
        email = f"{name}@example.com"
        answer = shape.ask("POST", "/api/token/", json={"email": email, "password": password or password_of(email)})
        assert answer.status_code == 200, answer.text
        self.access, self.refresh = answer.json()["access"], answer.json()["refresh"]
        self.ends = time.monotonic() + answer.json()["expires_in"] / 2

    @property
    def is_expiring(self) -> bool:
        return time.monotonic() > self.ends

    @property
    def sub(self) -> str:
        return parse_jws(self.access).claims["sub"]

    def ask(self, method: str, path: str, **options) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.access}"} | options.pop("headers", {})
        return self.shape.ask(method, path, headers=headers, **options)

    def get(self, path: str, **options) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, body=None, **options) -> requests.Response:
        return self.ask("POST", path, **({} if body is None else {"json": body}), **options)

    def find(self, sku: str) -> dict[str, object]:
        """A product by its sku."""
        return self.get(f"/api/products/?q={sku}").json()["results"][0]

    def order(self, lines: dict[str, int], key: str, **options) -> requests.Response:
        """Order quantities of products, by id."""
        body = {"lines": [{"product": product, "quantity": units} for product, units in lines.items()]}
        return self.post("/api/orders/", body, headers={"Idempotency-Key": f'"{key}"'}, **options)


class Browser:
    """Somebody who reads pages and sends their forms, with cookies and without JavaScript."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self.session = shape, requests.Session()

    def log_in(self, name: str) -> "Browser":
        answer = self.send("/login/", email=f"{name}@example.com", password=password_of(f"{name}@example.com"))
        assert answer.url == f"{self.shape.url}/products/", answer.text
        return self

    def get(self, path: str, **options) -> requests.Response:
        return self.session.get(f"{self.shape.url}{path}", timeout=30, **options)

    def fill(self, product: str, quantity: int = 1) -> requests.Response:
        """Put a product into the basket from its page."""
        form = hidden_fields(self.get(f"/products/{product}/").text)
        return self.send("/basket/", **form, quantity=str(quantity))

    def review(self) -> dict[str, str]:
        """The form by which the basket is ordered, filled in."""
        return hidden_fields(self.get("/basket/review/").text) | {"ship_to": "1 Mosaic Lane"}

    def order(self, product: str, quantity: int = 1) -> requests.Response:
        """Order a product by way of the basket; the page that this leads to."""
        self.fill(product, quantity)
        return self.send("/orders/", **self.review())

    def send(self, path: str, *, page: str = "", **fields) -> requests.Response:
        """Send a form as a browser does: after the page that it stands on, with its cookie and origin."""
        if "csrftoken" not in self.session.cookies:
            self.get(page or path)
        fields["csrfmiddlewaretoken"] = self.session.cookies["csrftoken"]
        headers = {"Origin": self.shape.url, "Referer": f"{self.shape.url}{page or path}"}
        return self.session.post(f"{self.shape.url}{path}", fields, headers=headers, timeout=30)


# Beside the servers -----------------------------------------------------------------------------


@contextmanager
def running(
    command: list[str], log: Path, own: dict[str, str] | None = None, *, root: Path = settings.BASE_DIR
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that runs as long as the block does."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=os.environ | (own or {}),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def working(own: dict[str, str], log: Path, *, root: Path = settings.BASE_DIR) -> Iterator["subprocess.Popen[bytes]"]:
    with running([sys.executable, "manage.py", "work"], log, UNBOUNDED | own, root=root) as process:
        yield process


@contextmanager
def routing(
    folder: Path,
    port: int,
    ports: Mapping[str, int | Sequence[int]],
    *,
    rate: int = 100_000,
    proxies: int = 1,
    patience: int = 4,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The gateway, once it answers; `ports` are by service, one or several. Skips where nginx is not installed."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    each = {service: [own] if isinstance(own, int) else own for service, own in ports.items()}
    upstreams = {service: ",".join(f"127.0.0.1:{number}" for number in own) for service, own in each.items()}
    command = write_gateway(folder, f"127.0.0.1:{port}", upstreams, rate=rate, patience=patience, proxies=proxies)
    with running(command, folder.with_suffix(".log")) as process:
        await_true(lambda: answers(f"http://127.0.0.1:{port}/metrics"), "the gateway answers")
        yield process


def answers(url: str) -> bool:
    try:
        requests.get(url, timeout=PATIENCE)
    except requests.ConnectionError:
        return False
    return True


def await_true(check, what: str, patience: float = PATIENCE) -> float:
    """Come back once something is true; after how many seconds."""
    started = time.monotonic()
    while not check():
        assert time.monotonic() - started < patience, f"not within {patience} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - started


# The shapes -------------------------------------------------------------------------------------


@contextmanager
def open_monolith(folder: Path, **own: str) -> Iterator[Shape]:
    """The shop in one process, with its worker."""
    port = free_port()
    url = f"http://localhost:{port}"
    shared = (
        {"SERVICES": ",".join(services()), "DATABASE_URL": f"sqlite:///{folder / 'shop.sqlite3'}", "ISSUER": url}
        | QUIET
        | own
    )
    manage(shared, "migrate", "--verbosity", "0")
    manage(shared, "demo")
    shape = Shape("monolith", url, dict.fromkeys(services(), shared), folder / "shop.log")
    with serving(shared, folder / "shop.log", port=port) as process, working(shared, folder / "work.log"):
        shape.processes = dict.fromkeys(services(), process)
        yield shape


@contextmanager
def open_split(folder: Path, databases: str = "", **own: str) -> Iterator[Shape]:
    """The shop as services behind the gateway, with the workers of those that call others: theirs matter here."""
    split = Split(folder, free_port(), {service: free_port() for service in by_calls()}, databases)
    prepare(split)
    environments = {service: environment(split, service) | QUIET | own for service in by_calls()}
    shape = Shape("split", split.url, environments, folder / "gateway.log")
    with ExitStack() as stack:
        start_services(stack, shape, split)
        for service in [name for name in by_calls() if services()[name].calls]:
            manage(environments[service], "demo")
            stack.enter_context(working(environments[service], folder / f"{service}-work.log"))
        stack.enter_context(routing(folder / "gateway", split.port, split.ports))
        yield shape


def start_services(stack: ExitStack, shape: Shape, split: Split) -> None:
    """Start all servers side by side."""

    def start(service: str) -> None:
        log = split.folder / f"{service}.log"
        shape.processes[service] = Process(shape.environments[service], log, port=split.ports[service])

    threads = [threading.Thread(target=start, args=[service]) for service in by_calls()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in shape.processes.values():
        stack.callback(process.stop)
        stack.callback(resume, process)
    assert set(shape.processes) == set(services()), "a service did not start"


def resume(process: Process) -> None:
    """Let a process go on that was paused, so that it can be told to end."""
    if process.popen.poll() is None:
        process.send(signal.SIGCONT)


FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of the last form of a page, by name."""
    return {name: html.unescape(value) for name, value in FIELD.findall(page)}
