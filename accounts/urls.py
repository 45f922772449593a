"""The addresses of accounts."""

from django.urls import path

from accounts import oauth, oneself, pages, reset, views

app_name = "accounts"
urlpatterns = [
    path("api/token/", views.LogIn.as_view()),
    path("api/token/refresh/", views.RefreshTokens.as_view()),
    path("api/token/verify/", views.Verify.as_view()),
    path("api/token/blacklist/", views.LogOut.as_view()),
    path("api/accounts/register/", views.Register.as_view()),
    path("api/accounts/me/", views.Myself.as_view()),
    path("api/accounts/me/password/", views.MyPassword.as_view()),
    path("api/accounts/me/email/", views.MyEmail.as_view()),
    path("api/accounts/sessions/", views.Sessions.as_view()),
    path("api/accounts/sessions/<uuid:sid>/", views.OneSession.as_view()),
    path("oauth/token", oauth.token),
    path("oauth/revoke", oauth.revoke),
    path("oauth/introspect", oauth.introspect),
    path(".well-known/oauth-authorization-server", oauth.metadata),
    path(".well-known/openid-configuration", oauth.metadata),
    path(".well-known/jwks.json", views.jwks),
    path(".well-known/token-status/<int:number>", views.token_status),
    path("", pages.front),
    path("login/", pages.log_in),
    path("login/renew/", pages.renew),
    path("logout/", pages.log_out),
    path("register/", pages.register),
    path("password-reset/", reset.Ask.as_view()),
    path("password-reset/sent/", reset.Sent.as_view()),
    path("password-reset/<uidb64>/<token>/", reset.Choose.as_view()),
    path("account/", oneself.account),
]
