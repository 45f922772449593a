"""Places at which a process can be made to die, so that it can be proven that nothing is lost when one does.

Off, there are none: the services call nothing here. `FAILPOINT=orders.checkout.place_order:after` replaces
that one function, at the start, by one that ends the process right after it (or `:before` it), as
`kill -9` would. What a service is made of thereby names its own failpoints.
"""

import os
import signal
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from django.core.exceptions import ImproperlyConfigured

Function = Callable[..., Any]


def arm(name: str) -> None:
    """Have this process die at a failpoint; raises `ImproperlyConfigured` if there is none of that name."""
    path, _, when = name.partition(":")
    owner, attribute = find(path)
    function = getattr(owner, attribute, None)
    if not callable(function) or when not in DYING:
        raise ImproperlyConfigured(f"FAILPOINT names no function with :before or :after: {name!r}")

    setattr(owner, attribute, DYING[when](function))


def find(path: str) -> tuple[Any, str]:
    """The module or class that holds a function, and the function's name in it."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            owner: Any = import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:-1]:
            owner = getattr(owner, part, None)
        return owner, parts[-1]
    return None, ""


def die_before(function: Function) -> Function:
    @wraps(function)
    def dying(*args: Any, **kwargs: Any) -> Any:
        die()

    return dying


def die_after(function: Function) -> Function:
    @wraps(function)
    def dying(*args: Any, **kwargs: Any) -> Any:
        try:
            function(*args, **kwargs)
        finally:
            die()

    return dying


DYING: dict[str, Callable[[Function], Function]] = {"before": die_before, "after": die_after}


def die() -> None:
    """End this process at once: no exception, no rollback, nothing that runs at exit."""
    os.kill(os.getpid(), signal.SIGKILL)
