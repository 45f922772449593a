"""One key, one order, however often it is asked for."""

import threading
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from orders import idempotency, resuming
from orders.idempotency import clear_keys
from orders.models import IdempotencyKey, Order
from tests.conftest import CUSTOMER, Person

pytestmark = pytest.mark.django_db


def test_a_repeat_is_answered_with_the_same_bytes(alice, tea, place, inventory):
    first = place(alice, {tea: 2}, key='"k"')
    again = place(alice, {tea: 2}, key='"k"')

    assert (again.status_code, again.content, again["Location"]) == (201, first.content, first["Location"])
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert (Order.objects.count(), inventory.counters(tea)) == (1, (10, 2))


@pytest.mark.database
def test_a_refusal_is_repeated_even_when_there_is_stock_again(alice, tea, place, inventory):
    first = place(alice, {tea: 11}, key='"k"')
    inventory.shelves[tea].on_hand = 100

    again = place(alice, {tea: 11}, key='"k"')

    assert (first.status_code, again.status_code, again.content) == (409, 409, first.content)
    assert again["Content-Type"] == "application/problem+json"
    assert again["Idempotent-Replayed"] == "true"


def test_the_answer_stays_as_it_was_when_the_order_moves_on(alice, tea, place, act):
    first = place(alice, {tea: 2}, key='"k"')
    act(alice, first.json(), "cancel")

    assert place(alice, {tea: 2}, key='"k"').content == first.content


def test_the_answer_is_as_it_would_have_been_when_the_resolver_placed_the_order(
    alice, dave, tea, place, act, inventory
):
    inventory.down = True
    order = place(alice, {tea: 2}, key='"k"').json()
    inventory.down = False
    resuming.settle_orders()
    placed = alice.get(f"/api/orders/{order['id']}/").json()
    act(dave, order, "pay", reference="P-1")

    answer = place(alice, {tea: 2}, key='"k"')

    assert (answer.status_code, answer.json()) == (201, placed)
    assert place(alice, {tea: 2}, key='"k"').content == answer.content


@pytest.mark.parametrize("count", [2, 11])
def test_a_key_whose_answer_the_release_before_kept_is_answered_alike(alice, tea, place, count):
    first = place(alice, {tea: count}, key='"k"')
    IdempotencyKey.objects.update(status=first.status_code, body=first.content.decode())

    again = place(alice, {tea: count}, key='"k"')

    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (
        first.status_code,
        first.content,
        "true",
    )


def test_another_body_is_refused_with_the_order_of_the_key(alice, tea, place):
    first = place(alice, {tea: 2}, key='"k"')

    other = place(alice, {tea: 3}, key='"k"')

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert other.json()["order"] == first.json()["id"]
    assert Order.objects.count() == 1


def test_the_same_lines_in_another_order_are_the_same_body(alice, tea, mug, place):
    first = place(alice, {tea: 2, mug: 1}, key='"k"')

    assert place(alice, {mug: 1, tea: 2}, key='"k"').content == first.content


def test_a_key_survives_a_refreshed_token(alice, tea, place):
    first = place(alice, {tea: 2}, key='"k"')
    refreshed = Person("alice", CUSTOMER, sid="00000000-0000-4000-8000-0000000000aa")

    assert place(refreshed, {tea: 2}, key='"k"').content == first.content


@pytest.mark.parametrize("other", [Person, lambda _, scope: Person("alice", scope, client_id="web")])
def test_a_key_counts_for_one_person_and_one_client(alice, tea, place, other):
    place(alice, {tea: 2}, key='"k"')

    assert place(other("bob", CUSTOMER), {tea: 1}, key='"k"').status_code == 201
    assert Order.objects.count() == 2


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "idempotency-key-missing"),
        ('"', "idempotency-key-malformed"),
        ('""', "idempotency-key-malformed"),
        ('"a", "b"', "idempotency-key-malformed"),
        ('"a\\b"', "idempotency-key-malformed"),
        ("two words", "idempotency-key-malformed"),
        (f'"{"k" * 254}"', "idempotency-key-malformed"),
    ],
)
def test_no_key_no_order(alice, tea, place, key, code):
    response = alice.post(
        "/api/orders/", {"lines": [{"product": str(tea), "quantity": 1}]}, headers={"Idempotency-Key": key}
    )

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert Order.objects.count() == 0


def test_quotes_are_not_part_of_a_key(alice, tea, place):
    first = place(alice, {tea: 1}, key="k-1")

    assert place(alice, {tea: 1}, key='"k-1"').content == first.content


def test_a_request_still_under_way_is_told_so(alice, tea, place, inventory):
    answers = []
    inventory.meanwhile = lambda: answers.append(place(alice, {tea: 1}, key='"k"'))

    first = place(alice, {tea: 1}, key='"k"')

    assert first.status_code == 201
    assert (answers[0].status_code, answers[0].json()["code"]) == (409, "idempotency-key-in-use")
    assert answers[0]["Retry-After"] == "1"
    assert place(alice, {tea: 1}, key='"k"').content == first.content


def test_nothing_is_stored_for_an_error_of_ours(alice, tea, place, inventory):
    alice.raise_request_exception = False
    inventory.meanwhile = lambda: 1 / 0

    response = place(alice, {tea: 1}, key='"k"')

    assert response.status_code == 500
    assert (IdempotencyKey.objects.get().status, IdempotencyKey.objects.get().body) == (None, "")
    assert place(alice, {tea: 1}, key='"k"').status_code == 201
    assert (Order.objects.count(), inventory.counters(tea)) == (1, (10, 1))


@pytest.mark.parametrize("table", ["orders_event", "orders_idempotencykey", "orders_order"])
@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_leaves_the_key_to_the_next_at_once(
    alice, tea, place, inventory, table, wait_for_abandoned
):
    """Each write to a table fails once, before and after products was asked; the same key is then answered."""
    for number in range(4):
        key = f'"{table}-{number}"'
        with connection.execute_wrapper(Failing(table, number)):
            first = place(alice, {tea: 1}, key=key)
        wait_for_abandoned()

        again = place(alice, {tea: 1}, key=key)

        assert (first.status_code, again.status_code) in [(503, 201), (201, 201)]
    assert (Order.objects.exclude(status="placed").count(), inventory.counters(tea)) == (0, (10, 4))


class Failing:
    """The database is away for the write number `number` to a table, and back for the next."""

    def __init__(self, table, number):
        self.table, self.left = table, number

    def __call__(self, execute, sql, params, many, context):
        if self.table in sql and not sql.startswith("SELECT"):
            self.left -= 1
            if self.left == -1:
                raise OperationalError("away")
        return execute(sql, params, many, context)


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_key_is_free_once_a_database_that_was_away_is_back(alice, tea, place, inventory, wait_for_abandoned):
    def away(*_):
        raise OperationalError("away")

    inventory.meanwhile = lambda: stack.enter_context(connection.execute_wrapper(away))
    with ExitStack() as stack:
        first = place(alice, {tea: 1}, key='"k"')
        wait_for_abandoned()

    assert first.status_code == 503
    assert place(alice, {tea: 1}, key='"k"').status_code == 201
    assert inventory.counters(tea) == (10, 1)


def test_a_crash_before_the_answer_was_kept_is_made_good(alice, tea, place):
    first = place(alice, {tea: 1}, key='"k"')
    IdempotencyKey.objects.update(status=None, body="")

    again = place(alice, {tea: 1}, key='"k"')

    assert (again.status_code, again.json()) == (201, first.json())


def test_202_is_not_final(alice, tea, place, inventory):
    inventory.down = True
    first, second = place(alice, {tea: 1}, key='"k"'), place(alice, {tea: 1}, key='"k"')
    inventory.down = False

    final = place(alice, {tea: 1}, key='"k"')

    assert [first.status_code, second.status_code, final.status_code] == [202, 202, 201]
    assert "Idempotent-Replayed" not in final
    assert place(alice, {tea: 1}, key='"k"').content == final.content
    assert (Order.objects.count(), inventory.counters(tea)) == (1, (10, 1))


def test_a_key_is_forgotten_after_a_day(alice, tea, place, later):
    first = place(alice, {tea: 1}, key='"k"').json()
    later(first["id"], hours=25)

    second = place(alice, {tea: 1}, key='"k"').json()

    assert second["id"] != first["id"]
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_two_who_meet_at_a_forgotten_key_make_one_order(alice, tea, place, later):
    first = place(alice, {tea: 1}, key='"k"').json()
    later(first["id"], hours=25)

    answers = at_once(2, lambda: place(Person("alice", CUSTOMER), {tea: 1}, key='"k"'))

    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1
    assert Order.objects.count() == 2


def test_who_never_gets_a_key_is_told_to_ask_again(alice, tea, place, monkeypatch):
    place(alice, {tea: 1}, key='"k"')
    monkeypatch.setattr(idempotency, "find_earlier_key", lambda new: None)

    assert place(alice, {tea: 1}, key='"k"').json()["code"] == "idempotency-key-in-use"
    assert Order.objects.count() == 1


def test_old_keys_are_cleared_in_batches(alice, tea, place, settings, monkeypatch):
    monkeypatch.setattr("database.batch_delete.BATCH", 2)
    for number in range(6):
        place(alice, {tea: 1}, key=f'"{number}"')
    IdempotencyKey.objects.exclude(key="5").update(created_at=timezone.now() - timedelta(hours=25))

    assert clear_keys() == 5
    assert [key.key for key in IdempotencyKey.objects.all()] == ["5"]
    assert Order.objects.count() == 6


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_eight_at_once_make_one_order_and_one_answer(alice, tea, place, inventory):
    answers = at_once(8, lambda: place(Person("alice", CUSTOMER), {tea: 1}, key='"k"'))

    assert len(answers) == 8
    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1
    assert (Order.objects.count(), inventory.counters(tea)) == (1, (10, 1))


def at_once(count, ask):
    """Status and body of a request that so many make at once, each until it is neither busy nor in use."""
    answers = []

    def insist():
        while True:
            answer = ask()
            if answer.status_code not in (409, 503):
                break
        answers.append((answer.status_code, answer.content))
        connection.close()

    threads = [threading.Thread(target=insist) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
