"""What an address takes in its query: declared once, checked for every view and page, and documented from it."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.deprecation import MiddlewareMixin
from rest_framework import serializers

from wire.api.problems import answer
from wire.keyset import DEFAULT_LIMIT, MAX_LIMIT

TRACKING = re.compile(
    r"utm_\w+|mtm_\w+|pk_\w+|hsa_\w+|_gl|_ga|_hs\w+|mc_[ce]id|li_fat_id|srsltid|igshid|yclid|epik"
    r"|(fb|g|d|tt|tw)clid|msclkid|[gw]braid"
)
"""What advertisers and newsletters add to the addresses of pages, whoever's the pages are."""


class Query(serializers.Serializer[Any]):
    """The query of one method of a view. Every parameter may be left out, and an empty one counts as left out."""


class Choice(serializers.ChoiceField):
    """One of some words; whoever sends another is told which."""

    def __init__(self, choices: Collection[str], **kwargs: Any) -> None:
        super().__init__(list(choices), **kwargs)
        self.error_messages["invalid_choice"] = f"It is one of: {', '.join(map(str, choices))}."


class MappedChoice(Choice):
    """One of some words, each standing for a value."""

    def __init__(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(list(values), **kwargs)
        self.values = values

    def to_internal_value(self, data: Any) -> Any:
        return self.values[super().to_internal_value(data)]


class Limit(serializers.IntegerField):
    """How many rows a page has, in plain digits."""

    default_error_messages = {"invalid": f"It is a whole number from 1 to {MAX_LIMIT}."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "How many rows a page has.")
        super().__init__(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and not (re.fullmatch("[0-9]{1,9}", data) and 1 <= int(data) <= MAX_LIMIT):
            self.fail("invalid")
        return super().run_validation(data)


class PageQuery(Query):
    """What every list takes."""

    cursor = serializers.CharField(required=False, help_text="From `next` or `previous` of this very list.")
    limit = Limit()


@cache
def fields_of(query: type[Query]) -> Mapping[str, Any]:
    """The parameters of a query; to make its fields anew for each request takes longer than to use them."""
    return dict(query().fields)


@cache
def defaults_of(query: type[Query]) -> Mapping[str, Any]:
    """What the parameters are that say so, where they are left out."""
    fields = fields_of(query).items()
    return {name: field.default for name, field in fields if field.default is not serializers.empty}


def read_query(given: QueryDict, query: type[Query] = Query) -> dict[str, Any]:
    """The parameters that were given, and those that have a default; raises DRF's `ValidationError`."""
    values = dict(defaults_of(query))
    if not given:
        return values

    fields, errors = fields_of(query), {}
    for name, text in read_names(given, fields).items():
        try:
            values[name] = fields[name].run_validation(text)
        except serializers.ValidationError as error:
            errors[name] = error.detail
    if errors:
        raise serializers.ValidationError(errors)

    return values


def read_names(given: QueryDict, taken: Collection[str]) -> dict[str, str]:
    """The parameters that were given and are not empty, as text.

    Raises DRF's `ValidationError` for one that is not `taken`, and for one that is given twice.
    """
    filled = {name: [text for text in texts if text.strip()] for name, texts in given.lists()}
    errors = {name: ["It is given more than once."] for name, texts in filled.items() if len(texts) > 1}
    known = f"Known are: {', '.join(sorted(taken))}." if taken else "There are none here."
    errors |= {name: [f"Unknown parameter. {known}"] for name in filled if name not in taken}
    if errors:
        raise serializers.ValidationError(errors)

    return {name: texts[0] for name, texts in filled.items() if texts}


class QueryMixin:
    """For an API view: `queries` says what each method takes, and `self.query` is what was given."""

    queries: ClassVar[Mapping[str, type[Query]]] = {}
    query: dict[str, Any]

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Let in who may come in, and then read the query."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        method = "GET" if request.method == "HEAD" else str(request.method)
        if hasattr(self, method.lower()):
            self.query = read_query(request.GET, self.queries.get(method, Query))


class PageQueryMiddleware(MiddlewareMixin):
    """Check the query of every page by what the page says that it takes, and leave in it only what was given."""

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        taken = getattr(view, "query", None)
        if taken is None or not request.META.get("QUERY_STRING"):
            return None

        try:
            request.GET = keep_given(request.GET, taken, getattr(view, "repeated", ()))  # type: ignore[assignment]
        except serializers.ValidationError as error:
            return answer(request, error)
        return None


def keep_given(given: QueryDict, taken: Collection[str], repeated: Collection[str] = ()) -> QueryDict:
    """The parameters of a page that were given, without those that only track people; raises as `read_names`.

    Those that may be `repeated` keep all that was given.
    """
    own = given.copy()
    for name in list(own):
        if TRACKING.fullmatch(name) and name not in taken:
            del own[name]
    kept = QueryDict(mutable=True)
    for name in repeated:
        kept.setlist(name, [text for text in own.pop(name, []) if text.strip()])
    kept.update(read_names(own, taken))
    return kept
