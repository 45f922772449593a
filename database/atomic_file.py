"""Files that are whole or not there: written beside their target, and renamed."""

import fcntl
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LONGEST_PREFIX = 40
"""Characters of the target's name in that of the file beside it, which must not be too long either."""


@contextmanager
def open_beside(path: Path, *, mode: int | None = None, keep: bool = False) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block ends, and goes away if the block raises.

    Whoever looks at `path` sees what stood there before or the new whole, also after a kill or with a full disk.
    `mode` are its permissions; left out, those of what it replaces, or those of any new file. With `keep` a file
    that is there by then stays. What is no regular file (`/dev/stdout`, a pipe) is written as it is.
    Raises `OSError`.
    """
    target = path.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        with target.open("wb") as file:
            yield file
        return

    prefix = f".{target.name[:LONGEST_PREFIX]}"
    clear_left(target.parent, prefix)
    beside = target.with_name(f"{prefix}.{secrets.token_hex(6)}.new")
    try:
        with open(create(beside, mode or 0o666), "wb") as file:
            if mode is None and target.exists():
                os.fchmod(file.fileno(), target.stat().st_mode & 0o777)
            yield file
            file.flush()
            os.fsync(file.fileno())
            place(beside, target, keep=keep)  # While it is locked: nobody takes it for what was left.
        flush_folder(target.parent)
    finally:
        beside.unlink(missing_ok=True)


def create(path: Path, mode: int) -> int:
    """A new file, locked as a sign that its writer lives."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        # Somebody who cleared up came between.
        os.close(descriptor)


def clear_left(folder: Path, prefix: str) -> None:
    """Delete what writers who were killed left beside a target: it may tell of people, and nobody looks for it."""
    for left in folder.glob(f"{glob.escape(prefix)}.{'[0-9a-f]' * 12}.new"):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def place(beside: Path, target: Path, *, keep: bool) -> None:
    if not keep:
        beside.replace(target)
        return

    try:
        os.link(beside, target)
    except FileExistsError:
        return


def flush_folder(folder: Path) -> None:
    """Have the new name on the disk as well, as far as the file system knows such a thing."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_file(path: Path, text: str, *, mode: int | None = None, keep: bool = False) -> None:
    """Write a whole text in UTF-8, as `open_beside` does; raises `OSError`."""
    with open_beside(path, mode=mode, keep=keep) as file:
        file.write(text.encode())
