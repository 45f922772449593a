"""Django's SMTP, with an end to each conversation."""

import smtplib
import socket
import threading
from contextlib import suppress
from typing import Any

from django.core.mail.backends import smtp

LONGEST = 25.0
"""Seconds that a conversation with a mail server may last, however slowly it speaks.

`EMAIL_TIMEOUT` alone is no bound, since it begins anew with each byte.
"""


class BoundedSMTP(smtplib.SMTP):
    """A conversation that is cut off after `LONGEST`."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        # Of its own, since TLS takes the first one over.
        self.handle = sock.dup()
        self.timer = threading.Timer(LONGEST, cut, [self.handle])
        self.timer.daemon = True
        self.timer.start()
        return sock

    def close(self) -> None:
        super().close()
        if timer := self.__dict__.pop("timer", None):
            timer.cancel()
            self.handle.close()


class BoundedSMTPS(smtplib.SMTP_SSL, BoundedSMTP):
    """The same, under TLS from the first byte."""


def cut(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


class EmailBackend(smtp.EmailBackend):
    """Mail by SMTP, each conversation bounded."""

    @property
    def connection_class(self) -> Any:
        return BoundedSMTPS if self.use_ssl else BoundedSMTP
