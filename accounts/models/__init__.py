"""Who you are: users, roles, sessions, the status of tokens, and the keys that sign them."""

from accounts.models.clients import (
    FIRST_PARTY,
    Client,
    check_audience,
    check_client_id,
    check_client_scopes,
)
from accounts.models.events import Event, Lease
from accounts.models.keys import SigningKey
from accounts.models.people import (
    GrantedScope,
    Role,
    User,
    UserManager,
    check_role_scopes,
    combined_scopes,
    fold_email,
    roles_of,
)
from accounts.models.sessions import FailedLogIn, Session, TokenStatus, renew_session, session_by_id

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
    "UserManager",
    "check_audience",
    "check_client_id",
    "check_client_scopes",
    "check_role_scopes",
    "combined_scopes",
    "fold_email",
    "renew_session",
    "roles_of",
    "session_by_id",
]
