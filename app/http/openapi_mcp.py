"""What ``/openapi.json`` says about the route for MCP clients."""

from typing import Any

from app.http.openapi import JSON, errors, json_of, route

_REFUSED = {"type": "object", "description": "An error of JSON-RPC, or one of this server."}
_MESSAGE = {
    "type": "object",
    "required": ["jsonrpc", "method"],
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["string", "integer"]},
        "method": {"type": "string"},
        "params": {"type": "object"},
    },
    "example": {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
}


def mcp(path: str) -> dict[str, Any]:
    """Return the description of the route at ``path``."""
    return route(
        "tools",
        "mcp" if path == "/mcp" else "mcp_below_api",
        summary="Our tools by the Model Context Protocol (streamable HTTP)",
        responses={
            200: {
                "description": "The response; that of tools/call is a stream of events.",
                "content": {
                    JSON: {"schema": {"type": "object"}},
                    "text/event-stream": {
                        "example": 'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
                    },
                },
            },
            202: {"description": "A notification has been taken."},
            400: json_of("The message cannot be used.", _REFUSED),
            404: json_of("A method that is not there (2026-07-28).", _REFUSED),
            406: json_of("A call from who does not accept events.", _REFUSED),
            **errors(
                _401="The server asks for its bearer token.",
                _413="The body holds more than CHAT_MAX_BODY_BYTES or 200,000 values.",
                _415="The body is not JSON.",
                _503="Too many turns run; see Retry-After.",
            ),
        },
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": _MESSAGE}}}},
    )
