"""CORS of a Function URL: Lambda itself responds to preflights and adds the headers.

Source: the shape ``Cors`` of botocore's Lambda service model, and AWS's page "Creating and managing
Lambda function URLs".
"""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

Headers = list[tuple[str, str]]


class Cors(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """The JSON that `aws lambda create-function-url-config --cors` takes.

    ``max_age`` is in seconds.
    """

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: Annotated[int, msgspec.Meta(ge=0, le=86400)] = 0
    allow_credentials: bool = False


def parse_cors(text: str) -> Cors:
    """Read the JSON. Raises a `ValueError` that names the mistake."""
    return msgspec.json.decode(text, type=Cors)


def local_page(origin: str) -> Cors:
    """Return the CORS configuration of the invoke addresses for a page from ``origin``.

    A page on this machine may do everything, any other page nothing: it could run the function at
    its owner's cost.
    """
    host = urlsplit(origin).hostname or ""
    is_local = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    return Cors(
        allow_origins=(origin,) if is_local else (),
        allow_methods=("*",),
        allow_headers=("*",),
        expose_headers=("*",),
    )


def preflight_headers(cors: Cors, request: Mapping[str, str]) -> Headers:
    """Return the headers of the response to a preflight; none if the origin is not allowed.

    ``request`` holds the preflight's headers, names in lower case. An allowed ``*`` is sent as the
    method or headers that the browser asks for: with credentials, and for `authorization`, browsers
    do not read ``*`` as "all".
    """
    headers = _origin_headers(cors, request)
    if not headers:
        return []
    method = request.get("access-control-request-method", "")
    wanted = request.get("access-control-request-headers", "")
    headers.append(("access-control-allow-methods", _list_or(cors.allow_methods, method)))
    if cors.allow_headers:
        headers.append(("access-control-allow-headers", _list_or(cors.allow_headers, wanted)))
    headers.append(("access-control-max-age", str(cors.max_age)))
    return headers


def response_headers(cors: Cors, request: Mapping[str, str]) -> Headers:
    """Return the headers that Lambda adds to a response; none if the origin is not allowed."""
    headers = _origin_headers(cors, request)
    if headers and cors.expose_headers:
        headers.append(("access-control-expose-headers", ", ".join(cors.expose_headers)))
    return headers


def is_preflight(method: str, request: Mapping[str, str]) -> bool:
    """Return whether this request is a browser's CORS preflight."""
    return method == "OPTIONS" and "access-control-request-method" in request


def _origin_headers(cors: Cors, request: Mapping[str, str]) -> Headers:
    origin = request.get("origin", "")
    if not origin or not {"*", origin} & set(cors.allow_origins):
        return []
    # Browsers refuse a "*" for requests with credentials.
    value = "*" if "*" in cors.allow_origins and not cors.allow_credentials else origin
    headers = [("access-control-allow-origin", value), ("vary", "origin")]
    if cors.allow_credentials:
        headers.append(("access-control-allow-credentials", "true"))
    return headers


def _list_or(allowed: Sequence[str], wanted: str) -> str:
    return wanted if "*" in allowed and wanted else ", ".join(allowed)
