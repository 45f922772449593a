"""A page to read and try the document of the API, and a page for each problem, all without remote files."""

import json

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from tokens.pages import page
from tokens.permissions import OPEN
from wire.api.known_problems import known_problems, title_of


@page(OPEN)
def show_docs(request: HttpRequest) -> HttpResponse:
    """The document to read and try, in a browser."""
    return render(request, "api/docs.html", {"is_demo": settings.DEVELOPMENT})


@page(OPEN)
def show_problems(request: HttpRequest) -> HttpResponse:
    """Every problem that the API may answer with, by status."""
    problems = sorted(known_problems().values(), key=lambda problem: (problem.status, problem.code))
    return render(request, "api/problems.html", {"problems": problems})


@page(OPEN)
def show_problem(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem means and what to do: where its `type` leads to."""
    problem = known_problems().get(code)
    if problem is None:
        raise Http404

    example = json.dumps(problem.example, indent=2)
    return render(request, "api/problem.html", {"problem": problem, "title": title_of(code), "example": example})
