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


def people(count: int) -> None:
    """Print `count` customers' tokens, an expired one and one without scope, each of a session of its own."""
    from accounts.login import sessions
    from accounts.models import Role, User

    good, refreshes, expired, bare = [], [], "", ""
    for number in range(count):
        user, made = User.objects.get_or_create(email=f"customer{number}@example.com", defaults={"password": "!"})
        if made:
            user.roles.set(Role.objects.filter(name="customer"))
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


def clock(work) -> float:
    """Microseconds of this thread's CPU."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1e6


def issue(count: int) -> list[str]:
    from accounts.login import sessions
    from accounts.models import User

    user, _ = User.objects.get_or_create(email="verified@example.com", defaults={"password": "!"})
    return [sessions.open_session(user, sessions.Origin("api")).access for _ in range(count)]


def hashes(count: int) -> None:
    """Print the seconds of CPU that a password takes here and by Django's default; customer0 has it."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password

    from accounts.models import Role, User

    password = "tessera-demo"
    own, default = make_password(password), PBKDF2PasswordHasher().encode(password, "salt" * 4)
    user, _ = User.objects.get_or_create(email="customer0@example.com")
    user.roles.set(Role.objects.filter(name="customer"))
    User.objects.filter(pk=user.pk).update(password=own)
    ours = median(clock_all(lambda: check_password(password, own)) for _ in range(3 * count))
    theirs = median(clock_all(lambda: PBKDF2PasswordHasher().verify(password, default)) for _ in range(count))
    json.dump({"ours": ours, "default": theirs, "password": password}, sys.stdout)


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


if __name__ == "__main__":
    globals()[sys.argv[1]](*map(int, sys.argv[2:]))
