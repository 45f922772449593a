"""What a service says of itself in its `service.toml`, and what is refused there."""

import pytest

from tokens import registry
from tokens.registry import DescriptionError, Scope, Service, by_calls, services

GOOD = """
staff = "pebbles:moderate"
calls = { products = "stock:reserve" }

[sections]
pebble = "Pebbles"

[scopes."pebbles:read"]
meaning = "Read pebbles"
roles = ["customer"]

[scopes."pebbles:moderate"]
meaning = "Take a pebble away"
clients = true
"""


@pytest.fixture
def pebbles(tmp_path, monkeypatch):
    """Describe a service beside those that there are; what the registry then says."""

    def describe(text):
        for service in services():
            folder = tmp_path / service
            folder.mkdir(exist_ok=True)
            (folder / registry.FILE).write_text((registry.ROOT / service / registry.FILE).read_text())
        (tmp_path / "pebbles").mkdir(exist_ok=True)
        (tmp_path / "pebbles" / registry.FILE).write_text(text)
        monkeypatch.setattr(registry, "ROOT", tmp_path)
        return services.__wrapped__()

    return describe


def test_a_service_is_what_its_folder_says(pebbles):
    assert pebbles(GOOD)["pebbles"] == Service(
        "pebbles",
        {
            "pebbles:read": Scope("Read pebbles", roles=("customer",)),
            "pebbles:moderate": Scope("Take a pebble away", clients=True),
        },
        staff="pebbles:moderate",
        sections={"pebble": "Pebbles"},
        calls={"products": "stock:reserve"},
    )


def test_who_is_called_comes_before_who_calls():
    order = by_calls()

    assert sorted(order) == list(services())
    assert order.index("products") < order.index("orders")


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('["customer"]', '["custmer"]', "pebbles:read: no such role: custmer; there are customer, catalogue manager"),
        ('"pebbles:read"', '"orders:read"', "the scope orders:read is of orders already"),
        ('staff = "pebbles:moderate"', 'staff = "orders:manage"', "staff names no scope of its own"),
        ('staff = "pebbles:moderate"', "", "sections want a staff scope"),
        ("products = ", "basket = ", "it calls basket, which is no service"),
        ('"stock:reserve"', '"stock:resrve"', "products has no scope stock:resrve"),
        ("[sections]", "away = 'It costs $5.'\n[sections]", "away may hold no quotation mark, dollar"),
        ('staff = "pebbles:moderate"', "staff = pebbles", "Invalid value"),
        (
            'staff = "pebbles:moderate"',
            'stuff = "pebbles:moderate"',
            "there is no stuff; there are scopes, staff, sections",
        ),
        ('staff = "pebbles:moderate"', 'staff = "pebbles:moderate"\naway = 5', "away is not a text"),
        ('calls = { products = "stock:reserve" }', 'calls = "products"', "calls is not a table of texts"),
        ('["customer"]', '"customer"', "roles is not a list"),
        ('["customer"]', "[5]", 'scopes."pebbles:read".roles is not a list'),
        ('["customer"]', '[["customer"]]', 'scopes."pebbles:read".roles is not a list'),
        ('pebble = "Pebbles"', "pebble = 5", "sections is not a table of texts"),
        ("[sections]", "layers = { doors = [5] }\n[sections]", "layers is not a table of lists"),
        ("[sections]", 'layers = { doors = "urls" }\n[sections]', "layers is not a table of lists"),
        (GOOD, "scopes = 5", "scopes is not a table of tables"),
        (GOOD, "[scopes]\na = 5", "scopes is not a table of tables"),
        ("clients = true", 'clients = "yes"', "clients is not true or false"),
        ("clients = true", "client = true", 'no scopes."pebbles:moderate".client; there are meaning, roles'),
        ('meaning = "Read pebbles"', "", 'scopes."pebbles:read" has no meaning'),
        ('"pebbles:read"', '"read pebbles"', "'read pebbles' is no scope"),
        ("[sections]", "menu = { label = 'Pebbles' }\n[sections]", "menu wants a label, and a scope of its own"),
        ('roles = ["customer"]', 'roles = ["customer"]\npeople = false', "no role may carry it, yet roles are named"),
    ],
)
def test_a_wrong_description_is_refused_by_file_and_reason(pebbles, before, after, complaint):
    assert before in GOOD

    with pytest.raises(DescriptionError) as refused:
        pebbles(GOOD.replace(before, after, 1))

    assert "/service.toml: " in str(refused.value)
    assert complaint in str(refused.value)


def test_a_hidden_folder_is_no_service(pebbles, tmp_path):
    """`startservice` writes there first, and may be killed."""
    (tmp_path / ".gifts").mkdir()
    (tmp_path / ".gifts" / registry.FILE).write_text("")

    assert set(pebbles(GOOD)) == {*services(), "pebbles"}


@pytest.mark.parametrize("name", ["gift_cards", "files"])
def test_a_name_that_will_not_do_for_a_host_or_the_gateway_is_refused(pebbles, tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / registry.FILE).write_text("")

    with pytest.raises(DescriptionError, match=f"{name}/service.toml: its name "):
        pebbles(GOOD)
