"""The life of an order, by the table."""

import pytest

from orders.lifecycle import ACTIONS, TRANSITIONS, Status, allowed_actions
from orders.models import Event, Order
from tests.conftest import CUSTOMER, Person

pytestmark = pytest.mark.django_db


def test_an_order_is_paid_shipped_delivered_and_returned(alice, dave, tea, place, act, inventory):
    order = place(alice, {tea: 4}).json()

    paid = act(dave, order, "pay", reference="P-1")
    counters = [inventory.counters(tea)]
    for action in ("ship", "deliver", "return"):
        last = act(dave, order, action)
        counters.append(inventory.counters(tea))

    assert (paid.status_code, paid["ETag"], paid.json()["status"]) == (200, '"3"', "paid")
    assert (last.json()["status"], last.json()["allowed_actions"]) == ("returned", [])
    assert counters == [(10, 4), (6, 0), (6, 0), (10, 0)]
    assert [(event["what"], event["by"], event["facts"]) for event in last.json()["events"]] == [
        ("pending", alice.sub, {}),
        ("placed", "system", {}),
        ("paid", dave.sub, {"reference": "P-1"}),
        ("shipped", dave.sub, {}),
        ("delivered", dave.sub, {}),
        ("returned", dave.sub, {}),
    ]
    assert Order.objects.get().outbox == ""


def test_an_owner_cancels_and_the_stock_goes_back(alice, tea, place, act, inventory):
    order = place(alice, {tea: 4}).json()

    response = act(alice, order, "cancel")

    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert inventory.counters(tea) == (10, 0)


ALLOWED = {
    "alice": {"pending": ["cancel"], "placed": ["cancel"]},
    "bob": {},
    "dave": {
        "pending": ["cancel"],
        "placed": ["cancel", "pay"],
        "paid": ["cancel", "ship"],
        "shipped": ["deliver"],
        "delivered": ["return"],
    },
    "bank": {"placed": ["pay"]},
}


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("name", ALLOWED)
def test_allowed_actions_are_those_of_the_table(name, status, alice):
    scope = {"dave": f"{CUSTOMER} orders:manage", "bank": "orders:pay"}.get(name, CUSTOMER)
    caller = Caller(Person(name, scope).sub, frozenset(scope.split()))

    assert list(allowed_actions(status, caller.scopes, is_own=caller.sub == alice.sub)) == ALLOWED[name].get(status, [])


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_manager_can_do_what_the_table_says_and_nothing_else(alice, dave, tea, place, act, status, action):
    order = place(alice, {tea: 1}).json()
    Order.objects.update(status=status)
    body = {"reference": "P-1"} if action == "pay" else {}
    after = {change.before: change.after for change in TRANSITIONS if change.action == action}
    done = status in after.values() and action != "pay"

    response = act(dave, order, action, **body)

    if status in after or done:
        assert (response.status_code, response.json()["status"]) == (200, after.get(status, status))
    else:
        assert (response.status_code, response.json()["code"]) == (409, "wrong-status")
        assert response.json()["order"]["status"] == Order.objects.get().status == status


def test_a_customer_does_not_pay_for_themselves(alice, tea, place, act):
    order = place(alice, {tea: 1}).json()

    response = act(alice, order, "pay", reference="P-1")

    assert (response.status_code, response.json()["code"]) == (403, "insufficient-scope")
    assert 'scope="orders:manage orders:pay"' in response["WWW-Authenticate"]
    assert Order.objects.get().status == "placed"


def test_a_payment_service_pays_and_does_nothing_else(alice, tea, place, act):
    bank = Person("bank", "orders:pay orders:write", sub="bank", client_id="bank", aud=["orders"])
    order = place(alice, {tea: 1}).json()

    paid = act(bank, order, "pay", reference="P-1")

    assert (paid.status_code, paid.json()["status"], paid.json()["allowed_actions"]) == (200, "paid", [])
    assert act(bank, order, "cancel").status_code == 404
    assert Order.objects.get().payment_reference == "P-1"


@pytest.mark.parametrize("action", ACTIONS)
def test_nobody_acts_on_the_order_of_somebody_else(alice, bob, tea, place, act, action):
    order = place(alice, {tea: 1}).json()

    response = act(bob, order, action, **({"reference": "P-1"} if action == "pay" else {}))

    assert response.status_code == (404 if action == "cancel" else 403)
    assert Order.objects.get().status == "placed"


@pytest.mark.parametrize(
    "body", [{}, {"reference": ""}, {"reference": "  "}, {"reference": 7}, {"reference": "P", "amount": "1.00"}, []]
)
def test_paying_takes_a_reference(alice, dave, tea, place, body):
    order = place(alice, {tea: 1}).json()

    response = dave.post(f"/api/orders/{order['id']}/pay/", body)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_other_actions_take_no_body(alice, tea, place, act):
    order = place(alice, {tea: 1}).json()

    assert act(alice, order, "cancel", why="changed my mind").status_code == 400
    assert alice.post(f"/api/orders/{order['id']}/cancel/").status_code == 200


def test_an_action_that_is_none_is_404(dave, tea, place, act):
    order = place(dave, {tea: 1}).json()

    assert act(dave, order, "expire").status_code == 404


def test_paying_again_is_the_same_only_with_the_same_reference(alice, dave, tea, place, act):
    order = place(alice, {tea: 1}).json()
    first = act(dave, order, "pay", reference="P-1")

    same, other = act(dave, order, "pay", reference="P-1"), act(dave, order, "pay", reference="P-2")

    assert (same.status_code, same.json()) == (200, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "wrong-status")
    assert Event.objects.filter(what="paid").count() == 1


def test_what_the_customer_is_told_stands_in_the_order_from_then_on(alice, dave, tea, place, act):
    order = place(alice, {tea: 1}, key='"k"').json()
    act(dave, order, "pay", reference="P-1")
    shipment = {"tracking": "DHL 00340 434", "note": "The pot\nis wrapped twice."}

    act(dave, order, "ship", **shipment)
    act(dave, order, "deliver")
    act(dave, order, "return", refund="4.50 EUR, R-7")
    shown, listed = alice.get(f"/api/orders/{order['id']}/").json(), alice.get("/api/orders/").json()["results"][0]
    again = place(alice, {tea: 1}, key='"k"').json()

    told = {**shipment, "refund": "4.50 EUR, R-7"}
    assert [{name: answer.get(name) for name in told} for answer in (shown, listed)] == [told, told]
    assert [event["facts"] for event in shown["events"][3:]] == [shipment, {}, {"refund": "4.50 EUR, R-7"}]
    assert again == order


@pytest.mark.parametrize(
    ("action", "body", "refused"),
    [
        ("ship", {"tracking": "x" * 201}, "tracking"),
        ("ship", {"note": "x" * 1001}, "note"),
        ("ship", {"refund": "1"}, "refund"),
        ("return", {"tracking": "x"}, "tracking"),
        ("cancel", {"note": "x"}, "note"),
    ],
)
def test_what_cannot_be_told_with_an_action_is_refused(alice, dave, tea, place, act, action, body, refused):
    order = place(alice, {tea: 1}).json()

    answer = act(dave, order, action, **body)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [refused])


def test_shipping_again_is_the_same_only_with_the_same_tracking(alice, dave, tea, place, act):
    order = place(alice, {tea: 1}).json()
    act(dave, order, "pay", reference="P-1")
    first = act(dave, order, "ship", tracking="T-1")

    same, silent, other = (act(dave, order, "ship", **body) for body in ({"tracking": "T-1"}, {}, {"tracking": "T-2"}))

    assert (first.json(), first.json()) == (same.json(), silent.json())
    assert (other.status_code, other.json()["code"]) == (409, "wrong-status")


def test_a_change_is_for_the_version_it_names(alice, tea, place, act):
    order = place(alice, {tea: 1}).json()

    stale = act(alice, order, "cancel", headers={"If-Match": '"1"'})
    foreign = act(alice, order, "cancel", headers={"If-Match": 'W/"1,2", "x"'})
    rubbish = act(alice, order, "cancel", headers={"If-Match": "2"})
    right = act(alice, order, "cancel", headers={"If-Match": '"1", "2"'})

    assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
    assert foreign.status_code == 412
    assert (rubbish.status_code, rubbish.json()["code"]) == (400, "malformed")
    assert (right.status_code, right["ETag"]) == (200, '"3"')


def test_what_was_shipped_unheard_is_still_taken_out_of_stock(return_unheard, tea, inventory):
    return_unheard(4)
    owed = Order.objects.get().outbox

    from orders.resuming import settle_orders

    settle_orders()

    assert owed == "fulfil take_back"
    assert inventory.heard[-2:] == ["fulfil", "take_back"]
    assert (Order.objects.get().outbox, inventory.counters(tea)) == ("", (10, 0))


class Caller:
    """Somebody with scopes."""

    client_id, name, email = "api", "", ""

    def __init__(self, sub, scopes):
        self.sub, self.scopes = sub, scopes


def write_table():
    rows = [
        (step.before, step.after, step.action or "-", " or ".join(step.allowed) or "system", step.call or "-")
        for step in TRANSITIONS
    ]
    header = ("from", "to", "action", "who", "owes products")
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])


def test_the_table_in_the_docs_is_the_one_in_the_code(settings):
    page = (settings.BASE_DIR / "docs/orders.md").read_text()

    assert f"\n\n{write_table()}\n" in page
