"""Who you are: users, roles, sessions, the status of tokens, and the keys that sign them."""

from accounts.models.clients import FIRST_PARTY, Client, check_audience, check_client_id, check_client_scopes
from accounts.models.events import Event, Lease
from accounts.models.keys import SigningKey
from accounts.models.people import GrantedScope, Role, User, check_role_scopes, combined_scopes, fold_email
from accounts.models.sessions import FailedLogIn, Session, TokenStatus

__all__ = [
    "FIRST_PARTY",
    "Client",
    "Event",
    "FailedLogIn",
    "GrantedScope",
    "Lease",
    "Role",
    "Session",
    "SigningKey",
    "TokenStatus",
    "User",
    "check_audience",
    "check_client_id",
    "check_client_scopes",
    "check_role_scopes",
    "combined_scopes",
    "fold_email",
]
