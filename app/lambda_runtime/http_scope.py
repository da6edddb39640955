"""HTTP events of Lambda → ASGI scope and request body.

Each front describes the same request differently:

- Function URL and HTTP API (payload format 2.0): header values joined by commas, cookies in a list
  of their own, the raw query string. A Function URL keeps the path encoded, an HTTP API decodes it.
- REST API (format 1.0): every header twice, as one value and as a list; a decoded query; the path
  without the stage in ``path`` and with it in ``requestContext.path``.
- Load balancer: single values *or* lists, depending on its target group; path and query encoded.

Sources: the Lambda, API Gateway and Elastic Load Balancing guides; the fixtures of
aws-lambda-rust-runtime 1.x, lambda-http/tests/data. Scope: ASGI HTTP specification 2.4.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote, unquote, urlencode

import msgspec

from app.requests.lambda_events import EventKind, MalformedEvent

Scope: TypeAlias = dict[str, Any]
Header: TypeAlias = tuple[bytes, bytes]

# From 2.4 on, Starlette relies on `send` to raise once the client is gone, as ours does, instead of
# running a task that waits for the disconnect.
ASGI_VERSION = {"version": "3.0", "spec_version": "2.4"}

# They describe the connection to the front. We have the whole body and know its length.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})


class _Http(msgspec.Struct, rename="camel"):
    method: str
    path: str = "/"
    protocol: str | None = None
    source_ip: str | None = None


class _Identity(msgspec.Struct, rename="camel"):
    source_ip: str | None = None


class _Context(msgspec.Struct, rename="camel"):
    http: _Http | None = None
    identity: _Identity | None = None
    domain_name: str | None = None
    stage: str | None = None
    path: str | None = None
    protocol: str | None = None
    request_id: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    request_context: _Context
    http_method: str | None = None
    path: str | None = None
    raw_path: str | None = None
    raw_query_string: str | None = None
    query_string_parameters: Mapping[str, str] | None = None
    multi_value_query_string_parameters: Mapping[str, Sequence[str]] | None = None
    headers: Mapping[str, str] | None = None
    multi_value_headers: Mapping[str, Sequence[str]] | None = None
    cookies: Sequence[str] | None = None
    body: str | None = None
    is_base64_encoded: bool | None = None


def to_scope(
    kind: EventKind,
    event: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    base_path: str = "",
) -> tuple[Scope, bytes]:
    """Return the ASGI scope of an HTTP event, and the request's body.

    If the path begins with the stage or with ``base_path``, they become the scope's ``root_path``;
    ``path`` keeps them, as ASGI requires.

    Args:
        kind: of the event, as `classify` returns it; one of the HTTP kinds.
        event: the parsed event.
        headers: replace the client's headers of the same names; ``""`` removes a header.
        base_path: the prefix that a custom domain's mapping adds to every path, such as ``/chat``.

    Raises:
        MalformedEvent: a field is missing or of the wrong type, or the body is not base64.
    """
    try:
        read = msgspec.convert(event, _Event)
    except ValueError as error:  # msgspec's own, or of a key that is not Unicode
        raise MalformedEvent(f"The {kind} event cannot be read: {error}.") from None
    context = read.request_context
    method = context.http.method if context.http else read.http_method
    if not method:
        raise MalformedEvent(f"The {kind} event has no HTTP method.")
    body = _body(read)
    sent = _headers(read)
    path, raw_path, root_path = _paths(kind, read, base_path)
    request_id = sent.get("x-request-id") or [context.request_id or ""]
    protocol = (context.http.protocol if context.http else context.protocol) or "HTTP/1.1"
    host = _first(sent, "host") or context.domain_name or "localhost"
    port = _first(sent, "x-forwarded-port")
    fields = {
        "host": [host],
        **sent,
        "x-request-id": request_id,
        **{name: [value] for name, value in (headers or {}).items()},
    }
    if body or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        fields["content-length"] = [str(len(body))]
    scope = {
        "type": "http",
        "asgi": ASGI_VERSION,
        "http_version": protocol.removeprefix("HTTP/"),
        "method": method.upper(),
        "scheme": _first(sent, "x-forwarded-proto") or "https",
        "path": path,
        "raw_path": raw_path,
        "root_path": root_path,
        "query_string": _query(kind, read),
        "headers": encode_headers(fields),
        "client": (_client(read, sent), 0),
        "server": (host.partition(":")[0], _port(port)),
    }
    return scope, body


def encode_headers(fields: Mapping[str, Iterable[str]]) -> list[Header]:
    """Return ASGI headers: one pair for each value that is not empty."""
    return [
        # A header is bytes on the wire: text that is not Latin-1 is sent as UTF-8.
        (_bytes(name), _bytes(value))
        for name, values in fields.items()
        for value in values
        if value
    ]


def _bytes(text: str) -> bytes:
    # JSON may hold half of a surrogate pair, which UTF-8 cannot.
    return text.encode("utf-8", "replace")


def _body(event: _Event) -> bytes:
    if not event.body:
        return b""
    if not event.is_base64_encoded:
        return event.body.encode("utf-8", "surrogatepass")
    try:
        return b64decode(event.body, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedEvent(
            "The body is not the base64 that isBase64Encoded says it is."
        ) from None


def _headers(event: _Event) -> dict[str, list[str]]:
    """Return the client's headers by lower-case name.

    A name in both forms counts once, with its list.
    """
    fields: dict[str, list[str]] = {}
    for name, values in (event.multi_value_headers or {}).items():
        fields.setdefault(name.lower(), []).extend(values)
    for name, value in (event.headers or {}).items():
        fields.setdefault(name.lower(), [value])
    cookies = event.cookies or fields.get("cookie")
    if cookies:
        fields["cookie"] = ["; ".join(cookies)]
    return {name: values for name, values in fields.items() if name not in _FRAMING}


def _first(fields: Mapping[str, Sequence[str]], name: str) -> str:
    """Return the first of several values that proxies have joined with commas."""
    return next(iter(fields.get(name, ())), "").partition(",")[0].strip()


def _port(text: str) -> int:
    # Whoever calls a load balancer may write it.
    return int(text) if text.isdecimal() and len(text) <= 5 else 443


def _paths(kind: EventKind, event: _Event, base_path: str) -> tuple[str, bytes, str]:
    context = event.request_context
    shown = event.raw_path or event.path or (context.http.path if context.http else None) or "/"
    root = ""
    if kind in (EventKind.FUNCTION_URL, EventKind.ALB):
        path, raw_path = unquote(shown), _bytes(shown)
    else:
        if kind is EventKind.REST_API and context.path and context.path.endswith(shown):
            root, shown = context.path.removesuffix(shown), context.path
        elif kind is EventKind.HTTP_API and _is_below(shown, f"/{context.stage}"):
            root = f"/{context.stage}"
        path, raw_path = shown, quote(_bytes(shown), safe="/:@!$&'()*+,;=~").encode()
    base = base_path.strip("/")
    if base and _is_below(path, f"{root}/{base}"):
        root = f"{root}/{base}"
    return path, raw_path, root


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _query(kind: EventKind, event: _Event) -> bytes:
    if event.raw_query_string is not None:
        return _bytes(event.raw_query_string)
    single = {name: [value] for name, value in (event.query_string_parameters or {}).items()}
    values = {**single, **(event.multi_value_query_string_parameters or {})}
    if kind is EventKind.ALB:
        pairs = [f"{name}={value}" for name, several in values.items() for value in several]
        return _bytes("&".join(pairs))
    return urlencode(values, doseq=True, errors="replace").encode()


def _client(event: _Event, sent: Mapping[str, Sequence[str]]) -> str:
    """Return the address of the client that connected to the front.

    A load balancer reports it only in ``x-forwarded-for``, as the last entry: the client may have
    sent the entries before it.
    """
    context = event.request_context
    known = context.http or context.identity
    if known is not None and known.source_ip:
        return known.source_ip
    forwarded = (sent.get("x-forwarded-for") or [""])[-1]
    return forwarded.rpartition(",")[2].strip()
