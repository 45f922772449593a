"""A forgotten password, by mail: Django's views, with the look and the promises of the shop."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator

from accounts.login import throttling
from accounts.pages.forms import ForgottenForm, NewPasswordForm
from accounts.people import registration
from tokens.pages import page
from tokens.permissions import OPEN


@method_decorator(page(OPEN), name="dispatch")
class Ask(views.PasswordResetView):
    """Have a link mailed to an address; the answer is the same if nobody has it."""

    scopes = OPEN
    form_class = ForgottenForm
    template_name = "accounts/password_reset.html"
    email_template_name = "accounts/password_reset_email.txt"
    subject_template_name = "accounts/password_reset_subject.txt"
    success_url = "/password-reset/sent/"

    def form_valid(self, form: Any) -> HttpResponse:
        """Mail the link, unless too many were asked for."""
        self.extra_email_context = {"issuer": settings.ISSUER}
        try:
            throttling.count(throttling.limits_of_reset(form.cleaned_data["email"], self.request.META["REMOTE_ADDR"]))
        except throttling.TooManyFailures as error:
            return put_off(self.request, self, form, error.retry_after)
        return super().form_valid(form)


def put_off(request: HttpRequest, view: Ask, form: forms.Form, seconds: int) -> HttpResponse:
    """The form again, with when to come back."""
    form.add_error(None, f"Too many links were requested. Wait {seconds} seconds, then try again.")
    response = view.render_to_response(view.get_context_data(form=form), status=429)
    response["Retry-After"] = str(seconds)
    return response


@method_decorator(page(OPEN), name="dispatch")
class Sent(views.PasswordResetDoneView):
    """Say that a mail is on its way, if the address is known."""

    scopes = OPEN
    template_name = "accounts/password_reset_sent.html"


@method_decorator(page(OPEN), name="dispatch")
class Choose(views.PasswordResetConfirmView):
    """Choose a password by a mailed link, which works once; every session there is ends."""

    scopes = OPEN
    form_class = NewPasswordForm  # type: ignore[assignment]
    template_name = "accounts/password_reset_confirm.html"
    success_url = "/login/"

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the password, which shuts out whoever is in; a link that was used meanwhile does not work."""
        try:
            response = super().form_valid(form)
        except registration.WrongPassword:
            self.validlink = False
            return self.render_to_response(self.get_context_data())
        messages.success(self.request, "Your password is set. Log in with it.")
        return response
