"""A shop that knew its customers before takes their addresses for confirmed."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Event, User

pytestmark = pytest.mark.django_db


def verify_email(*arguments):
    out = StringIO()
    call_command("verify_email", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture(autouse=True)
def unconfirmed(alice, bob):
    User.objects.update(email_verified_at=None)


def confirmed():
    return sorted(User.objects.exclude(email_verified_at=None).values_list("email", flat=True))


def test_addresses_are_taken_for_confirmed_once():
    said = [verify_email("Alice@Example.com") for _ in range(2)]

    assert said == ["1 address taken for confirmed.", "0 addresses taken for confirmed."]
    assert confirmed() == ["alice@example.com"]
    assert Event.objects.filter(what="e-mail confirmed", sub="verify_email").count() == 1


def test_all_of_people_who_registered_before_a_day(alice):
    User.objects.filter(pk=alice.pk).update(created_at=timezone.now() - timedelta(days=3))

    said = verify_email("--created-before", f"{timezone.now() - timedelta(days=1):%Y-%m-%d}")

    assert (said, confirmed()) == ("1 address taken for confirmed.", ["alice@example.com"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "Name addresses, or a day"),
        (("alice@example.com", "--created-before", "2026-05-04"), "not both"),
        (("--created-before", "yesterday"), "takes a day such as"),
        (("--created-before", "2026-02-30"), "takes a day such as"),
        (("alice@example.com", "nobody@example.com"), "Nobody has nobody@example.com; nothing was done."),
    ],
)
def test_nonsense_confirms_nobody(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        verify_email(*arguments)

    assert confirmed() == []
