"""The forms of the pages of accounts."""

from django import forms

MAX_PASSWORD = 4096


class PasswordField(forms.CharField):
    """A password, taken as it is typed; `purpose` tells a password manager which one."""

    def __init__(self, *, purpose: str, label: str = "Password", help_text: str = "") -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": purpose})
        super().__init__(max_length=MAX_PASSWORD, strip=False, label=label, help_text=help_text, widget=widget)


class EmailField(forms.EmailField):
    """The e-mail address that one logs in with."""

    def __init__(self) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": "username"})
        super().__init__(max_length=254, label="E-mail address", widget=widget)


class LogInForm(forms.Form):
    """Who one is, and the proof."""

    email = EmailField()
    password = PasswordField(purpose="current-password")


class RegisterForm(forms.Form):
    """What it takes to become a customer."""

    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = EmailField()
    password = PasswordField(
        purpose="new-password", help_text="At least 8 characters, and not one that everybody uses."
    )


class PasswordForm(forms.Form):
    """The password one has, and the one to have."""

    current_password = PasswordField(purpose="current-password", label="Current password")
    new_password = PasswordField(purpose="new-password", label="New password", help_text="At least 8 characters.")
