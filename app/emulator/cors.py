"""CORS as a Function URL does it: Lambda answers the browser's preflight and adds the headers.

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
    """Read the JSON. Raises `ValueError` that names what is wrong."""
    return msgspec.json.decode(text, type=Cors)


def local_page(origin: str) -> Cors:
    """Return what a page on this machine may do at the invocations address: everything.

    Pages from elsewhere may not: they could run the function at its owner's cost.
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
    """Return the headers that answer a preflight; none if the origin is not allowed.

    ``request``: the preflight's headers, names in lower case. A ``*`` is answered with what the
    browser asks for, since browsers do not take it as "all" for credentials and `authorization`.
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
    """Return the headers that Lambda adds to an answer."""
    headers = _origin_headers(cors, request)
    if headers and cors.expose_headers:
        headers.append(("access-control-expose-headers", ", ".join(cors.expose_headers)))
    return headers


def is_preflight(method: str, request: Mapping[str, str]) -> bool:
    """Return whether a browser asks for permission with this request."""
    return method == "OPTIONS" and "access-control-request-method" in request


def _origin_headers(cors: Cors, request: Mapping[str, str]) -> Headers:
    origin = request.get("origin", "")
    if not origin or not {"*", origin} & set(cors.allow_origins):
        return []
    # With credentials browsers refuse a "*".
    value = "*" if "*" in cors.allow_origins and not cors.allow_credentials else origin
    headers = [("access-control-allow-origin", value), ("vary", "origin")]
    if cors.allow_credentials:
        headers.append(("access-control-allow-credentials", "true"))
    return headers


def _list_or(allowed: Sequence[str], wanted: str) -> str:
    return wanted if "*" in allowed and wanted else ", ".join(allowed)
