"""People with second factors, for the tests of accounts."""

import json
import time

import pyotp

from accounts.factors import passkeys, recovery_codes, totp
from accounts.login import sessions
from accounts.models import Session, User
from tests.accounts.authenticator import Authenticator
from wire.events import Named


def caller(user):
    """A user in a session that was just opened with the password, and with another factor where they have one."""
    has_two = User.objects.get(pk=user.pk).has_second_factor
    sessions.open_session(user, sessions.Origin("api"), "pwd otp mfa" if has_two else "pwd")
    return Named(user.sub, "api", str(Session.objects.filter(user=user).latest("created_at").pk))


def add_totp(user, *, by=None):
    """Give a user an app; its `pyotp.TOTP`, whose present code is used."""
    setup = totp.begin(user)
    app = pyotp.TOTP(setup.secret)
    totp.add(user, setup=setup.signed, code=app.now(), by=by or caller(user))
    return app


def code_of(app, steps=1):
    """The code that an app shows so many steps from now."""
    return app.at(int(time.time()), counter_offset=steps)


def add_passkey(user, device=None, *, by=None):
    """Give a user a passkey; the device that has it."""
    device = device or Authenticator()
    made = device.make(json.loads(passkeys.adding_options(user)))
    passkeys.add(user, credential=json.dumps(made), name="Phone", by=by or caller(user))
    return device


def add_codes(user):
    return recovery_codes.make(user, by=caller(user))
