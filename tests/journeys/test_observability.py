"""What an operator sees: one trace through gateway, services and databases; figures behind each alert and panel."""

import re
import signal
from contextlib import ExitStack

import pytest
import requests
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.collectors import collecting
from tests.journeys.processes import PATIENCE, Process, free_port, manage
from tests.journeys.split.shapes import await_true, routing
from wire.demo import PASSWORD

pytestmark = pytest.mark.slow

CALLER = "00f067aa0ba902b7"


class Shop:
    """Accounts and products in one process, orders in another, and the gateway in front."""

    def __init__(self, folder, collector) -> None:
        self.collector, self.port = collector, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        ports = {"first": free_port(), "orders": free_port()}
        first = f"http://127.0.0.1:{ports['first']}"
        shared = {
            "ISSUER": self.url,
            "ACCOUNTS_URL": first,
            "PRODUCTS_URL": first,
            "PROXIES": "1",
            "LOG_LEVEL": "INFO",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        }
        own = {
            name: shared | {"SERVICES": services, "DATABASE_URL": f"sqlite:///{folder / name}.sqlite3"}
            for name, services in {"first": "accounts,products", "orders": "orders"}.items()
        }
        for environment in own.values():
            manage(environment, "migrate", "--verbosity", "0")
        manage(own["first"], "demo")
        scope = ["--scope", "stock:reserve", "--audience", "products", "--secret-file", str(folder / "client")]
        manage(own["first"], "register_client", "orders", *scope)
        own["orders"] |= {"CLIENT_ID": "orders", "CLIENT_SECRET_FILE": str(folder / "client")}
        self.processes = {name: Process(own[name], folder / f"{name}.log", port=ports[name]) for name in own}
        self.upstreams = {"accounts": ports["first"], "products": ports["first"], "orders": ports["orders"]}
        self.orders = own["orders"]

    def stop(self) -> None:
        for process in self.processes.values():
            process.stop()

    def log_in(self) -> None:
        """Have alice's token, and one of the products."""
        who = {"email": "alice@example.com", "password": PASSWORD}
        token = requests.post(f"{self.url}/api/token/", json=who, timeout=10).json()["access"]
        self.token = {"Authorization": f"Bearer {token}"}
        found = requests.get(f"{self.url}/api/products/?in_stock=true", headers=self.token, timeout=10).json()
        self.product = found["results"][0]["id"]

    def order(self, key: str, **headers: str) -> requests.Response:
        body = {"lines": [{"product": self.product, "quantity": 1}]}
        own = self.token | {"Idempotency-Key": f'"{key}"'}
        return requests.post(f"{self.url}/api/orders/", json=body, headers=own | headers, timeout=10)

    def wait(self, name: str, trace: str = "", service: str = "") -> list:
        """The spans of a trace, or all, once one of that name is among them."""

        def find_all():
            return [span for span in list(self.collector.spans) if span.trace == trace or not trace]

        await_true(lambda: find(find_all(), name, service), f"{name} is told")
        return find_all()


def find(spans, name, service=""):
    """The first span of that name, if there is one."""
    return next((span for span in spans if span.name == name and service in span.service), None)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracing")
    with ExitStack() as stack:
        shop = Shop(folder, stack.enter_context(collecting()))
        stack.callback(shop.stop)
        stack.enter_context(routing(folder / "gateway", shop.port, shop.upstreams))
        shop.log_in()
        yield shop


def test_one_trace_leads_through_the_gateway_and_both_services(shop):
    trace, reserve = "4bf92f3577b34da6a3ce929d0e0e4736", "PUT api/products/reservations/<uuid:order_id>/"
    given = {"traceparent": f"00-{trace}-{CALLER}-01", "baggage": "user=alice", "tracestate": "stranger=1"}

    answer = shop.order("one", **{"X-Request-ID": "mine"}, **given)

    shop.wait(reserve, trace)
    spans = shop.wait("POST api/orders/", trace)
    placed, call, reserved = find(spans, "POST api/orders/"), find(spans, "PUT"), find(spans, reserve)
    assert answer.status_code == 201
    assert (placed.service, placed.parent) == ("tessera-orders", CALLER)
    assert (call.service, call.parent) == ("tessera-orders", placed.id)
    assert (reserved.service, reserved.parent) == ("tessera-accounts-products", call.id)
    assert {span.attributes["tessera.request_id"] for span in (placed, call, reserved)} == {"mine"}
    assert [span.attributes["http.response.status_code"] for span in (placed, call, reserved)] == ["201", "200", "200"]


def test_statements_of_both_services_are_told_by_their_words_alone(shop):
    trace = "5bf92f3577b34da6a3ce929d0e0e4736"

    shop.order("two", traceparent=f"00-{trace}-{CALLER}-01")

    shop.wait("INSERT orders_order", trace, "tessera-orders")
    spans = shop.wait("INSERT products_reservation", trace, "tessera-accounts-products")
    words = " ".join(span.attributes.get("db.query.text", "") for span in spans)
    assert "%s" in words
    assert not re.search(r"alice|[0-9a-f]{8}-?[0-9a-f]{4}", words)


def test_a_request_that_is_in_no_trace_begins_one_and_its_address_is_not_told(shop):
    name = "GET password-reset/<uidb64>/<token>/"

    requests.get(f"{shop.url}/password-reset/MQ/d0c3b4/?q=c1nn4", headers={"traceparent": "00-x"}, timeout=10)

    spans = shop.wait(name)
    assert find(spans, name).parent == ""
    assert not re.search("d0c3b4|c1nn4", str(spans))


def test_the_collector_is_shown_the_headers_that_it_wants(shop):
    requests.get(f"{shop.url}/login/", timeout=10)

    shop.wait("GET login/")
    assert {headers["api-key"] for headers in shop.collector.headers} == {"secret"}


def test_a_worker_tells_of_its_jobs_and_their_statements(shop):
    manage(shop.orders, "work", "--once")

    spans = shop.wait("job orders.settle")
    settled = find(spans, "job orders.settle")
    assert (settled.service, settled.parent) == ("tessera-orders", "")
    assert [span for span in spans if span.parent == settled.id]


def test_every_figure_that_an_alert_or_a_panel_names_is_told(shop):
    shop.order("four")
    files = [settings.BASE_DIR / "deploy" / "observability" / name for name in ("alerts.yaml", "dashboard.json")]
    named = {name for file in files for name in re.findall(r"\b(?:tessera|process)_\w+", file.read_text())}

    told = {name for process in shop.processes.values() for name in read_metrics(process.url)}

    assert named <= told
    assert len(named) > 20


def read_metrics(url):
    """The names of all samples that a process tells, or would if there were any."""
    page = requests.get(f"{url}/metrics", timeout=10)
    assert page.status_code == 200
    for family in text_string_to_metric_families(page.text):
        yield from [sample.name for sample in family.samples]
        yield f"{family.name}_total" if family.type == "counter" else family.name


def test_what_a_process_did_last_is_told_when_it_ends(shop):
    trace = "7bf92f3577b34da6a3ce929d0e0e4736"
    shop.order("last", traceparent=f"00-{trace}-{CALLER}-01")

    shop.processes["orders"].stop()

    assert find(shop.collector.of(trace), "POST api/orders/")
    shop.processes["orders"].start()


def test_a_collector_that_is_silent_holds_up_neither_requests_nor_the_end(shop):
    shop.collector.speaks.clear()

    answers = [shop.order(f"silent {number}").status_code for number in range(3)]
    assert shop.collector.asked_in_vain.wait(PATIENCE)
    answers += [shop.order(f"still silent {number}").status_code for number in range(3)]

    assert answers == [201] * 6
    for process in shop.processes.values():
        process.popen.send_signal(signal.SIGTERM)
    assert [process.popen.wait(PATIENCE) for process in shop.processes.values()] == [0, 0]
