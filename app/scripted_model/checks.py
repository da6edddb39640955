"""The checks that both APIs share: request bodies, tool schemas, files. No I/O."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from app.scripted_model.conversation import ReceivedFile
from app.scripted_model.script import ApiError

T = TypeVar("T")
_MISSING = re.compile(r"missing required field `(.+?)`")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


class BadRequest(Exception):
    """The API refuses this request with an error object, before any model sees it."""

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.error = ApiError(status=status, message=message, param=param, code=code)


def decode_body(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """Decode a request body.

    Raises:
        BadRequest: not JSON, or a value of the wrong type; ``param`` says where.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise refused_types(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body of the request is not valid JSON: {error}.") from None


def refused_types(error: msgspec.ValidationError, inside: str = "") -> BadRequest:
    """Return the refusal of a value of the wrong type; ``inside`` is the path to the value."""
    text = str(error)
    place = _PLACE.search(text)
    missing = _MISSING.search(text)
    names = (inside, place and place.group(1), missing and missing.group(1))
    return BadRequest(
        f"Invalid request: {text}.",
        param=".".join(name for name in names if name) or None,
        code="missing_required_parameter" if missing else "invalid_type",
    )


def check_function(parameters: Mapping[str, Any] | None, strict: bool | None, param: str) -> None:
    """Check a function tool's schema.

    Raises:
        BadRequest: not an object schema, or ``strict`` and against the rules of strict schemas.
    """
    if parameters is None:
        return
    if parameters.get("type") != "object":
        raise _invalid_schema("schema must have type 'object'", f"{param}.parameters")
    if strict:
        _check_strict(parameters, (), f"{param}.parameters")


def check_schema_format(schema: Mapping[str, Any], strict: bool | None, param: str) -> None:
    """Check the schema of a structured output.

    Raises:
        BadRequest: as in `check_function`, but only if ``strict``.
    """
    if strict:
        if schema.get("type") != "object":
            raise _invalid_schema("schema must have type 'object'", f"{param}.schema")
        _check_strict(schema, (), f"{param}.schema")


def _check_strict(schema: Any, path: tuple[str, ...], param: str) -> None:
    if isinstance(schema, list):
        for place, member in enumerate(schema):
            _check_strict(member, (*path, str(place)), param)
    if not isinstance(schema, Mapping):
        return
    where = f"in context={path}"
    properties = schema.get("properties", {})
    if "properties" in schema or schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise _invalid_schema(f"{where}, 'additionalProperties' has to be false", param)
        if missing := sorted(set(properties) - set(schema.get("required", ()))):
            raise _invalid_schema(f"{where}, 'required' lacks {missing[0]!r}", param)
    for key, member in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(member, Mapping):
            for name, inner in member.items():
                _check_strict(inner, (*path, key, name), param)
        elif key in ("items", "anyOf"):
            _check_strict(member, (*path, key), param)


def _invalid_schema(message: str, param: str) -> BadRequest:
    return BadRequest(
        f"Invalid schema for {param}: {message}.", param=param, code="invalid_function_parameters"
    )


def file_from_url(url: str, param: str, *, name: str | None = None) -> ReceivedFile:
    """Describe the file behind a ``data:`` URL or a web address.

    Raises:
        BadRequest: neither of the two, or invalid base64.
    """
    if url.startswith(("https://", "http://")):
        return ReceivedFile("unknown", None, name or url)
    matched = re.match(r"data:([^;,]+)(?:;[^;,]+)*;base64,", url)
    if matched is None:
        raise BadRequest(
            "Expected a base64 data URL ('data:image/png;base64,…') or an http(s) address.",
            param=param,
            code="invalid_value",
        )
    return file_from_data(url[matched.end() :], matched.group(1), param, name=name)


def file_from_data(
    data: str, media_type: str, param: str, *, name: str | None = None
) -> ReceivedFile:
    """Describe a file sent as base64.

    Raises:
        BadRequest: invalid base64.
    """
    try:
        size = len(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        raise BadRequest(
            "The file is not valid base64.", param=param, code="invalid_base64"
        ) from None
    return ReceivedFile(media_type, size, name)
