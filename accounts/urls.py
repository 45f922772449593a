"""The addresses of accounts."""

from django.urls import path

from accounts.api import oauth, public_documents, views
from accounts.pages import account, login, password_reset

app_name = "accounts"
urlpatterns = [
    path("api/token/", views.LogIn.as_view()),
    path("api/token/refresh/", views.RefreshTokens.as_view()),
    path("api/token/verify/", views.Verify.as_view()),
    path("api/token/blacklist/", views.LogOut.as_view()),
    path("api/accounts/register/", views.Register.as_view()),
    path("api/accounts/me/", views.OwnAccount.as_view()),
    path("api/accounts/me/password/", views.OwnPassword.as_view()),
    path("api/accounts/me/email/", views.OwnEmail.as_view()),
    path("api/accounts/sessions/", views.OwnSessions.as_view()),
    path("api/accounts/sessions/<uuid:sid>/", views.OwnSession.as_view()),
    path("oauth/token", oauth.token),
    path("oauth/revoke", oauth.revoke),
    path("oauth/introspect", oauth.introspect),
    path(".well-known/oauth-authorization-server", public_documents.metadata),
    path(".well-known/openid-configuration", public_documents.metadata),
    path(".well-known/jwks.json", public_documents.jwks),
    path(".well-known/token-status/<int:number>", public_documents.token_status),
    path("", login.home),
    path("login/", login.log_in),
    path("login/renew/", login.renew),
    path("logout/", login.log_out),
    path("register/", login.register),
    path("password-reset/", password_reset.RequestLink.as_view()),
    path("password-reset/sent/", password_reset.LinkSent.as_view()),
    path("password-reset/<uidb64>/<token>/", password_reset.ChoosePassword.as_view()),
    path("account/", account.account),
]
