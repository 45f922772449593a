"""Somebody registers and is a customer."""

import pytest

from accounts.models import Event, User
from tests.accounts.conftest import PASSWORD
from tests.accounts.test_account_enumeration import hashed
from tests.conftest import CUSTOMER

pytestmark = pytest.mark.django_db

GOOD = {"email": "carol@example.com", "password": PASSWORD, "name": "Carol"}


def register(api, **changes):
    return api.post("/api/accounts/register/", GOOD | changes)


def test_who_registers_is_a_customer(api):
    answer = register(api)

    carol = User.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(carol.pk),
        "email": "carol@example.com",
        "email_verified": False,
        "pending_email": None,
        "name": "Carol",
        "roles": ["customer"],
        "scopes": CUSTOMER.split(),
        "created_at": answer.json()["created_at"],
    }
    assert carol.check_password(PASSWORD)


def test_registering_is_an_event(api):
    register(api)

    carol = User.objects.get()
    assert [(event.what, event.sub) for event in Event.objects.about(carol)] == [("registered", carol.sub)]


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@Example.COM", "  alice@example.com "])
def test_an_address_is_taken_however_it_is_written(api, alice, email):
    answer = register(api, email=email)

    assert (answer.status_code, answer.json()["code"]) == (409, "email-taken")
    assert User.objects.count() == 1


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_many_who_register_one_address_at_once_one_does(api, at_once):
    statuses = at_once(8, lambda number: register(api, name=f"Carol {number}").status_code)

    assert sorted(statuses) == [201, *[409] * 7]


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ("", "This field may not be blank."),
        ("carol", "Enter a valid email address."),
        ("carol@example", "Enter a valid email address."),
        ('"carol"@example.com', "Enter a valid email address."),
        ("carol@[127.0.0.1]", "Enter a valid email address."),
        (f"{'c' * 65}@example.com", "Enter a valid email address."),
        ("carol\0@example.com", "Null characters are not allowed."),
        (f"{'a' * 250}@example.com", "Ensure this field has no more than 254 characters."),
        (f"a@{'İ' * 60}.{'İ' * 60}.{'İ' * 60}.com", "Ensure this field has no more than 254 characters."),
        (7, "Not a valid string."),
        (None, "This field may not be null."),
    ],
)
def test_what_is_no_address_is_told_by_field(api, email, reason):
    answer = register(api, email=email)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert reason in answer.json()["errors"]["email"]


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("password123", "This password is too common."),
        ("qwertyuiop", "This password is too common."),
        ("s3cret!", "This password is too short. It must contain at least 8 characters."),
        ("carol@example", "The password is too similar to the email."),
        ("liddell-77", "The password is too similar to the name."),
        ("Tessera2026!", "Names of this shop and words like them are easy to guess"),
        ("SHOP-products-admin", "Names of this shop and words like them are easy to guess"),
        ("teatessera77", "Names of this shop and words like them are easy to guess"),
        ("null\0null\0null", "Null characters are not allowed."),
        ("", "This field may not be blank."),
        (["a list of words"], "Not a valid string."),
    ],
)
def test_a_poor_password_is_told_by_field(api, password, reason):
    answer = register(api, password=password, name="Carol Liddell")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert reason in " ".join(answer.json()["errors"]["password"])
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple " * 4,
        "lowercaseonly",
        "4815162342108",
        "пароль без правил",
        "合言葉は秘密です",
        "🐎🔋📎🐎🔋📎🐎🔋",
        " led by a space ",
        "x" * 4096,
    ],
    ids=["long", "letters", "digits", "cyrillic", "kanji", "emoji", "spaces", "4096"],
)
def test_any_long_password_of_any_characters_is_taken(api, password):
    assert register(api, password=password).status_code == 201
    assert api.post("/api/token/", {"email": "carol@example.com", "password": password}).status_code == 200


def test_names_of_the_shop_do_not_count_towards_the_length(api, settings):
    settings.ISSUER, settings.PASSWORD_WORDS = "https://oolong-corner.example", ["Teapot", "Tea"]

    refused = [register(api, password=word).status_code for word in ("oolong2026", "corner.Oolong", "TEAPOT-1234")]
    taken = [register(api, password=word).status_code for word in ("oolong and milk", "tea tea tea 9")]

    assert refused == [400, 400, 400]
    assert taken == [201, 409]


def test_a_password_of_more_than_4096_characters_is_refused(api):
    assert register(api, password="x" * 4097).status_code == 400


@pytest.mark.parametrize("name", ["", " ", "n" * 201, "Ca\0rol", 1, None])
def test_what_is_no_name_is_told_by_field(api, name):
    answer = register(api, name=name)

    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {"name"}


@pytest.mark.parametrize("field", ["email", "password", "name"])
def test_a_lone_surrogate_is_no_json(api, field):
    body = b'{"email": "carol@example.com", "password": "a long one", "name": "C", "%s": "\\ud800"}' % field.encode()

    answer = api.post("/api/accounts/register/", body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("field", ["roles", "is_active", "id", "scopes"])
def test_nobody_makes_himself_more_than_a_customer(api, field):
    answer = register(api, **{field: ["admin"]})

    assert answer.json()["errors"] == {field: ["Unknown field."]}
    assert not User.objects.exists()


def test_an_address_is_judged_as_it_is_stored(api):
    answer = register(api, email="al\u0130x@example.com")

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["email"])


@pytest.mark.database
def test_from_one_network_only_so_many_register_in_an_hour_and_nothing_more_is_hashed(clock, api, settings):
    settings.REGISTRATIONS_PER_HOUR = 3
    settings.PASSWORD_HASHERS = ["tests.accounts.test_account_enumeration.Counting"]
    hashed.clear()

    answers = [
        api.post("/api/accounts/register/", GOOD | {"email": f"user{n}@example.com"}, REMOTE_ADDR=f"192.0.2.{n}")
        for n in range(6)
    ]

    assert [answer.status_code for answer in answers] == [201] * 3 + [429] * 3
    assert (answers[-1].json()["code"], answers[-1]["Retry-After"]) == ("throttled", "1")
    assert (len(hashed), User.objects.count()) == (3, 3)
    assert register(api).status_code == 201


def test_who_asks_which_addresses_are_taken_gets_no_more_answers_than_who_registers(clock, api, alice, settings):
    settings.REGISTRATIONS_PER_HOUR = 3

    answers = [register(api, email=email) for email in ["alice@example.com", "free@example.com"] * 3]

    assert [answer.status_code for answer in answers] == [409, 201, 409, 429, 429, 429]
    assert [answers[n].json()["code"] for n in (3, 4)] == ["throttled"] * 2


@pytest.mark.parametrize(("other", "status"), [("2001:db8:0:ffff::1", 429), ("2001:db8:1::1", 201)])
def test_a_whole_site_of_ipv6_is_one_network(clock, api, settings, other, status):
    settings.REGISTRATIONS_PER_HOUR = 1
    api.post("/api/accounts/register/", GOOD, REMOTE_ADDR="2001:db8::1")

    body = GOOD | {"email": "dora@example.com"}
    assert api.post("/api/accounts/register/", body, REMOTE_ADDR=other).status_code == status


def test_the_page_says_when_to_come_back_and_keeps_what_was_filled_in(clock, client, api, settings):
    settings.REGISTRATIONS_PER_HOUR = 1
    register(api)

    answer = client.post("/register/", {"email": "dora@example.com", "name": "Dora", "password": PASSWORD})

    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert "Many people registered from your network." in answer.content.decode()
    assert 'value="dora@example.com"' in answer.content.decode()


@pytest.mark.parametrize("wrong", [{"password": "short"}, {"email": "nobody"}])
def test_what_cannot_be_registered_does_not_count(api, settings, wrong):
    settings.REGISTRATIONS_PER_HOUR = 1
    for _ in range(3):
        register(api, **wrong)

    assert register(api).status_code == 201


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_twelve_at_once_no_more_register_than_one_by_one(clock, api, settings, at_once):
    settings.REGISTRATIONS_PER_HOUR = 3

    answers = at_once(12, lambda number: register(api, email=f"user{number}@example.com").status_code)

    assert sorted(answers) == [201] * 3 + [429] * 9
