"""What a service says of itself in its `service.toml`, and what is refused there."""

import pytest

from tokens import registry
from tokens.registry import DescriptionError, Scope, Service, by_calls, services

GOOD = """
staff = "reviews:moderate"
calls = { products = "stock:reserve" }

[sections]
review = "Reviews"

[scopes."reviews:read"]
meaning = "Read reviews"
roles = ["customer"]

[scopes."reviews:moderate"]
meaning = "Take a review away"
clients = true
"""


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """Describe a service beside those that there are; what the registry then says."""

    def describe(text):
        for service in services():
            folder = tmp_path / service
            folder.mkdir(exist_ok=True)
            (folder / registry.FILE).write_text((registry.ROOT / service / registry.FILE).read_text())
        (tmp_path / "reviews").mkdir(exist_ok=True)
        (tmp_path / "reviews" / registry.FILE).write_text(text)
        monkeypatch.setattr(registry, "ROOT", tmp_path)
        return services.__wrapped__()

    return describe


def test_a_service_is_what_its_folder_says(reviews):
    assert reviews(GOOD)["reviews"] == Service(
        "reviews",
        {
            "reviews:read": Scope("Read reviews", roles=("customer",)),
            "reviews:moderate": Scope("Take a review away", clients=True),
        },
        staff="reviews:moderate",
        sections={"review": "Reviews"},
        calls={"products": "stock:reserve"},
    )


def test_who_is_called_comes_before_who_calls():
    order = by_calls()

    assert sorted(order) == list(services())
    assert order.index("products") < order.index("orders")


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('["customer"]', '["custmer"]', "reviews:read: no such role: custmer; there are customer, catalogue manager"),
        ('"reviews:read"', '"orders:read"', "the scope orders:read is of orders already"),
        ('staff = "reviews:moderate"', 'staff = "orders:manage"', "staff names no scope of its own"),
        ('staff = "reviews:moderate"', "", "sections want a staff scope"),
        ("products = ", "basket = ", "it calls basket, which is no service"),
        ('"stock:reserve"', '"stock:resrve"', "products has no scope stock:resrve"),
        ("[sections]", "away = 'It costs $5.'\n[sections]", "away may hold no quotation mark, dollar"),
        ('staff = "reviews:moderate"', "staff = reviews", "Invalid value"),
        ('staff = "reviews:moderate"', 'stuff = "reviews:moderate"', "unexpected keyword argument 'stuff'"),
        ('staff = "reviews:moderate"', 'staff = "reviews:moderate"\naway = 5', "away is not of the form"),
        ('calls = { products = "stock:reserve" }', 'calls = "products"', "calls is not of the form"),
        ("clients = true", "client = true", "unexpected keyword argument 'client'"),
        ('meaning = "Read reviews"', "", "missing 1 required positional argument: 'meaning'"),
        ('"reviews:read"', '"read reviews"', "'read reviews' is no scope"),
        ("[sections]", "menu = { label = 'Reviews' }\n[sections]", "menu wants a label, and a scope of its own"),
        ('roles = ["customer"]', 'roles = ["customer"]\npeople = false', "no role may carry it, yet roles are named"),
    ],
)
def test_a_wrong_description_is_refused_by_file_and_reason(reviews, before, after, complaint):
    assert before in GOOD

    with pytest.raises(DescriptionError) as refused:
        reviews(GOOD.replace(before, after, 1))

    assert "/service.toml: " in str(refused.value)
    assert complaint in str(refused.value)


def test_a_hidden_folder_is_no_service(reviews, tmp_path):
    """`startservice` writes there first, and may be killed."""
    (tmp_path / ".gifts").mkdir()
    (tmp_path / ".gifts" / registry.FILE).write_text("")

    assert sorted(reviews(GOOD)) == ["accounts", "orders", "products", "reviews"]


@pytest.mark.parametrize("name", ["gift_cards", "files"])
def test_a_name_that_will_not_do_for_a_host_or_the_gateway_is_refused(reviews, tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / registry.FILE).write_text("")

    with pytest.raises(DescriptionError, match=f"{name}/service.toml: its name "):
        reviews(GOOD)
