"""The addresses of the admin, whose sections are loaded with the first request for one of them."""

from django.contrib.admin import autodiscover, site

from tokens.scopes import STAFF_SCOPES

autodiscover()
# No scope opens Django's own: its users and groups.
for model in [model for model in site._registry if model._meta.app_label not in STAFF_SCOPES]:
    site.unregister(model)

urlpatterns = site.get_urls()
