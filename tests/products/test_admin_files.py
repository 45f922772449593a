"""Staff import and export the catalogue in the admin: a file is shown before it is written."""

import re
from decimal import Decimal
from io import BytesIO

import pytest
from django.test import Client

from products import reservations
from products.csv_files import uploads
from products.models import Movement, Product, UploadedFile
from products.reservations import RequestedLine

pytestmark = [pytest.mark.django_db, pytest.mark.database]

IMPORT = "/admin/products/product/import/"
FILE = "sku,name,price,on_hand\nTEA,Green tea,5.00,4\nCUP,Cup,12.00,3\nBAD,Bad,free,1\n"


@pytest.fixture
def browser(carol):
    return carol.browser


@pytest.fixture
def send(browser):
    """Send a file; the address of the page that shows it."""

    def send(content, *, name="goods.csv", by=browser, **options):
        file = BytesIO(content if isinstance(content, bytes) else content.encode())
        file.name = name
        answer = by.post(IMPORT, {"file": file, "on_existing": "keep", **options})
        assert answer.status_code == 302, answer.content.decode()
        return answer["Location"]

    return send


def text(page):
    return re.sub(r"\s+", " ", page.content.decode())


def shelf():
    return list(Product.objects.order_by("sku").values_list("sku", "name", "stock__on_hand"))


def test_a_file_is_shown_first_and_written_when_that_is_confirmed(browser, send, tea, carol):
    address = send(FILE)
    shown = text(browser.get(address))
    before = shelf()

    browser.post(address)
    written = text(browser.get(address))

    assert "Nothing is written yet." in shown
    for words in (
        "line 4: price &#x27;free&#x27; is not a number",
        "Read as UTF-8",
        "1 created, 1 changed, 0 unchanged",
    ):
        assert words in shown
        assert words in written
    assert before == [("TEA", "Tea", 10)]
    assert shelf() == [("CUP", "Cup", 3), ("TEA", "Green tea", 10)]
    assert "This file was written." in written
    assert set(Movement.objects.filter(reason="import").values_list("sub", flat=True)) == {carol.sub}
    assert UploadedFile.objects.get().content == b""


def test_a_file_is_written_once_however_often_it_is_confirmed(browser, send, tea, counters):
    address = send("sku,name,price,on_hand\nTEA,Tea,4.50,5\n", on_existing="add")

    answers = [browser.post(address, follow=True) for _ in range(3)]

    assert counters(tea) == (15, 0)
    assert "stock of TEA: 10 before, 15 after" in text(answers[0])
    assert "nothing was done again" in text(answers[2])


def test_a_file_that_two_confirm_at_once_is_written_once(send, tea, counters, at_once):
    send("sku,name,price,on_hand\nTEA,Tea,4.50,5\n", on_existing="add")
    upload_id = UploadedFile.objects.get().pk
    uploads.confirm(upload_id)

    at_once(*[lambda: uploads.advance(upload_id)] * 4)

    assert counters(tea) == (15, 0)


def test_one_that_takes_long_is_left_to_the_worker(browser, send, monkeypatch, tea):
    monkeypatch.setattr(uploads, "IN_REQUEST", -1)
    address = send(FILE)
    waiting = text(browser.get(address))
    uploads.run_uploads()
    checked = text(browser.get(address))
    browser.post(address)
    before = shelf()
    writing = text(browser.get(address))

    uploads.run_uploads()

    assert "It is being checked" in waiting
    assert 'http-equiv="refresh"' in waiting
    assert "Nothing is written yet." in checked
    assert "This file is being written" in writing
    assert before == [("TEA", "Tea", 10)]
    assert shelf() == [("CUP", "Cup", 3), ("TEA", "Green tea", 10)]
    assert "This file was written." in text(browser.get(address))


def test_options_are_those_of_the_command(browser, send):
    content = "Artikel;Name;Preis\nA;Grüner Tee;1,200\n".encode("cp1252")

    address = send(content, decimal=",", currency="GBP", on_hand="7", column_sku="Artikel", column_price="preis")
    browser.post(address)

    fields = ("sku", "name", "price", "currency", "stock__on_hand")
    assert list(Product.objects.values_list(*fields)) == [("A", "Grüner Tee", Decimal("1.2"), "GBP", 7)]


def test_a_file_that_cannot_be_taken_is_told(browser, send):
    page = text(browser.get(send("sku;price\nA;4\n")))

    assert "This file cannot be taken. Nothing was written." in page
    assert "There is no column &#x27;name&#x27; for name" in page


def test_a_preset_is_proposed_where_it_would_help(browser, send):
    page = text(browser.get(send("Handle,Title,Variant Price\nmug,Mug,4\n")))

    assert "--preset shopify" in page


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        (b"sku,name,price,x\0y\nA,Tea,4,1\n", "", r"not taken: x\x00y."),
        (b"sku,name,price,x\x1b[2J\nA,Tea,4,1\n", "", r"not taken: x\x1b[2J."),
        (b"sku,name,price,+2AA-\nA,Tea,4,1\n", "utf-7", r"not taken: \ud800."),
        ("sku,name,price\nA,T\xe4\0,4\nB,Tea,4\n".encode("cp1252"), "", r"it has &quot;Tä\x00&quot;"),
    ],
)
def test_whatever_letters_a_file_has_its_report_is_kept_and_shown(browser, send, content, encoding, words):
    page = text(browser.get(send(content, encoding=encoding)))

    assert words in page
    assert "1 created" in page


def test_a_file_that_cannot_be_worked_on_holds_up_no_other(browser, send, monkeypatch):
    monkeypatch.setattr(uploads, "IN_REQUEST", -1)
    send(FILE, name="first.csv")
    UploadedFile.objects.update(options={"on_existing": "keep", "of_another_release": True})
    address = send(FILE)

    for _ in range(2):
        with pytest.raises(TypeError):
            uploads.run_uploads()

    assert "Nothing is written yet." in text(browser.get(address))


def test_stock_below_what_is_reserved_meanwhile_is_left_out(browser, send, tea, order_id, counters):
    address = send("sku,name,price,on_hand\nTEA,Tea,4.50,2\n", on_existing="set")
    reservations.reserve(order_id, [RequestedLine(tea.pk, 3)])

    browser.post(address)

    assert "on_hand 2 is below the 3 reserved" in text(browser.get(address))
    assert counters(tea) == (10, 3)


# Who may, and how much --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["import/", "export/", "count/"])
def test_other_staff_may_not(dave, alice, path):
    assert dave.browser.get(f"/admin/products/product/{path}").status_code == 403
    assert alice.browser.get(f"/admin/products/product/{path}").status_code == 403


def test_a_file_without_csrf_token_is_refused(carol):
    browser = Client(enforce_csrf_checks=True)
    browser.cookies.update(carol.browser.cookies)

    answer = browser.post(IMPORT, {"file": BytesIO(FILE.encode()), "on_existing": "keep"})

    assert answer.status_code == 403
    assert not UploadedFile.objects.exists()


def test_a_file_of_ten_megabytes_is_taken(browser, send):
    row = "A,%s,4.50\n" % ("T" * 100)
    address = send("sku,name,price\n" + row * (9_900_000 // len(row)))

    assert UploadedFile.objects.count() == 1
    assert browser.get(address).status_code == 200


def test_one_larger_is_refused(browser):
    answer = browser.post(IMPORT, {"file": BytesIO(b"x" * (uploads.MAX_FILE + 1)), "on_existing": "keep"})
    larger = browser.post(IMPORT, {"file": BytesIO(b"x")}, CONTENT_LENGTH=str(60_000_000))

    assert "larger than 10 MB" in text(answer)
    assert larger.status_code == 413
    assert not UploadedFile.objects.exists()


@pytest.mark.parametrize("path", ["/admin/products/product/count/", "/admin/products/product/add/", "/products/"])
def test_no_other_page_takes_a_file(browser, path):
    large = browser.post(path, {"file": BytesIO(b"x" * 100_000)})
    small = browser.post(path, {"file": BytesIO(b"x")})

    assert large.status_code == 413
    assert small.status_code in (400, 405)


def test_a_stranger_s_file_is_not_read(client, settings):
    settings.FILE_UPLOAD_TEMP_DIR = "/nowhere"

    answer = client.post(IMPORT, {"file": BytesIO(b"x" * 1_000_000)})

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_a_customer_s_file_is_refused(alice, settings):
    settings.FILE_UPLOAD_TEMP_DIR = "/nowhere"

    assert alice.browser.post(IMPORT, {"file": BytesIO(b"x" * 1_000_000)}).status_code == 413
    assert alice.browser.post(IMPORT, {"file": BytesIO(b"x")}).status_code in (400, 403)


def test_two_files_at_once_are_refused(browser):
    answer = browser.post(IMPORT, {"file": BytesIO(b"x"), "second": BytesIO(b"x"), "on_existing": "keep"})

    assert answer.status_code == 400


def test_the_newest_files_of_a_person_are_kept(send):
    for number in range(7):
        send(FILE, name=f"{number}.csv")

    assert list(UploadedFile.objects.order_by("created_at").values_list("name", flat=True)) == [
        f"{number}.csv" for number in range(2, 7)
    ]


# Export -----------------------------------------------------------------------------------------


def test_the_catalogue_is_downloaded(browser, tea):
    answer = browser.get("/admin/products/product/export/")

    assert b"".join(answer.streaming_content) == (
        b"sku,name,price,description,category,currency,active,on_hand\r\nTEA,Tea,4.50,Black.,Drinks,EUR,true,10\r\n"
    )
    assert answer["Content-Disposition"] == 'attachment; filename="products.csv"'


def test_it_is_downloaded_for_excel(browser, add):
    add("=1+1")

    content = b"".join(browser.get("/admin/products/product/export/?spreadsheet=1").streaming_content)

    assert content.startswith(b"\xef\xbb\xbfsku,")
    assert b"'=1+1" in content
