"""Django as a WSGI application: for `runserver`, and inside `config.rsgi`."""

import gc
import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler

from config.frameworks import load_frameworks
from config.request_headers import simplify_headers


class Handler(WSGIHandler):
    """Django's, which is shown headers that it can read within bounds."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        simplify_headers(environ)
        return super().__call__(environ, start_response)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# What is made at the start stays: to look through it for rubbish, now or with every collection, is time lost.
gc.disable()
django.setup(set_prefix=False)
load_frameworks()
application = Handler()
gc.freeze()
gc.enable()
