"""The forms of the pages of accounts."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.password_validation import validate_password

from accounts.models import fold_email
from accounts.people import credentials


class PasswordField(forms.CharField):
    """A password, taken as it is typed; password managers read its `purpose`."""

    def __init__(self, *, purpose: str, label: str = "Password", help_text: str = "") -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": purpose})
        super().__init__(max_length=4096, strip=False, label=label, help_text=help_text, widget=widget)


class EmailField(forms.EmailField):
    """The e-mail address that a person logs in with."""

    def __init__(self) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": "username"})
        super().__init__(max_length=254, label="E-mail address", widget=widget)

    def to_python(self, value: Any) -> str:
        """As it is stored: folding may make it longer, which the bound has to see."""
        return fold_email(super().to_python(value) or "")


class LogInForm(forms.Form):
    email = EmailField()
    password = PasswordField(purpose="current-password")


class RegisterForm(forms.Form):
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = EmailField()
    password = PasswordField(purpose="new-password", help_text="At least 8 characters, and not a common password.")


class DeletionForm(forms.Form):
    current_password = PasswordField(purpose="current-password", label="Current password")


class PasswordForm(forms.Form):
    current_password = PasswordField(purpose="current-password", label="Current password")
    new_password = PasswordField(purpose="new-password", label="New password", help_text="At least 8 characters.")


class EmailForm(forms.Form):
    email = EmailField()
    current_password = PasswordField(purpose="current-password", label="Current password")


class ForgottenForm(PasswordResetForm):
    email = EmailField()


class NewPasswordForm(forms.Form):
    """The new password of whoever has a mailed link. Typed once: it can be reset again."""

    new_password = PasswordField(purpose="new-password", label="New password", help_text="At least 8 characters.")

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        validate_password(password, self.user)
        return password

    def save(self) -> Any:
        credentials.reset_password(self.user, self.cleaned_data["new_password"])
        return self.user


class SessionForm(forms.Form):
    sid = forms.UUIDField()
