"""The icon, for who asks for it where browsers have always asked."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from wire.api.views import public

DAY = 86_400


@public
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead to the icon that pages name."""
    return HttpResponseRedirect(static("tessera/mark.svg"), headers={"Cache-Control": f"public, max-age={DAY}"})
