"""What accounts does beside requests: each job by name, with its interval in seconds."""

from collections.abc import Callable

from accounts.factors import challenges
from accounts.issuing import keys, status_lists
from accounts.login import sessions, throttling
from accounts.models import Event, Mail
from accounts.oauth import client_authentication, codes
from accounts.people import access, erasure, mails
from wire.mail.delivery import mail_jobs
from wire.retention.forgetting import forgetting_jobs

JOBS: dict[str, tuple[Callable[[], object], float]] = {
    "clear sessions": (sessions.clear_sessions, 3600),
    "clear codes": (codes.clear_codes, 600),
    "clear client assertions": (client_authentication.clear_assertions, 600),
    "clear failed log-ins": (throttling.clear_failures, 600),
    "clear challenges": (challenges.clear_challenges, 3600),
    "clear token statuses": (status_lists.clear_statuses, 3600),
    "clear roles": (access.clear_roles, 600),
    "clear signing keys": (keys.clear_keys, 86400),
    "forget deleted people": (erasure.forget_deleted, 3600),
    **forgetting_jobs(Event),
    **mail_jobs(Mail, mails.CONTEXTS),
}
