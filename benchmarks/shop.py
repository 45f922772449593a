"""What is done inside Tessera for a benchmark, in a process of its own: `python -m benchmarks.shop verb n`."""

import json
import os
import random
import sys
import time
from functools import partial
from itertools import islice
from statistics import median

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.filling import HOT, fill  # noqa: E402, F401
from products.models import Product, Stock  # noqa: E402

VERIFIED = {"email_verified_at": timezone.now()}
"""A person who may order."""


def people(count: int) -> None:
    """Print `count` customers' tokens, an expired one and one without scope, each of a session of its own."""
    from accounts.login import sessions
    from accounts.models import Role, User

    good, refreshes, expired, bare = [], [], "", ""
    for number in range(count):
        user, made = User.objects.update_or_create(email=f"customer{number}@example.com", defaults=VERIFIED)
        if made:
            user.roles.set(Role.objects.filter(name="customer"))
            user.email_verified_at = user.created_at
            user.save(update_fields=["email_verified_at"])
        granted = sessions.open_session(user, sessions.Origin("api"))
        good.append(granted.access)
        refreshes.append(granted.refresh)
    expired = resign(good[0], exp=int(time.time()) - 5, iat=int(time.time()) - 605)
    bare = resign(good[0], scope="account")
    json.dump({"good": good, "refresh": refreshes, "expired": expired, "bare": bare}, sys.stdout)


def resign(token: str, **changes) -> str:
    """A token signed again with other claims."""
    from accounts.issuing.tokens import AccessToken
    from tokens.jws import parse_jws

    again = AccessToken()
    again.payload = parse_jws(token).claims | changes
    return str(again)


def verify(count: int) -> None:
    """Print microseconds of CPU: a new token by us and by PyJWT, and one seen before."""
    import jwt

    from tokens import encryption, verification
    from tokens.issuer import get_issuer
    from tokens.jws import parse_jws

    tokens = [resign(token) for token in issue(5) for _ in range(count)]
    keys = get_issuer().keys()
    key = keys[parse_jws(tokens[0]).header["kid"]].material
    believe = partial(verification.verify, audience="products")
    decode = partial(jwt.decode, key=key, algorithms=["ES256"], audience="products", issuer=settings.ISSUER)
    ours, theirs = [], []
    for start in range(0, len(tokens), 50):
        batch = tokens[start : start + 50]
        verification.cache.clear()
        ours.append(clock(partial(list, map(believe, batch))) / len(batch))
        theirs.append(clock(partial(list, map(decode, batch))) / len(batch))
    seen = look_again(tokens[-1])
    settings.JWT_ENCRYPTION_KEYS = [b"k" * 32]
    shells, encrypted = [encryption.encrypt(token) for token in tokens[:50]], []
    for _ in range(5):
        verification.cache.clear()
        encrypted.append(clock(partial(list, map(believe, shells))) / len(shells))
    found = {"ours": median(ours), "pyjwt": median(theirs), "seen": seen}
    json.dump({**found, "encrypted": median(encrypted), "encrypted_seen": look_again(shells[-1])}, sys.stdout)


def look_again(token: str) -> float:
    """Microseconds of CPU to believe a token that was seen before."""
    from tokens.verification import verify

    verify(token, "products")
    return min(clock(lambda: [verify(token, "products") for _ in range(2000)]) / 2000 for _ in range(10))


def lists(count: int) -> None:
    """Print what a list costs of which `count` entries were used and 1 % revoked; nothing is kept."""
    from django.db import connection, transaction

    from accounts.issuing import status_lists
    from accounts.models import TokenStatus
    from tokens.status_list import LIST_SIZE, compress

    with transaction.atomic():
        revoked = set(random.Random(1).sample(range(count), count // 100))
        now = timezone.now()
        rows = (TokenStatus(pk=LIST_SIZE + n, revoked_at=now if n in revoked else None) for n in range(count))
        while batch := list(islice(rows, 5_000)):
            TokenStatus.objects.bulk_create(batch)
        began = time.perf_counter()
        listed = status_lists.read_list(1)
        built = time.perf_counter()
        size = len(compress(listed.bits)) * 3 // 4
        compressed = time.perf_counter()
        lookup = clock(lambda: [listed.is_revoked(n) for n in range(100_000)]) / 100_000
        transaction.set_rollback(True)
    figures = {"bytes": size, "build": built - began, "compress": compressed - built, "lookup": lookup}
    json.dump({**figures, "revoked": len(revoked), "database": connection.vendor}, sys.stdout)


EMERGENCY = """
INSERT INTO accounts_user (id, password, email, name, is_active, created_at, email_verified_at)
  SELECT md5('u' || n)::uuid, '!', 'u' || n || '@example.com', '', true, now(), now()
  FROM generate_series(1, {count}) n;
INSERT INTO accounts_user_roles (user_id, role_id)
  SELECT md5('u' || n)::uuid, {role} FROM generate_series(1, {count}) n;
INSERT INTO accounts_tokenstatus (id) SELECT {first} + n FROM generate_series(1, {count}) n;
INSERT INTO accounts_session (id, user_id, client_id, device, generation, status_id, created_at, rotated_at, expires_at,
    end_reason)
  SELECT md5('s' || n)::uuid, md5('u' || n)::uuid, 'api', '', 0, {first} + n, now(), now(), now() + interval '1 day', ''
  FROM generate_series(1, {count}) n;
SELECT setval(pg_get_serial_sequence('accounts_tokenstatus', 'id'), {first} + {count});
ANALYZE accounts_user, accounts_user_roles, accounts_tokenstatus, accounts_session;
"""


def emergency(count: int) -> None:
    """Print how long it takes to take a scope from a role of `count` people, and to build the list; nothing is kept."""
    from django.db import connection, transaction

    from accounts.issuing import revoked_entries, status_lists
    from accounts.models import Role
    from accounts.people import access
    from tokens.status_list import LIST_SIZE
    from wire.events import SYSTEM

    figures = {}
    with transaction.atomic():
        role = Role.objects.create(name="everybody", scopes=["products:read", "orders:read"])
        connection.cursor().execute(EMERGENCY.format(count=count, role=role.pk, first=LIST_SIZE))
        role.scopes = ["products:read"]
        began = time.perf_counter()
        access.store_role(role, by=SYSTEM)
        revoked_entries.close_role_revocations()
        figures["taken"] = time.perf_counter() - began
        for name in ("first", "again"):
            began = time.perf_counter()
            listed = status_lists.read_list(1)
            figures[name] = time.perf_counter() - began
        figures["revoked"] = int.from_bytes(listed.bits).bit_count()
        transaction.set_rollback(True)
    json.dump(figures, sys.stdout)


def crowd(count: int) -> None:
    """Let `count` people with a session have one role; print it, a password, and who may log in with that."""
    from django.contrib.auth.hashers import make_password
    from django.db import connection

    from accounts.models import Role, User
    from tokens.status_list import LIST_SIZE

    role = Role.objects.create(name="everybody", scopes=["products:read", "orders:read"])
    connection.cursor().execute(EMERGENCY.format(count=count, role=role.pk, first=LIST_SIZE))
    password, emails = "a password of the benchmark", [f"u{number}@example.com" for number in range(1, 33)]
    User.objects.filter(email__in=emails).update(password=make_password(password))
    json.dump({"role": role.pk, "password": password, "emails": emails}, sys.stdout)


def narrow(role: int) -> None:
    """Take a scope from a role; print how long that took, in seconds, and when it was done (Unix time)."""
    from accounts.models import Role
    from accounts.people import access
    from wire.events import SYSTEM

    found = Role.objects.get(pk=role)
    found.scopes = ["products:read"]
    began = time.time()
    access.store_role(found, by=SYSTEM)
    json.dump({"began": began, "seconds": time.time() - began}, sys.stdout)


def clock(work) -> float:
    """Microseconds of this thread's CPU."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1e6


def issue(count: int) -> list[str]:
    from accounts.login import sessions
    from accounts.models import User

    user, _ = User.objects.update_or_create(email="verified@example.com", defaults=VERIFIED)
    return [sessions.open_session(user, sessions.Origin("api")).access for _ in range(count)]


def hashes(count: int) -> None:
    """Print the seconds of CPU that a password takes here and by Django's default, and who has it."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password

    from accounts.models import Role, User

    password = "a password of the benchmark"
    own, default = make_password(password), PBKDF2PasswordHasher().encode(password, "salt" * 4)
    # So many that nobody has to give up an older session.
    emails = [f"customer{number}@example.com" for number in range(100)]
    for email in emails:
        user, _ = User.objects.update_or_create(email=email, defaults=VERIFIED)
        user.roles.set(Role.objects.filter(name="customer"))
    User.objects.filter(email__in=emails).update(password=own)
    ours = median(clock_all(lambda: check_password(password, own)) for _ in range(3 * count))
    theirs = median(clock_all(lambda: PBKDF2PasswordHasher().verify(password, default)) for _ in range(count))
    json.dump({"ours": ours, "default": theirs, "password": password, "emails": emails}, sys.stdout)


def clock_all(work) -> float:
    """Seconds of CPU of all threads of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def stock_up(left: int) -> None:
    """Leave `left` of the hot product to be ordered; print what is reserved."""
    row = Stock.objects.get(pk=HOT)
    Stock.objects.filter(pk=HOT).update(on_hand=row.reserved + left)
    print(row.reserved)


def cursor(place: int) -> None:
    """Print the cursor of the list by name that goes on after row number `place`."""
    from products import catalogue
    from wire.keyset import digest, write_cursor

    rows = Product.objects.filter(active=True).order_by("search_key", "id").values("search_key", "id")
    ordering, search = catalogue.BY_NAME, catalogue.Search()
    print(write_cursor(rows[place - 1], digest(Product, ordering, search), ordering, backward=False))


def million(count: int, products: int = 10_000) -> None:
    """Fill an empty database of PostgreSQL by SQL."""
    from benchmarks import million

    million.fill(count, products)


def walk(count: int) -> None:
    """Print what every list, search and page, every job and every export of a shop of `count` orders came to."""
    from django.test import override_settings

    from benchmarks import walk

    # Nobody has collected static files here.
    files = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with override_settings(STORAGES=files):
        steps = [walk.keep(step) for step in walk.walk_all(count)]
    json.dump(steps, sys.stdout)


if __name__ == "__main__":
    globals()[sys.argv[1]](*map(int, sys.argv[2:]))
