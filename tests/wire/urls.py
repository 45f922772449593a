"""The addresses that every process has, with an API view and a page to try things on."""

from django.http import HttpResponse
from django.urls import path
from rest_framework.response import Response

from config.urls import handler400, handler403, handler404, handler500, urlpatterns
from tokens.pages import page
from wire.api.problems import Problem, ProblemType
from wire.api.serializers import Amount, Currency, Flag, StrictSerializer, Text, Whole
from wire.api.views import View

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class Input(StrictSerializer):
    text = Text(required=False)
    whole = Whole(required=False)
    flag = Flag(required=False)
    amount = Amount(required=False)
    currency = Currency(required=False)


class Echo(View):
    schema = None
    scopes = {"GET": "products:read", "POST": "products:read"}

    def get(self, request):
        return Response({"hello": request.user.name})

    def post(self, request):
        checked = Input(data=request.data)
        checked.is_valid(raise_exception=True)
        return Response({name: str(value) for name, value in checked.validated_data.items()})


class Taken(View):
    schema = None
    scopes = {"GET": "products:read"}

    def get(self, request):
        raise Problem(ProblemType(409, "taken", "The state of things does not allow this."), lines=[{"product": "tea"}])


class Broken(View):
    schema = None
    scopes = {"GET": "products:read"}

    def get(self, request):
        return 1 / 0


@page({"GET": "products:read"})
def greet(request):
    return HttpResponse(f"Hello {request.user.name}")


urlpatterns = [
    path("api/echo/", Echo.as_view()),
    path("api/taken/", Taken.as_view()),
    path("api/broken/", Broken.as_view()),
    path("greet/", greet),
    *urlpatterns,
]
