"""Every list, filter, order, search and page of a shop asked for once, and what each statement read of big tables."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.login import sessions
from accounts.models import Role, User
from accounts.people import access
from benchmarks.million import BIG
from benchmarks.processes import HOST
from config.periodic_jobs import find_jobs
from orders.lifecycle import Status
from tokens.cookies import access_name
from wire.events import SYSTEM

STAFF = "staff@example.com"
LINK = re.compile(r'href="(\?[^"]*)"')
ROW = re.compile(r'href="(/admin/[^"]+/change/)[?"]')
SEARCHES = {
    "accounts.User": ["customer12345@", "customer1", "anna", "élise 4", "nobody"],
    "accounts.Session": ["customer12345@", "customer1", "10.7.0.7", "nobody"],
    "accounts.Mail": ["customer12345@example.com", "nobody"],
    "orders.Order": ["customer12@", "customer1", "00", "nobody"],
    "products.Product": ["cup", "walnut", "b0000123", "red cup", "nothing at all"],
    "products.Stock": ["cup", "walnut", "nothing at all"],
    "products.Movement": ["cup", "walnut", "nothing at all"],
    "accounts.Event": ["system", "nobody"],
    "orders.Event": ["system"],
    "products.Event": ["nobody"],
}
OF_ROW = {
    "accounts.Event": ("subject", "sub", "request_id"),
    "orders.Event": ("subject", "sub", "request_id"),
    "products.Event": ("subject", "sub", "request_id"),
    "orders.Order": ("pk", "number"),
    "products.Reservation": ("pk",),
}


@dataclass
class Step:
    """What one request or job came to. `read` are the rows that its worst statement read of one big table."""

    name: str
    statements: int = 0
    seconds: float = 0.0
    memory: int = 0
    """Bytes by which the process grew at its largest."""
    read: int = 0
    worst: str = ""
    scanned: set[str] = field(default_factory=set)
    """Big tables of which a statement read everything that it could, one row after the other."""
    explained: float = 0.0
    page: str = ""
    size: int = 0


@contextmanager
def watched(name: str) -> Iterator[Step]:
    """Watch what is done within."""
    step = Step(name)
    forget_peak()
    before, began = peak(), time.perf_counter()
    with connection.execute_wrapper(Spy(step)):
        yield step
    step.seconds = time.perf_counter() - began - step.explained
    step.memory = max(0, peak() - before)


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Bytes of this process at its largest since the peak was forgotten."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


EXPLAINED = 100
PASSING = ("Limit", "Result", "Subquery Scan", "Nested Loop", "LockRows", "Append", "ProjectSet")
"""Nodes that end as soon as no more rows are asked of them."""


class Spy:
    """Has each statement on a big table explained before it is run; what reads is run for that, too."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.step.statements += 1
        if self.is_due and isinstance(sql, str) and not many and any(f'"{table}"' in sql for table in BIG):
            began = time.perf_counter()
            self.explain(sql, params)
            self.step.explained += time.perf_counter() - began
        return execute(sql, params, many, context)

    @property
    def is_due(self) -> bool:
        """Of what goes on and on, in batches, each fiftieth statement is as good as all."""
        return self.step.statements <= EXPLAINED or self.step.statements % 50 == 0

    def explain(self, sql: str, params: Any) -> None:
        is_read = sql.startswith(("SELECT", "WITH", "(SELECT"))
        if not is_read and not sql.startswith(("UPDATE", "DELETE")):
            return

        options = "ANALYZE, TIMING OFF, FORMAT JSON" if is_read else "FORMAT JSON"
        with connection.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN ({options}) {sql}", params)
            [[plan]] = cursor.fetchone()
        for node, under_limit in nodes(plan["Plan"]):
            self.note(node, under_limit, sql)

    def note(self, node: dict[str, Any], under_limit: bool, sql: str) -> None:
        table, read = node.get("Relation Name"), rows_read(node)
        if table not in BIG:
            return
        if node["Node Type"] == "Seq Scan" and not under_limit:
            self.step.scanned.add(table)
        if read > self.step.read:
            self.step.read, self.step.worst = read, f"{describe(node)} for {sql}"


def nodes(plan: dict[str, Any], under_limit: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every node of a plan, and whether a LIMIT ends it as soon as it has given enough rows."""
    passes_on = plan["Node Type"] in PASSING
    yield plan, under_limit
    for child in plan.get("Plans", []):
        yield from nodes(child, passes_on and (under_limit or plan["Node Type"] == "Limit"))


def rows_read(node: dict[str, Any]) -> int:
    """Rows that a scan looked at; none of a statement that writes, which is not run for this."""
    if "Actual Rows" not in node:
        return 0

    removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


def describe(node: dict[str, Any]) -> str:
    return f"{node['Node Type']} {node.get('Index Name', '')} on {node.get('Relation Name', '')}"


# What is asked for ------------------------------------------------------------------------------


def walk_admin(browser: Any) -> Iterator[Step]:
    """Every list of a big table: as it comes, by each link that it shows, searched, and a row of it."""
    import_module("config.admin_addresses")
    for model in sorted(
        (model for model in admin.site._registry if is_big(model)), key=lambda model: model._meta.label
    ):
        path = f"/admin/{model._meta.label_lower.replace('.', '/')}/"
        first = visit(browser, path)
        yield first
        shown = [path + unescape(query) for query in sorted({*LINK.findall(first.page)}) if "=" in query]
        # Of the pages the last one alone.
        pages = [address for address in shown if "?p=" in address]
        shown = [address for address in shown if address not in pages] + sorted(pages, key=len)[-1:]
        words = [*SEARCHES.get(model._meta.label, []), *ids_of_row(model)]
        found = [f"{path}?{urlencode({'q': text})}" for text in words]
        [row] = ROW.findall(first.page)[:1]
        for address in [*shown, *found, row, row.replace("/change/", "/history/")]:
            yield visit(browser, address)


def is_big(model: Any) -> bool:
    return model._meta.db_table in BIG


def ids_of_row(model: Any) -> list[str]:
    names = OF_ROW.get(model._meta.label, ())
    row = model._default_manager.order_by("-pk")[1234] if names else None
    return [str(getattr(row, name)) for name in names]


def visit(client: Any, address: str, name: str = "") -> Step:
    """Ask for an address, which must answer; a stream is read to its end."""
    if isinstance(client, Caller):
        client.renew()
    with watched(name or address) as step:
        answer = client.get(address)
        size = sum(map(len, answer)) if answer.streaming else len(answer.content)
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code} {answer.content[:200]}")
    step.page = "" if answer.streaming else answer.content.decode()
    step.size = size
    return step


def walk_shop(reader: Any, staff: Any, browser: Any) -> Iterator[Step]:
    """The lists of the API and of the pages: of a customer with orders, of staff, of a browser, and the next page."""
    products, orders = "/api/products/", "/api/orders/"
    filters = [
        "", "ordering=-price", "ordering=created", "category=cup", "category=nothing", "in_stock=true",
        "in_stock=false",
        "category=cup&in_stock=false", "currency=EUR&price_min=990&price_max=995", "currency=EUR&price_max=1",
        "q=cup", "q=walnut", "q=red+cup", "q=b0001234", "q=nothing+at+all", "q=house", "q=cup&ordering=-price",
        "q=walnut&ordering=price", "q=walnut&category=cup",
    ]  # fmt: skip
    for query in filters:
        yield from visit_two(reader, f"{products}?{query}")
        # The page offers neither an order beside a search nor a category that there is not.
        if "ordering" not in query and "category=nothing" not in query:
            yield visit(browser, f"/products/?{query}")
    for status in ["", *Status.values]:
        yield from visit_two(reader, f"{orders}?status={status}", of="customer")
        yield from visit_two(staff, f"{orders}?status={status}", of="staff")
    yield visit(browser, "/orders/")
    yield visit(reader, "/api/accounts/sessions/")
    yield visit(browser, "/account/")
    yield visit(browser, "/account/sessions/")


def visit_two(client: Any, address: str, of: str = "") -> Iterator[Step]:
    """A page of a list of the API, and the next one."""
    first = visit(client, address, f"{address} ({of})" if of else address)
    yield first
    if following := json.loads(first.page)["next"]:
        yield visit(client, following, f"{first.name}, next page")


# A shop that is there alone ---------------------------------------------------------------------


def walk_all(count: int) -> Iterator[Step]:
    """Everything, on a database that nobody else uses: pages, exports, jobs, and a role that all people have."""
    staff, customer = Caller(STAFF), Caller("customer1@example.com")
    yield from walk_admin(staff)
    yield from walk_shop(customer, staff, customer)
    yield visit(staff, "/metrics")
    yield from walk_exports(staff)
    yield from delete_role(count)
    for job in find_jobs():
        with watched(f"job: {job.service}, {job.name}") as step:
            job.run()
        yield step
    with TemporaryDirectory() as folder, watched("archive_events") as step:
        call_command("archive_events", folder, stdout=sys.stderr)
        step.size = sum(path.stat().st_size for path in Path(folder).iterdir())
    yield step


class Caller:
    """Somebody's program and browser in one, who log in again before their token expires."""

    def __init__(self, email: str) -> None:
        self.user, made = User.objects.get_or_create(email=email, defaults={"password": "!"})
        if made:
            self.user.roles.set(Role.objects.filter(name__in=["admin", "customer"]))
            User.objects.filter(pk=self.user.pk).update(email_verified_at=self.user.created_at)
        self.log_in()

    def log_in(self) -> None:
        token = sessions.open_session(self.user, sessions.Origin("web"), "pwd otp mfa").access
        self.client = Client(HTTP_HOST=HOST, HTTP_X_FORWARDED_PROTO="https", HTTP_AUTHORIZATION=f"Bearer {token}")
        self.client.cookies[access_name()] = token
        self.logged_in_at = time.monotonic()

    def get(self, address: str) -> Any:
        return self.client.get(address)

    def renew(self) -> None:
        if time.monotonic() - self.logged_in_at > 120:
            self.log_in()


def keep(step: Step) -> dict[str, Any]:
    """A step as JSON has it; who waits sees how it went."""
    print(f"  {step.seconds:8.2f} s {step.memory >> 20:5} MiB  {step.name}", file=sys.stderr)
    return vars(step) | {"scanned": sorted(step.scanned), "page": ""}


def walk_exports(staff: Any) -> Iterator[Step]:
    """Every export, as a download and as a command."""
    yield visit(staff, "/admin/orders/order/export/?download=1")
    yield visit(staff, "/admin/orders/order/export/?download=1&status=returned&since=2026-01-01")
    yield visit(staff, "/admin/products/product/export/")
    for command in ("export_orders", "export_products"):
        with TemporaryDirectory() as folder, watched(command) as step:
            call_command(command, f"{folder}/all.csv", verbosity=0, stdout=sys.stderr)
            step.size = Path(f"{folder}/all.csv").stat().st_size
        yield step


CROWD = """
INSERT INTO accounts_user_roles (user_id, role_id)
SELECT md5('u' || i)::uuid, {role} FROM generate_series(1, {count}) i
"""


def delete_role(count: int) -> Iterator[Step]:
    """Delete a role that everybody has, and take the people out of it once no token says it any more."""
    role = Role.objects.create(name="crowd", scopes=["orders:read"])
    with connection.cursor() as cursor:
        cursor.execute(CROWD.format(role=role.pk, count=count))
        cursor.execute("ANALYZE accounts_user_roles")
    with watched("delete a role that everybody has") as step:
        access.delete_role(role, by=SYSTEM)
    yield step
    Role.objects.filter(pk=role.pk).update(deleted_at=timezone.now() - timedelta(days=1))
    with watched("job: accounts, clear roles (of everybody)") as step:
        access.clear_roles()
    yield step
