"""A forgotten password is reset by mail: Django's views, with the look and the promises of the shop."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views.generic import FormView

from accounts.login import known_browsers, throttling
from accounts.models import Mail
from accounts.pages.forms import ForgottenForm, NewPasswordForm
from accounts.pages.throttled import throttled_response
from accounts.people.credentials import WrongPassword
from accounts.people.links import RESET, password_tokens
from tokens import cookies
from tokens.pages import page
from tokens.permissions import OPEN


@method_decorator(page(OPEN), name="dispatch")
class RequestLink(FormView):
    """Have a link mailed to an address; the answer is the same if nobody has it, and takes as long."""

    scopes = OPEN
    form_class = ForgottenForm
    template_name = "accounts/password_reset.html"
    success_url = "/password-reset/sent/"

    def form_valid(self, form: Any) -> HttpResponse:
        email, address = form.cleaned_data["email"], self.request.META["REMOTE_ADDR"]
        browser = known_browsers.find_browser(self.request, email)
        limits = throttling.reset_limits(email, address, browser)
        try:
            throttling.count_attempt(limits)
        except throttling.TooManyFailures as error:
            return throttled_response(form, error, lambda: self.form_invalid(form), "Too many links were requested.")
        Mail.objects.write("password reset", email, lifetime=RESET)
        return super().form_valid(form)


@method_decorator(page(OPEN), name="dispatch")
class LinkSent(views.PasswordResetDoneView):
    """Say that a mail is on its way, if the address is known."""

    scopes = OPEN
    template_name = "accounts/password_reset_sent.html"


@method_decorator(page(OPEN), name="dispatch")
class ChoosePassword(views.PasswordResetConfirmView):
    """Choose a password by a mailed link, which works once; every session of the user ends."""

    scopes = OPEN
    form_class = NewPasswordForm  # type: ignore[assignment]
    template_name = "accounts/password_reset_confirm.html"
    token_generator = password_tokens
    success_url = "/login/"

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the password, which ends every session; a link that was used meanwhile does not work."""
        try:
            response = super().form_valid(form)
        except WrongPassword:
            self.validlink = False
            return self.render_to_response(self.get_context_data())
        messages.success(self.request, "Your password is set. Log in with it.")
        return cookies.clear_tokens(response)
