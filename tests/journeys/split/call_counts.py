"""Print how many calls a request makes in this process: `python -m tests.journeys.split.call_counts path token`."""

import sys
from collections.abc import Callable, Iterable
from wsgiref.util import setup_testing_defaults

from config.wsgi import application

ROUNDS = 5
"""How often it is asked; what is looked up once for many requests is in the first of them."""


def main(path: str, token: str) -> None:
    sys.stdout.write(f"{min(count(lambda: ask(path, token)) for _ in range(ROUNDS))}\n")


def ask(path: str, token: str) -> None:
    """Ask as a server does, without one."""
    address, _, query = path.partition("?")
    environ = {
        "PATH_INFO": address,
        "QUERY_STRING": query,
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
    }
    setup_testing_defaults(environ)
    answer = application(environ, expect_ok)
    b"".join(answer)
    answer.close()


def expect_ok(status: str, headers: Iterable[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
    assert status.startswith("200 "), status
    return sys.stdout.buffer.write


def count(work: Callable[[], None]) -> int:
    """Calls of functions, of Python and of C, while it works."""
    calls = 0

    def notice(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(notice)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


if __name__ == "__main__":
    main(*sys.argv[1:])
