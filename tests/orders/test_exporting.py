"""Orders as a CSV file, a row per line."""

import csv
import gzip

import pytest
from django.core.management import CommandError, call_command

from database.csv_writing import write_csv
from orders.csv_export import HEADER, export_orders
from orders.models import Order

pytestmark = pytest.mark.django_db


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.database
def test_each_line_is_a_row_with_its_order(alice, tea, mug, place, tmp_path):
    placed = place(alice, {tea: 2, mug: 1}, ship_to="1 Mosaic Lane\nRavenna").json()

    count = write_csv(tmp_path / "orders.csv", export_orders())

    rows = read(tmp_path / "orders.csv")
    order = Order.objects.get()
    shared = {
        "number": placed["number"],
        "order": placed["id"],
        "status": "placed",
        "created_at": f"{order.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "placed_at": f"{order.placed_at:%Y-%m-%dT%H:%M:%SZ}",
        "customer_id": alice.sub,
        "customer_name": "Alice",
        "customer_email": "alice@example.com",
        "ship_to": "1 Mosaic Lane\nRavenna",
        "payment_reference": "",
        "currency": "EUR",
        "total": "18.80",
        **dict.fromkeys(["tracking", "note", "refund"], ""),
    }
    lines = [
        {"product": str(tea), "sku": "tea", "name": "Tea", "quantity": "2", "unit_price": "4.50", "line_total": "9.00"},
        {"product": str(mug), "sku": "mug", "name": "Mug", "quantity": "1", "unit_price": "9.80", "line_total": "9.80"},
    ]
    assert count == 2
    assert rows == [shared | line for line in sorted(lines, key=lambda line: line["product"])]
    assert list(rows[0]) == HEADER


def test_an_order_that_waits_has_no_amounts(alice, tea, place, inventory, tmp_path):
    inventory.down = True
    place(alice, {tea: 2})

    write_csv(tmp_path / "orders.csv", export_orders())

    row = read(tmp_path / "orders.csv")[0]
    assert (row["status"], row["quantity"]) == ("pending", "2")
    assert {row[name] for name in ("placed_at", "currency", "total", "sku", "unit_price", "line_total")} == {""}


def test_a_stranger_writes_no_formula(alice, tea, place, tmp_path):
    place(alice, {tea: 1}, ship_to='=HYPERLINK("http://example.com")')

    write_csv(tmp_path / "orders.csv", export_orders())

    assert read(tmp_path / "orders.csv")[0]["ship_to"] == '\'=HYPERLINK("http://example.com")'


def test_a_sku_is_no_formula_either(alice, place, inventory, tmp_path):
    place(alice, {inventory.add("=1+1"): 1})

    write_csv(tmp_path / "orders.csv", export_orders())

    assert read(tmp_path / "orders.csv")[0]["sku"] == "'=1+1"


def test_rows_are_not_kept_in_memory(alice, tea, mug, place, tmp_path, django_assert_num_queries):
    for _ in range(3):
        place(alice, {tea: 1, mug: 1})

    # A batch of orders and their lines, and that no more come.
    with django_assert_num_queries(3):
        write_csv(tmp_path / "orders.csv", export_orders())


def test_orders_are_read_in_batches_each_after_the_one_before(alice, tea, mug, place, tmp_path, monkeypatch):
    monkeypatch.setattr("wire.keyset.EACH", 2)
    placed = [place(alice, {tea: 1, mug: 1}).json()["number"] for _ in range(3)]

    write_csv(tmp_path / "orders.csv", export_orders())

    assert [row["number"] for row in read(tmp_path / "orders.csv")] == [number for number in placed for _ in range(2)]


def test_the_command_packs_by_name_and_says_how_many(alice, tea, place, tmp_path, capsys):
    place(alice, {tea: 1})

    call_command("export_orders", str(tmp_path / "orders.csv.gz"))

    assert capsys.readouterr().out == "1 lines written.\n"
    with gzip.open(tmp_path / "orders.csv.gz", "rt", newline="") as file:
        assert len(list(csv.reader(file))) == 2


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"cannot be written.*nowhere"):
        call_command("export_orders", str(tmp_path / "nowhere" / "orders.csv"))


@pytest.fixture
def three(alice, tea, place):
    """Orders of three days, the second of them cancelled."""
    for day in ("2026-01-30", "2026-01-31", "2026-02-01"):
        order = Order.objects.get(pk=place(alice, {tea: 1}).json()["id"])
        Order.objects.filter(pk=order.pk).update(created_at=f"{day}T12:00:00Z")
    Order.objects.filter(created_at__day=31).update(status="cancelled")


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ([], ["30", "31", "01"]),
        (["--since", "2026-01-31"], ["31", "01"]),
        (["--until", "2026-01-31"], ["30", "31"]),
        (["--since", "2026-01-31T12:00:00Z", "--until", "2026-01-31T12:00:01+00:00"], ["31"]),
        (["--since", "2026-01-31T13:30:00+01:00", "--until", "2026-02-01 12:00"], []),
        (["--status", "placed"], ["30", "01"]),
        (["--since", "0001-01-01", "--until", "9999-12-31"], ["30", "31", "01"]),
        (["--status", "placed", "--status", "cancelled", "--until", "2026-01-31"], ["30", "31"]),
    ],
)
def test_orders_are_chosen_by_time_and_status(three, tmp_path, options, days):
    call_command("export_orders", str(tmp_path / "orders.csv"), *options)

    assert [row["created_at"][8:10] for row in read(tmp_path / "orders.csv")] == days


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--since", "yesterday"], "'yesterday' is neither a day"),
        (["--until", "2026-02-30"], "'2026-02-30': day"),
        (["--status", "lost"], "invalid choice: 'lost'"),
        (["--since", "2026-02-01", "--until", "2026-01-31"], "--since is not before --until"),
        (["--since", "2026-02-01T12:00Z", "--until", "2026-02-01T12:00Z"], "--since is not before --until"),
        (["--since", "0001-01-01T00:00:00+14:00"], "beyond the years 1 to 9999"),
    ],
)
def test_what_is_no_time_or_status_is_told(tmp_path, options, complaint):
    with pytest.raises(CommandError, match=complaint):
        call_command("export_orders", str(tmp_path / "orders.csv"), *options)


def test_orders_for_a_spreadsheet_are_marked_as_utf_8(alice, tea, place, tmp_path):
    place(alice, {tea: 1}, ship_to="Łódź")

    call_command("export_orders", str(tmp_path / "orders.csv"), "--spreadsheet")

    assert (tmp_path / "orders.csv").read_bytes().startswith(b"\xef\xbb\xbfnumber,")


# In the admin -----------------------------------------------------------------------------------


EXPORT = "/admin/orders/order/export/"


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("", ["30", "31", "01"]),
        ("&since=2026-01-31&until=2026-01-31", ["31"]),
        ("&status=placed", ["30", "01"]),
        ("&status=placed&status=cancelled&until=9999-12-31", ["30", "31", "01"]),
    ],
)
def test_staff_download_what_they_choose(three, dave, query, days):
    answer = dave.browser.get(f"{EXPORT}?download=1{query}")

    rows = csv.DictReader(b"".join(answer.streaming_content).decode().splitlines())
    assert [row["created_at"][8:10] for row in rows] == days


@pytest.mark.parametrize("query", ["", "?download=1&since=x", "?download=1&since=2026-02-01&until=2026-01-01"])
def test_the_page_says_what_may_be_chosen(dave, query):
    page = dave.browser.get(EXPORT + query)

    assert page.status_code == 200
    assert ('class="errorlist' in page.content.decode()) == bool(query)


@pytest.mark.parametrize("query", ["state=placed", "since=2026-01-01&since=2026-02-01"])
def test_a_typing_error_in_the_address_gives_no_other_file(dave, query):
    assert dave.browser.get(f"{EXPORT}?download=1&{query}").status_code == 400


def test_other_staff_may_not(carol):
    assert carol.browser.get(f"{EXPORT}?download=1").status_code == 403
