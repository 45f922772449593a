"""The mails of accounts: what is secret in them is made when they are sent, so that no table holds it."""

from typing import Any

from accounts.models import Mail, User
from accounts.people.email_addresses import address_to_confirm
from accounts.people.links import email_tokens, password_tokens, write_link
from wire.mail.table import Contexts


def password_link(mail: Mail) -> dict[str, Any] | None:
    """The link by which a password is chosen; None if nobody has the address.

    Looked up here and not in the request, which so takes the same statements for an address that nobody has.
    """
    try:
        user = User.objects.get_by_natural_key(mail.to)
    except User.DoesNotExist:
        return None
    if not user.may_log_in:
        return None

    return {
        "link": write_link("/password-reset/", user, password_tokens.make_token(user)),
        "is_first": not user.has_usable_password(),
    }


def confirmation_link(mail: Mail) -> dict[str, Any] | None:
    """The link by which an address is confirmed; None if that is done, or another was asked for since."""
    user = User.objects.filter(pk=mail.facts["sub"]).first()
    if not user or not user.may_log_in or address_to_confirm(user) != mail.to:
        return None

    link = write_link("/account/email/verify/", user, email_tokens.make_token(user))
    return {"link": link, "is_change": bool(user.pending_email)}


CONTEXTS: Contexts = {
    "password reset": password_link,
    "invitation": password_link,
    "address confirmation": confirmation_link,
}
