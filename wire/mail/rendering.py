"""What a mail says: its subject and text from one template, its HTML from another."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import Context, loader

from wire.mail.table import AbstractMail, template_names
from wire.text import email_in_unicode


class CannotBeAddressed(ValueError):
    """No server takes mail for this address."""


def render(mail: AbstractMail, context: dict[str, Any]) -> EmailMultiAlternatives:
    """A mail as it is sent, the same `Message-ID` each time; raises `CannotBeAddressed`."""
    text_name, html_name = template_names(mail._meta.app_label, mail.kind)
    common = {**context, "to": email_in_unicode(mail.to), "issuer": settings.ISSUER}
    subject, text = render_text(text_name, common)
    html = loader.render_to_string(html_name, {**common, "subject": subject})
    headers = {"Message-ID": message_id(mail), "Auto-Submitted": "auto-generated"}
    message = EmailMultiAlternatives(subject, text, to=[check_address(mail.to)], headers=headers)
    message.attach_alternative(html, "text/html")
    return message


def render_text(name: str, context: dict[str, Any]) -> tuple[str, str]:
    """Subject and text: the first line of a template, and the rest. Nothing in it is escaped: it is not HTML."""
    template: Any = loader.get_template(name)
    subject, _, text = template.template.render(Context(context, autoescape=False)).strip().partition("\n")
    # Some mail programs take other characters than these for the end of a header, too.
    plain = "".join(character if character.isprintable() else " " for character in subject)
    return " ".join(plain.split()), text.strip() + "\n"


def message_id(mail: AbstractMail) -> str:
    """What tells two copies of one mail (RFC 5322, 3.6.4)."""
    return f"<{mail.pk}@{urlsplit(settings.ISSUER).hostname}>"


def check_address(address: str) -> str:
    """An address, if one can write to it without SMTPUTF8 (RFC 6531), which Django does not speak."""
    name, _, domain = address.rpartition("@")
    if not (name and domain and name.isascii() and address.isprintable()):
        raise CannotBeAddressed("This address cannot be written to.")

    return address
