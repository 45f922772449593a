"""Places at which a process can be made to die, so that it can be proven that nothing is lost when one does.

Off, there are none: the services call nothing here. `FAILPOINT=orders.checkout.place_order:after` replaces
that one function, at the start, by one that ends the process right after it (or `:before` it), as
`kill -9` would. So every function of a service is a failpoint.
"""

import os
import signal
from collections.abc import Callable
from functools import wraps
from pkgutil import resolve_name
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def arm(name: str) -> None:
    """Have this process die at a failpoint; raises `ImproperlyConfigured` if there is none of that name."""
    path, _, when = name.partition(":")
    owner, _, attribute = path.rpartition(".")
    try:
        holder = resolve_name(owner)
        function = getattr(holder, attribute)
    except (ImportError, AttributeError, ValueError):
        function = None
    if not callable(function) or when not in ("before", "after"):
        raise ImproperlyConfigured(f"FAILPOINT names no function with :before or :after: {name!r}")

    setattr(holder, attribute, die_around(function, when))


def die_around(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    """A function that ends the process instead of running, or after it ran, however it ended."""

    @wraps(function)
    def dying(*args: Any, **kwargs: Any) -> Any:
        try:
            if when == "after":
                function(*args, **kwargs)
        finally:
            die()

    return dying


def die() -> None:
    """End this process at once: no exception, no rollback, nothing that runs at exit."""
    os.kill(os.getpid(), signal.SIGKILL)
