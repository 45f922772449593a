"""Who you are: users, roles, sessions, the status of tokens, and the keys that sign them."""

from accounts.models.clients import Client, UsedAssertion, check_audience, check_client_id, check_client_scopes
from accounts.models.codes import AuthorizationCode
from accounts.models.consents import Consent
from accounts.models.events import Event, Lease, Mail
from accounts.models.factors import Passkey, RecoveryCode, SpentChallenge, Totp
from accounts.models.keys import SigningKey
from accounts.models.people import GrantedScope, Role, User, check_role_scopes, combined_scopes
from accounts.models.sessions import FailedLogIn, RevokedRole, Session, TokenStatus

__all__ = [
    "AuthorizationCode",
    "Client",
    "Consent",
    "Event",
    "FailedLogIn",
    "GrantedScope",
    "Lease",
    "Mail",
    "Passkey",
    "RecoveryCode",
    "RevokedRole",
    "Role",
    "Session",
    "SigningKey",
    "SpentChallenge",
    "TokenStatus",
    "Totp",
    "UsedAssertion",
    "User",
    "check_audience",
    "check_client_id",
    "check_client_scopes",
    "check_role_scopes",
    "combined_scopes",
]
