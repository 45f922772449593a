"""Secrets in files: one line of at least 32 characters, made if there is none, and never half written."""

import secrets
from pathlib import Path

from database.atomic_file import write_file

SHORTEST = 32
"""Characters that a secret has, at least."""
LONGEST = 1024
"""Bytes that its file has, at most."""


class BadSecretFile(Exception):
    """There is no secret in the file; the message says why, without showing what is."""


def keep_secret(path: Path) -> str:
    """The secret in a file, which is made if there is none, readable by its owner alone. Raises `BadSecretFile`.

    Of several that make it at once, all get what the first has made.
    """
    try:
        if not path.exists():
            make_secret(path)
        return read_secret(path)
    except OSError as error:
        raise BadSecretFile(f"{path} cannot be used: {error.strerror}.") from error


def make_secret(path: Path) -> None:
    """Write 256 random bits to the path, unless somebody else did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, secrets.token_urlsafe(48), mode=0o600, keep=True)


def read_secret(path: Path) -> str:
    """The secret in a file, without the white space around it; raises `BadSecretFile` or `OSError`."""
    if not path.is_file():
        raise BadSecretFile(f"{path} is no file.")

    with path.open("rb") as file:
        content = file.read(LONGEST + 1)
    secret = content.strip().decode("ascii", errors="replace")
    if not secret:
        raise BadSecretFile(f"{path} is empty; delete it, and a secret is made.")
    if len(content) > LONGEST or not (secret.isascii() and secret.isprintable() and " " not in secret):
        raise BadSecretFile(f"{path} holds no secret: that is one line of visible ASCII characters.")
    if len(secret) < SHORTEST:
        raise BadSecretFile(f"{path} holds a secret of {len(secret)} characters; it needs at least {SHORTEST}.")

    return secret
