"""Mail that is printed where it would be sent, for a person to read."""

from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import console

LINE = "-" * 72


class EmailBackend(console.EmailBackend):
    """Prints each mail as one block: who, what, and the text."""

    def write_message(self, message: Any) -> None:
        self.stream.write(describe(message))


def describe(message: EmailMessage) -> str:
    head = f"To:      {', '.join(message.to)}\nSubject: {message.subject}"
    return f"\n{LINE}\n{head}\n\n{str(message.body).strip()}\n{LINE}\n\n"
