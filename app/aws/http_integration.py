"""The prelude: the HTTP status, headers and cookies at the start of a streamed Lambda response.

    {"statusCode":200,"headers":{"content-type":"text/event-stream"},"cookies":["a=1"]}
    eight NUL bytes
    the body

Only a Function URL and API Gateway read it; a direct caller would get it as text. JSON holds no raw
NUL byte, so the first one ends it.

Sources: the API Gateway developer guide on response streaming with a Lambda proxy integration,
which also reads ``multiValueHeaders``; aws-lambda-nodejs-runtime-interface-client 3.1,
src/HttpResponseStream.js, which writes the JSON and the NUL bytes separately, so they may arrive
apart; aws-lambda-rust-runtime 1.1, lambda-runtime/src/types.rs, used by the Lambda Web Adapter,
which writes a repeated header as a list.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"

_END = b"\0" * 8
# API Gateway allows 10,240 bytes of headers. This limit only protects our memory from garbage.
_MAX_JSON_BYTES = 64 * 1024

Scalar: TypeAlias = str | int | float | bool


class PreludeError(ValueError):
    """The bytes do not begin with a prelude."""


class Prelude(msgspec.Struct, frozen=True):
    """The head of an HTTP response.

    ``headers`` are pairs of name and value in the order they are sent; a name may come twice.
    ``cookies`` are the values of the ``set-cookie`` headers, which are not among ``headers``.
    """

    status_code: int
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[str, ...] = ()


class _Wire(msgspec.Struct, rename="camel", omit_defaults=True):
    status_code: int = 200
    headers: Mapping[str, Scalar | Sequence[Scalar] | None] = {}
    multi_value_headers: Mapping[str, Sequence[Scalar]] = {}
    cookies: Sequence[str] = ()


_decode_wire = msgspec.json.Decoder(_Wire, strict=False).decode


def encode_prelude(prelude: Prelude) -> bytes:
    """Return the JSON and the eight NUL bytes.

    A header that comes twice is joined with ``", "``, as HTTP allows for all but ``set-cookie``
    (RFC 9110, 5.3): a Function URL reads no ``multiValueHeaders``.
    """
    headers: dict[str, str] = {}
    for name, value in prelude.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    wire = {"statusCode": prelude.status_code, "headers": headers}
    if prelude.cookies:
        wire["cookies"] = list(prelude.cookies)
    return msgspec.json.encode(wire) + _END


class PreludeDecoder:
    """Reads a prelude from bytes that were split anywhere.

    Feed it until it returns a prelude; ``rest`` then holds the bytes of the body that came with it.

    Attributes:
        rest: the bytes after the eight NULs. Empty until the prelude is complete.
    """

    def __init__(self) -> None:
        self.rest = b""
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> Prelude | None:
        """Return the prelude once it is complete, ``None`` before.

        Raises:
            PreludeError: the bytes are not a JSON object, not a prelude, or too long for one.
        """
        self._buffer += data
        buffer = self._buffer
        if buffer and buffer[0] not in b"{ \t\r\n":
            raise PreludeError("the answer does not begin with a prelude: its first byte is not {")
        end = buffer.find(0, self._searched)
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > _MAX_JSON_BYTES:
                raise self._too_long()
            return None
        if end > _MAX_JSON_BYTES:
            raise self._too_long()
        self._searched = end
        mark = bytes(buffer[end : end + len(_END)])
        if mark != _END[: len(mark)]:
            raise PreludeError("the JSON of the prelude is not followed by eight NUL bytes")
        if len(mark) < len(_END):
            return None
        prelude = _read(bytes(buffer[:end]))
        self.rest = bytes(buffer[end + len(_END) :])
        return prelude

    def _too_long(self) -> PreludeError:
        return PreludeError(f"no prelude ends within the first {_MAX_JSON_BYTES} bytes")


def _read(text: bytes) -> Prelude:
    try:
        wire = _decode_wire(text)
    except (ValueError, RecursionError) as error:
        raise PreludeError(f"the prelude cannot be read: {error}") from None
    if not 100 <= wire.status_code <= 599:
        raise PreludeError(f"the prelude's status code {wire.status_code} is not one of HTTP")
    multiple = {name.lower() for name in wire.multi_value_headers}
    pairs = [
        (name, value)
        for name, values in wire.headers.items()
        # Lambda's events repeat the last value of each list here, and so do responses made of them.
        if name.lower() not in multiple
        for value in _listed(values)
    ]
    for name, values in wire.multi_value_headers.items():
        pairs += [(name, value) for value in values]
    headers: list[tuple[str, str]] = []
    cookies = list(wire.cookies)
    for name, value in pairs:
        if name.lower() == "set-cookie":
            cookies.append(_text(value))
        else:
            headers.append((name, _text(value)))
    return Prelude(wire.status_code, tuple(headers), tuple(cookies))


def _listed(value: Scalar | Sequence[Scalar] | None) -> Sequence[Scalar]:
    if isinstance(value, str | int | float | bool):
        return (value,)
    return () if value is None else value


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
