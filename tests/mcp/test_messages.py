"""What an MCP client says, and what it is answered."""

import json
from typing import Any

import pytest

from app.mcp import messages
from app.mcp.messages import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Ask,
    Note,
    Refusal,
    read_message,
)

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
MODERN = {"mcp-protocol-version": "2026-07-28"}


def ask(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def test_a_request_is_asked() -> None:
    assert read_message(ask("ping"), {}) == Ask(id=1, method="ping", params={})
    without = {"jsonrpc": "2.0", "id": "a", "method": "ping"}
    assert read_message(without, {"mcp-protocol-version": "2025-06-18"}) == Ask(
        id="a", method="ping", params={}
    )


def test_a_modern_request_says_what_it_needs() -> None:
    headers = {**MODERN, "mcp-method": "tools/call", "mcp-name": "=?base64?YWRk?="}

    asked = read_message(ask("tools/call", name="add", _meta=META), headers)

    assert isinstance(asked, Ask)
    assert asked.is_modern
    listed = read_message(ask("tools/list", _meta=META), {**MODERN, "mcp-method": "tools/list"})
    assert isinstance(listed, Ask)


@pytest.mark.parametrize(
    ("headers", "params", "code"),
    [
        ({"mcp-method": "tools/call", "mcp-name": "add"}, {}, INVALID_PARAMS),
        ({"mcp-method": "tools/call", "mcp-name": "add"}, {"_meta": 1}, INVALID_PARAMS),
        ({"mcp-name": "add"}, {"_meta": META}, -32020),
        ({"mcp-method": "tools/call"}, {"_meta": META}, -32020),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?*?="}, {"_meta": META}, -32020),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?/w==?="}, {"_meta": META}, -32020),
        ({"mcp-protocol-version": "2099-01-01"}, {"_meta": META}, -32020),
        ({"mcp-protocol-version": "2099-01-01"}, {}, -32022),
    ],
)
def test_a_modern_request_that_contradicts_itself_is_refused(
    headers: dict[str, str], params: dict[str, Any], code: int
) -> None:
    refusal = read_message(ask("tools/call", name="add", **params), {**MODERN, **headers})

    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status, refusal.id) == (code, 400, 1)


def test_who_speaks_no_version_of_ours_is_told_which_there_are() -> None:
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    headers = {"mcp-protocol-version": "2099-01-01", "mcp-method": "tools/list"}

    refusal = read_message(ask("tools/list", _meta=meta), headers)

    assert isinstance(refusal, Refusal)
    error = json.loads(messages.refusal_message(refusal))["error"]
    assert error["code"] == -32022
    assert error["data"]["requested"] == "2099-01-01"
    assert "2026-07-28" in error["data"]["supported"]


@pytest.mark.parametrize(
    ("value", "cancelled"),
    [
        ({"method": "notifications/initialized"}, None),
        ({"method": "notifications/cancelled", "params": {"requestId": 7}}, 7),
        ({"method": "notifications/cancelled", "params": {"requestId": [7]}}, None),
        ({"method": "notifications/cancelled"}, None),
        ({"id": 1, "result": {}}, None),
        ({"id": 1, "error": {}}, None),
    ],
)
def test_what_is_owed_nothing_is_noted(value: dict[str, Any], cancelled: int | None) -> None:
    assert read_message({"jsonrpc": "2.0", **value}, {}) == Note(cancelled)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], INVALID_REQUEST),
        ({"id": 1, "method": "ping"}, INVALID_REQUEST),
        ({"jsonrpc": "2.0"}, INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, INVALID_PARAMS),
    ],
)
def test_what_is_no_message_is_refused(value: Any, code: int) -> None:
    refusal = read_message(value, {})

    assert isinstance(refusal, Refusal)
    assert refusal.code == code


@pytest.mark.parametrize(
    ("meta", "token"),
    [({"progressToken": 3}, 3), ({"progressToken": "a"}, "a"), ({"progressToken": True}, None)],
)
def test_progress_is_sent_to_who_wants_it(meta: dict[str, Any], token: object) -> None:
    assert Ask(id=1, method="x", params={"_meta": meta}).progress_token == token
    assert Ask(id=1, method="x", params={}).progress_token is None


def test_the_version_is_the_clients_if_we_know_it() -> None:
    def version(wanted: str) -> object:
        return messages.introduction(
            Ask(id=1, method="initialize", params={"protocolVersion": wanted})
        )["protocolVersion"]

    assert version("2024-11-05") == "2024-11-05"
    assert version("2026-07-28") == "2025-11-25"


def test_a_result_is_what_its_protocol_has() -> None:
    old, new = (Ask(id=1, method="tools/list", params={}, is_modern=new) for new in (False, True))

    assert json.loads(messages.answered(old, messages.tool_list([], old))) == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"tools": []},
    }
    result = json.loads(messages.answered(new, messages.tool_list([], new)))["result"]
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == (
        "complete",
        0,
        "private",
    )
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "deltaline"
    assert messages.discovery()["supportedVersions"] == ["2026-07-28"]


def test_a_refusal_has_the_status_of_its_protocol() -> None:
    old, new = (Ask(id=1, method="x", params={}, is_modern=new) for new in (False, True))

    assert messages.refused(old, METHOD_NOT_FOUND, "No.").status == 200
    assert messages.refused(new, METHOD_NOT_FOUND, "No.").status == 404
    assert json.loads(messages.refusal_message(messages.refused(old, METHOD_NOT_FOUND, "No."))) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32601, "message": "No."},
    }
