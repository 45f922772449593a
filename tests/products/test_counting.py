"""Staff count stock: numbers are typed, compared with the books, and corrected all at once."""

import re
from uuid import uuid4

import pytest

from products import reservations, stock
from products.models import Event, Movement, StockCount
from products.reservations import RequestedLine
from products.stock import AlreadyCorrected
from products.stock_count import ChangedMeanwhile, Counted, correct_counted
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.database]

COUNT = "/admin/products/product/count/"


@pytest.fixture
def browser(carol):
    return carol.browser


def text(page):
    return re.sub(r"\s+", " ", page.content.decode())


def fields(page, **typed):
    """What a browser sends of a page, with numbers typed for products by sku."""
    content = page.content.decode()
    sent = {"key": re.search(r'name="key" value="([^"]+)"', content)[1]}
    sent["shown"] = re.findall(r'name="shown" value="([^"]+)"', content)
    sent |= dict(re.findall(r'name="(counted-[^"]+)" value="([^"]*)"', content))
    for row in re.findall(r"<tr.*?</tr>", content.partition('class="count"')[2], re.DOTALL)[1:]:
        sku = re.search(r'class="quiet">([^<]+)<', row)[1]
        if sku in typed:
            sent[re.search(r'name="(counted-[^"]+)"', row)[1]] = typed[sku]
    return sent


def compare(browser, **typed):
    return browser.post(COUNT, fields(browser.get(COUNT), **typed) | {"compare": "1"})


def test_what_was_counted_is_compared_and_then_corrected(browser, tea, cup, counters, carol):
    compared = compare(browser, TEA="8", CUP="3")
    before = counters(tea)

    corrected = browser.post(COUNT, fields(compared) | {"correct": "1"}, follow=True)

    assert "<strong>-2</strong>" in text(compared)
    assert before == (10, 0)
    assert "2 products were counted. Stock corrected: 1." in text(corrected)
    assert (counters(tea), counters(cup)) == ((8, 0), (3, 0))
    newest = Movement.objects.values("kind", "on_hand", "reason", "sub").first()
    assert newest == {"kind": "correct", "on_hand": -2, "reason": "count", "sub": carol.sub}
    assert Event.objects.about(tea).last().facts == {"change": -2, "reason": "count"}


def test_sent_twice_it_corrects_once(browser, tea, counters):
    sent = fields(compare(browser, TEA="8")) | {"correct": "1"}

    browser.post(COUNT, sent)
    stock.correct(tea.pk, 2, reason="found", by=SYSTEM)
    again = browser.post(COUNT, sent, follow=True)

    assert counters(tea) == (10, 0)
    assert "written already" in text(again)


def test_numbers_are_not_corrected_unseen(browser, tea, counters):
    sent = fields(compare(browser, TEA="8"), TEA="5") | {"correct": "1"}

    page = browser.post(COUNT, sent)

    assert "<strong>-5</strong>" in text(page)
    assert counters(tea) == (10, 0)


def test_a_sale_in_between_is_shown_and_nothing_is_written(browser, tea, cup, order_id, counters):
    sent = fields(compare(browser, TEA="8", CUP="2")) | {"correct": "1"}
    reservations.reserve(order_id, [RequestedLine(tea.pk, 3)])
    reservations.fulfil(order_id)

    page = browser.post(COUNT, sent)

    assert "10 were on hand when you began: sold or corrected since." in text(page)
    assert "<strong>+1</strong>" in text(page)
    assert (counters(tea), counters(cup)) == ((7, 0), (3, 0))


def test_fewer_than_are_reserved_is_refused_with_the_reason(browser, tea, cup, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 4)])

    page = compare(browser, TEA="3", CUP="2")
    browser.post(COUNT, fields(page) | {"correct": "1"})

    assert "4 are reserved for orders, so that there cannot be fewer." in text(page)
    assert 'name="correct"' not in text(page)
    assert (counters(tea), counters(cup)) == ((10, 4), (3, 0))


@pytest.mark.parametrize("typed", ["some", "-1", "1.5", "1,200", "9" * 20, "7" * 39])
def test_what_is_no_count_is_told(browser, tea, counters, typed):
    page = compare(browser, TEA=typed)

    assert 'class="errornote"' in text(page)
    assert f'value="{typed}"' in text(page)
    assert counters(tea) == (10, 0)


def test_a_count_that_may_be_two_numbers_is_told_without_the_words_of_the_command(browser, tea):
    page = text(compare(browser, TEA="1.200"))

    assert "1.200 may be meant in two ways: type the number without point and comma." in page
    assert "--decimal" not in page


def test_twenty_are_on_a_page_and_a_search_narrows_them(browser, add):
    for number in range(25):
        add(f"Scone {number:02}")
    add("Tea")

    first, found = browser.get(COUNT), browser.get(COUNT, {"q": "tea"})

    assert [text(page).count('name="shown"') for page in (first, found)] == [20, 1]
    assert "count the next products" in text(first)


def test_those_that_were_picked_in_the_list_are_counted(browser, tea, cup, add):
    add("Pot")
    sent = {"action": "count_stock", "_selected_action": [str(tea.pk), str(cup.pk)]}

    page = browser.post("/admin/products/product/", sent, follow=True)

    assert text(page).count('name="shown"') == 2


@pytest.mark.parametrize("query", ["id=x", "cursor=x", "q=%00", "id=00000000-0000-4000-8000-000000000001"])
def test_an_address_that_is_wrong_is_no_failure(browser, tea, query):
    assert browser.get(f"{COUNT}?{query}").status_code == 200


@pytest.mark.parametrize("query", ["qq=tea", "q=tea&q=mug", "limit=5"])
def test_a_typing_error_in_the_address_is_told(browser, tea, query):
    assert browser.get(f"{COUNT}?{query}").status_code == 400


@pytest.mark.parametrize("sent", [{}, {"shown": ["x", "1:2:3:4:5"]}, {"correct": "1"}, {"key": "x", "shown": "::::"}])
def test_what_no_page_sends_changes_nothing(browser, tea, counters, sent):
    assert browser.post(COUNT, sent).status_code == 200
    assert counters(tea) == (10, 0)


# The use case -----------------------------------------------------------------------------------


def test_all_or_none(tea, cup, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(cup.pk, 2)])

    with pytest.raises(stock.BelowReserved):
        correct_counted(uuid4(), [Counted(tea.pk, 5, 10), Counted(cup.pk, 1, 3)], by=SYSTEM)

    assert (counters(tea), counters(cup)) == ((10, 0), (3, 2))
    assert not StockCount.objects.exists()


def test_a_count_of_other_stock_is_refused(tea, counters):
    with pytest.raises(ChangedMeanwhile):
        correct_counted(uuid4(), [Counted(tea.pk, 5, 9)], by=SYSTEM)

    assert counters(tea) == (10, 0)


def test_many_at_once_with_one_key_correct_once(tea, cup, counters, at_once):
    key = uuid4()

    def correct():
        try:
            return correct_counted(key, [Counted(tea.pk, 5, 10), Counted(cup.pk, 4, 3)], by=SYSTEM)
        except AlreadyCorrected:
            return "already"

    assert sorted(map(str, at_once(*[correct] * 4))) == ["2", "already", "already", "already"]
    assert (counters(tea), counters(cup)) == ((5, 0), (4, 0))


def test_counts_and_sales_at_once_leave_books_that_add_up(tea, counters, at_once):
    def correct():
        try:
            return correct_counted(uuid4(), [Counted(tea.pk, 5, 10)], by=SYSTEM)
        except (ChangedMeanwhile, stock.BelowReserved) as error:
            return type(error).__name__

    at_once(correct, correct, *[lambda: reservations.reserve(uuid4(), [RequestedLine(tea.pk, 1)])] * 4)

    assert counters(tea) == (5, 4)
