"""The JSON-RPC messages of a client that uses our tools: what it asks, and what it is answered.

    → {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{…}}}
    ← {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,…}}
    ← {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"3"}],"isError":false}}

Up to 2025-11-25 a client introduces itself once (``initialize``). From 2026-07-28 on each request
says in its headers and in ``_meta`` what it needs, and each result says that it is one.

Source: Model Context Protocol, revisions 2025-11-25 and 2026-07-28, "Base Protocol" and
"Transports"; the package mcp 2.3, `mcp.shared.inbound`.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from app import __version__
from app.protocols.json_text import dumps

HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS = ("2026-07-28",)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
_HEADER_MISMATCH = -32020
_UNSUPPORTED_VERSION = -32022

_META = "io.modelcontextprotocol/"
_SERVER = {"name": "deltaline", "version": __version__}
_MODERN_STATUS: Mapping[int, int] = {
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    METHOD_NOT_FOUND: 404,
    _HEADER_MISMATCH: 400,
    _UNSUPPORTED_VERSION: 400,
}
RequestId: TypeAlias = str | int | float


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request, which is owed an answer."""

    id: RequestId
    method: str
    params: Mapping[str, Any]
    is_modern: bool = False

    @property
    def progress_token(self) -> str | int | None:
        """What the client wants progress to be sent with; ``None``: it wants none."""
        meta = self.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, Mapping) else None
        return token if isinstance(token, str | int) and not isinstance(token, bool) else None


class Note(msgspec.Struct, frozen=True):
    """A message that is owed nothing. ``cancelled`` is the request that it takes back."""

    cancelled: RequestId | None = None


class Refusal(msgspec.Struct, frozen=True):
    """A request that cannot be answered."""

    id: RequestId | None
    code: int
    message: str
    status: int = 400
    data: Any = None


def read_message(value: Any, headers: Mapping[str, str]) -> Ask | Note | Refusal:
    """Return what a client says.

    Args:
        value: the body's JSON.
        headers: of the request, by their names in lower case.
    """
    if not isinstance(value, Mapping) or value.get("jsonrpc") != "2.0":
        return Refusal(None, INVALID_REQUEST, "Send one JSON-RPC 2.0 message.")
    version = headers.get("mcp-protocol-version")
    method, params = value.get("method"), value.get("params")
    if "id" not in value or not isinstance(method, str):
        return _note(value, method, params)
    request_id = value["id"]
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | float):
        return Refusal(None, INVALID_REQUEST, "The id must be a text or a number.")
    if params is not None and not isinstance(params, Mapping):
        return Refusal(request_id, INVALID_PARAMS, "params must be an object.", 200)
    ask = Ask(id=request_id, method=method, params=params or {})
    if version is None or version in HANDSHAKE_VERSIONS:
        return ask
    return _modern(msgspec.structs.replace(ask, is_modern=True), version, headers)


def _note(value: Mapping[str, Any], method: Any, params: Any) -> Note | Refusal:
    if isinstance(method, str):
        cancels = method == "notifications/cancelled" and isinstance(params, Mapping)
        cancelled = params.get("requestId") if cancels else None
        return Note(cancelled if isinstance(cancelled, str | int) else None)
    if "result" in value or "error" in value:
        return Note()  # to a question that we have not asked
    return Refusal(None, INVALID_REQUEST, "A message needs a method.")


def _modern(ask: Ask, version: str, headers: Mapping[str, str]) -> Ask | Refusal:
    meta = ask.params.get("_meta")
    if not isinstance(meta, Mapping) or f"{_META}protocolVersion" not in meta:
        if version not in MODERN_VERSIONS:
            return _unsupported(ask, version)
        text = f"params._meta must have {_META}protocolVersion and {_META}clientCapabilities."
        return Refusal(ask.id, INVALID_PARAMS, text)
    said = {
        "mcp-protocol-version": meta[f"{_META}protocolVersion"],
        "mcp-method": ask.method,
        **({"mcp-name": ask.params.get("name")} if ask.method == "tools/call" else {}),
    }
    for name, wanted in said.items():
        if _decoded(headers.get(name)) != wanted:
            text = f"The header {name} does not match the request's body."
            return Refusal(ask.id, _HEADER_MISMATCH, text)
    return ask if version in MODERN_VERSIONS else _unsupported(ask, version)


def _unsupported(ask: Ask, version: str) -> Refusal:
    data = {"supported": [*HANDSHAKE_VERSIONS, *MODERN_VERSIONS], "requested": version}
    return Refusal(ask.id, _UNSUPPORTED_VERSION, "Unsupported protocol version", 400, data)


def _decoded(value: str | None) -> str | None:
    """Return a header's text, which is in base64 where a header could not hold it."""
    if value is None or not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def refused(ask: Ask, code: int, message: str) -> Refusal:
    """Return the refusal of a request that could be read."""
    return Refusal(ask.id, code, message, _MODERN_STATUS[code] if ask.is_modern else 200)


def introduction(ask: Ask) -> dict[str, Any]:
    """Return the result of ``initialize``."""
    wanted = ask.params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in HANDSHAKE_VERSIONS else HANDSHAKE_VERSIONS[-1],
        "capabilities": {"tools": {}},
        "serverInfo": _SERVER,
    }


def discovery() -> dict[str, Any]:
    """Return the result of ``server/discover``."""
    return {
        "supportedVersions": list(MODERN_VERSIONS),
        "capabilities": {"tools": {}},
        **_not_to_be_kept(),
    }


def tool_list(tools: list[dict[str, Any]], ask: Ask) -> dict[str, Any]:
    """Return the result of ``tools/list``."""
    return {"tools": tools, **(_not_to_be_kept() if ask.is_modern else {})}


def _not_to_be_kept() -> dict[str, Any]:
    # Tools may differ with the owner, and come and go with servers.
    return {"ttlMs": 0, "cacheScope": "private"}


def answered(ask: Ask, result: Mapping[str, Any]) -> bytes:
    """Return the message with a result."""
    if ask.is_modern:
        meta = {f"{_META}serverInfo": _SERVER}
        result = {"resultType": "complete", **result, "_meta": meta}
    return dumps({"jsonrpc": "2.0", "id": ask.id, "result": result})


def refusal_message(refusal: Refusal) -> bytes:
    """Return the message with an error."""
    error = {"code": refusal.code, "message": refusal.message}
    if refusal.data is not None:
        error["data"] = refusal.data
    return dumps({"jsonrpc": "2.0", "id": refusal.id, "error": error})
