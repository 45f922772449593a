"""The forms of the pages of accounts."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.validators import EmailValidator
from django.http import QueryDict

from accounts.factors import passkeys, two_steps
from accounts.models import User
from accounts.people import credentials
from wire import text
from wire.text_fields import EmailAddressValidator, FormEmail, FormText


class PasswordField(forms.CharField):
    """A password, taken as it is typed; password managers read its `purpose`."""

    def __init__(self, *, purpose: str, label: str = "Password", help_text: str = "") -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": purpose})
        super().__init__(max_length=text.MAX_PASSWORD, strip=False, label=label, help_text=help_text, widget=widget)


class EmailField(FormEmail):
    """The e-mail address that a person logs in with, which may be older than the rules for new ones."""

    default_validators = [EmailValidator()]

    def __init__(self, *, purpose: str = "username") -> None:
        super().__init__(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": purpose}))


class NewEmailField(EmailField):
    """An e-mail address that a person wants to log in with."""

    default_validators = [EmailAddressValidator()]


class LogInForm(forms.Form):
    """Who somebody is, and a form that waits for them to say so (`kept_forms`)."""

    email = EmailField(purpose="username webauthn")
    password = PasswordField(purpose="current-password")
    kept = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)


STRENGTH_HELP = "At least 8 characters, and not a common password."


def describe_codes(factors: Collection[str]) -> str:
    """Which codes somebody with these kinds of factors has."""
    kinds = {"totp": "the 6 digits that your app shows now", "recovery_code": "one of your recovery codes"}
    words = " or ".join(said for kind, said in kinds.items() if kind in factors)
    return f"{words[:1].upper()}{words[1:]}." if words else "You have none: use your passkey."


class CodeField(forms.CharField):
    """A code of an app, or a recovery code, with any spaces and hyphens."""

    def __init__(self, *, label: str = "Code", help_text: str = "") -> None:
        widget = forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"})
        super().__init__(max_length=64, label=label, help_text=help_text, widget=widget)


class StepUpForm(forms.Form):
    """Who somebody is, asked again, and a form that waits for it; its names are no other form's.

    By the password, for who has a second factor with a code, or by a passkey in their place.
    """

    prefix = "step-up"
    KEPT = "step-up-kept"
    current_password = PasswordField(purpose="current-password")
    code = CodeField()
    credential = forms.CharField(required=False, max_length=passkeys.MAX_CREDENTIAL, widget=forms.HiddenInput)
    kept = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if user.has_second_factor:
            self.fields["code"].help_text = describe_codes(two_steps.factors_of(user))
        else:
            del self.fields["code"]
        if self.data.get(self.add_prefix("credential")):
            for field in self.fields.values():
                field.required = False

    @classmethod
    def is_in(cls, sent: QueryDict) -> bool:
        return any(name.startswith(f"{cls.prefix}-") for name in sent if name != cls.KEPT)


class SecondFactorForm(forms.Form):
    """The second step of a log-in: what the first one earned, and a code; or what a script puts in, of a passkey."""

    code = CodeField()
    challenge = forms.CharField(max_length=1024, widget=forms.HiddenInput)
    kept = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)


class PasskeyForm(forms.Form):
    """What a script puts in: the answer of a passkey."""

    credential = forms.CharField(max_length=passkeys.MAX_CREDENTIAL, widget=forms.HiddenInput)
    challenge = forms.CharField(required=False, max_length=1024, widget=forms.HiddenInput)
    kept = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)


class TotpForm(forms.Form):
    """The first code of an app; the page has the secret beside it."""

    code = CodeField(help_text="The 6 digits that your app shows now.")


class NewPasskeyForm(forms.Form):
    name = FormText(max_length=64, help_text="Where the passkey is, so that you know it again.")
    credential = forms.CharField(required=False, max_length=passkeys.MAX_CREDENTIAL, widget=forms.HiddenInput)


class PasskeyNameForm(forms.Form):
    name = FormText(max_length=64)


class RegisterForm(forms.Form):
    name = FormText(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = NewEmailField()
    password = PasswordField(purpose="new-password", help_text=STRENGTH_HELP)


class NameForm(forms.Form):
    name = FormText(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))


class DeletionForm(forms.Form):
    current_password = PasswordField(purpose="current-password", label="Current password")


class PasswordForm(forms.Form):
    current_password = PasswordField(purpose="current-password", label="Current password")
    new_password = PasswordField(purpose="new-password", label="New password", help_text=STRENGTH_HELP)


class EmailForm(forms.Form):
    email = NewEmailField()
    current_password = PasswordField(purpose="current-password", label="Current password")


class ForgottenForm(forms.Form):
    email = EmailField()


class NewPasswordForm(forms.Form):
    """The new password of whoever has a mailed link. Typed once: it can be reset again."""

    new_password = PasswordField(purpose="new-password", label="New password", help_text=STRENGTH_HELP)

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        validate_password(text.password(password), self.user)
        return password

    def save(self) -> Any:
        credentials.reset_password(self.user, self.cleaned_data["new_password"])
        return self.user


class SessionForm(forms.Form):
    sid = forms.UUIDField()
