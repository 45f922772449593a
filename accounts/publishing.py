"""Documents for anybody, anywhere: keys, status lists, metadata."""

import hashlib

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from wire.etags import is_known


def publish(request: HttpRequest, body: bytes, media_type: str, *, cache: str) -> HttpResponse:
    """A document for anybody, anywhere, with an ETag."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if is_known(request, etag):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(body, media_type)
    response["ETag"] = etag
    response["Cache-Control"] = cache
    response["Access-Control-Allow-Origin"] = "*"
    return response
