"""What a customer is told by mail: once for each thing that happens to their order."""

import pytest
from django.core import mail
from django.utils import timezone

from orders import mails, resuming
from orders.jobs import JOBS
from orders.models import Mail, Order

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def sends_mail(settings):
    settings.SENDS_MAIL = True


@pytest.fixture
def order(place, alice, tea):
    return Order.objects.get(pk=place(alice, {tea: 2}, ship_to="1 Mosaic Lane").json()["id"])


def kinds():
    return list(Mail.objects.order_by("written_at", "kind").values_list("kind", flat=True))


def send():
    run, _ = JOBS["send mails"]
    run()
    return mail.outbox


def test_an_order_that_is_placed_is_confirmed_with_all_that_one_has_to_know(order, settings):
    settings.PAYMENT_WORDS = "By bank transfer\nto XX00 1234"

    [message] = send()

    html = message.alternatives[0][0]
    assert (message.to, message.subject) == (["alice@example.com"], f"Thank you for order {order.number}")
    for words in ("Tea", "9.00 EUR", "1 Mosaic Lane", "to XX00 1234", order.number, f"/orders/{order.pk}/", "UTC"):
        assert words in message.body
        assert words in html


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (["pay"], "order paid"),
        (["pay", "ship"], "order shipped"),
        (["cancel"], "order cancelled"),
        (["pay", "cancel"], "order cancelled"),
    ],
)
def test_each_step_is_told_once_however_often_it_is_taken(order, act, dave, steps, told):
    for action in [*steps, steps[-1]]:
        act(dave, {"id": order.pk}, action, **({"reference": "R1"} if action == "pay" else {}))

    assert kinds().count(told) == 1
    assert len(send()) == len(steps) + 1


def test_what_is_delivered_or_returned_is_not_told(order, act, dave):
    for action in ("pay", "ship", "deliver", "return"):
        act(dave, {"id": order.pk}, action, **({"reference": "R1"} if action == "pay" else {}))

    assert kinds() == ["order placed", "order paid", "order shipped"]


def test_an_order_that_expires_is_told(order, later):
    later(order.pk, hours=25)

    resuming.expire_unpaid()

    assert kinds()[-1] == "order expired"
    assert "expired" in send()[-1].subject


def test_who_is_answered_that_it_is_refused_gets_no_mail(place, alice, mug):
    assert place(alice, {mug: 5}).status_code == 409
    assert kinds() == []


def test_who_was_told_to_wait_gets_a_mail_when_it_is_refused(place, alice, inventory, mug, later):
    inventory.down = True
    order = place(alice, {mug: 5}).json()
    inventory.down = False
    later(order["id"], minutes=1)

    resuming.settle_orders()

    [message] = send()
    assert message.subject == f"We could not place order {order['number']}"
    assert "Mug: Only 3 left; you wanted 5." in message.body


def test_a_mail_is_written_with_its_event_or_not_at_all(order, act, dave, monkeypatch):
    monkeypatch.setattr(mails.prepared, "insert_unanswered", lambda *_, **__: (_ for _ in ()).throw(RuntimeError))

    with pytest.raises(RuntimeError):
        act(dave, {"id": order.pk}, "pay", reference="R1")

    order.refresh_from_db()
    assert (order.status, kinds()) == ("placed", ["order placed"])


def test_one_mail_of_a_kind_is_written_for_an_order(order):
    mails.write_mail(order, "placed")

    assert kinds() == ["order placed"]


def test_an_address_gets_so_many_mails_of_a_kind_in_an_hour(order, settings):
    settings.MAILS_PER_HOUR = 1
    other = Order.objects.create(customer_id="x", customer_email="alice@example.com", placed_at=timezone.now(), total=1)
    mails.write_mail(other, "placed")

    assert len(send()) == 1
    assert sorted(Mail.objects.values_list("state", flat=True)) == ["dropped", "sent"]


def test_who_has_no_address_gets_no_mail(place, alice, tea):
    Order.objects.create(customer_id="x")

    mails.write_mail(Order.objects.get(), "placed")

    assert kinds() == []


def test_a_shop_that_sends_no_mail_writes_none(settings, place, alice, tea):
    settings.SENDS_MAIL = False
    place(alice, {tea: 1})

    assert kinds() == []


def test_what_a_customer_wrote_is_text_and_no_html(place, alice, tea):
    place(alice, {tea: 1}, ship_to="<b>1 Mosaic Lane</b>")

    [message] = send()

    assert "<b>1 Mosaic" in message.body
    assert "&lt;b&gt;1 Mosaic" in message.alternatives[0][0]
