"""Tokens for Tessera (signed by its accounts, ES256) and for the peers (their default, HS256)."""

import json
import time
from dataclasses import dataclass

import jwt

from benchmarks.databases import run_shop
from benchmarks.processes import SECRET

SCOPE = "account orders:read orders:write products:read"


@dataclass(frozen=True)
class Tokens:
    """Of many people a good one, an expired one, and one without scope."""

    good: list[str]
    expired: str
    bare: str
    refresh: list[str]


def tessera(url: str, count: int) -> Tokens:
    return Tokens(**json.loads(run_shop(url, "people", count)))


def peers(count: int) -> Tokens:
    good = [sign(user=number + 1) for number in range(count)]
    return Tokens(good, sign(1, lifetime=-5), sign(1, scope="account"), [])


def sign(user: int, *, lifetime: int = 1500, scope: str = SCOPE) -> str:
    now = int(time.time())
    claims = {
        "token_type": "access", "exp": now + lifetime, "iat": now - 5, "jti": f"{user:032x}",
        "user_id": str(user), "name": f"Customer {user}", "email": f"customer{user}@example.com", "scope": scope,
    }  # fmt: skip
    return jwt.encode(claims, SECRET, algorithm="HS256")
