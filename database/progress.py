"""Progress of what takes long, on a terminal."""

from collections.abc import Iterable
from shutil import get_terminal_size
from typing import Any


def show_progress(things: Iterable[Any] | None = None, *, total: int, what: str, quiet: bool, **options: Any) -> Any:
    """A bar that goes on with each of `things`, or by its `update`; none where standard error is no terminal."""
    # A terminal that does not say how large it is would get a bar of no width.
    columns, lines = get_terminal_size()
    from tqdm import tqdm  # noqa: PLC0415 - commands show progress, and no request does

    return tqdm(things, total=total, desc=what, ncols=columns, nrows=lines, disable=quiet or None, **options)
