"""What ``/openapi.json`` says about turns that outlive their request, and about stored chats."""

from typing import Any

from app.http.openapi import HIDDEN, JSON, QUERY, STREAM, errors

_CHAT_ID = {"name": "chat_id", "in": "path", "required": True, "schema": {"type": "string"}}
_CHAT_ID_4 = {"name": "chatId", "in": "query", "schema": {"type": "string"}}
_START = [
    {
        "name": "startIndex",
        "in": "query",
        "schema": {"type": "integer"},
        "description": "How many chunks of the turn the client has; only the rest is sent, chunk "
        "for chunk. Negative: only so many from the end.",
    },
    {
        "name": "Last-Event-ID",
        "in": "header",
        "schema": {"type": "string", "pattern": "^-?[0-9]{1,12}$"},
        "description": "The same as startIndex.",
    },
]
_ERRORS = errors(
    _400="An option cannot be used; the sentence says why.",
    _401="The server asks for its bearer token.",
    _503="The store cannot be reached; see Retry-After.",
)
_NO_CHAT = errors(_404="There is no such chat, or this server keeps none.")
_FOLLOWED = {
    "description": "The turn's whole message, then what comes until its end.",
    "content": STREAM,
    "headers": {
        name: {"schema": {"type": "string"}} for name in ("x-chat-turn-id", "x-workflow-run-id")
    },
}

# The parameters are declared here: as those of a function they would promise FastAPI's 422.
RESUME: dict[str, Any] = {
    **HIDDEN,
    "tags": ["resume"],
    "operation_id": "resume",
    "responses": {
        200: _FOLLOWED,
        204: {"description": "No turn of this chat is running or has just ended."},
        **_ERRORS,
    },
    "openapi_extra": {"parameters": [_CHAT_ID, *_START, *QUERY[:2]]},
}
RESUME_4: dict[str, Any] = {
    **HIDDEN,
    "tags": ["resume"],
    "operation_id": "resume_ai_sdk_4",
    "responses": {
        200: {**_FOLLOWED, "description": "The same for AI SDK 4; a blank line if there is none."},
        **_ERRORS,
    },
    "openapi_extra": {"parameters": [_CHAT_ID_4, *_START, *QUERY[:2]]},
}
STOP: dict[str, Any] = {
    **HIDDEN,
    "tags": ["resume"],
    "operation_id": "stop",
    "status_code": 204,
    "responses": {
        204: {"description": "The turn ends, or there was none."},
        **_ERRORS,
        **errors(_413="The body holds more than CHAT_MAX_BODY_BYTES."),
    },
    "openapi_extra": {
        "parameters": [_CHAT_ID],
        "requestBody": {
            "required": False,
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "properties": {"turnId": {"type": "string"}},
                    },
                    "example": {},
                }
            },
        },
    },
}
_SUMMARY = {
    "type": "object",
    "required": ["id", "title", "created", "updated"],
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "created": {"type": "integer", "description": "Microseconds since 1970."},
        "updated": {"type": "integer", "description": "Microseconds since 1970."},
    },
}
CHATS: dict[str, Any] = {
    **HIDDEN,
    "tags": ["chats"],
    "operation_id": "list_chats",
    "responses": {
        200: {
            "description": "The chats, the last changed first.",
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["chats"],
                        "properties": {"chats": {"type": "array", "items": _SUMMARY}},
                    }
                }
            },
        },
        **_ERRORS,
        **_NO_CHAT,
    },
    "openapi_extra": {
        "parameters": [
            {
                "name": "before",
                "in": "query",
                "schema": {"type": "integer", "minimum": 0},
                "description": "Only chats changed before: `updated` of the last one known.",
            },
            {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
        ]
    },
}
CHAT: dict[str, Any] = {
    **HIDDEN,
    "tags": ["chats"],
    "operation_id": "get_chat",
    "responses": {
        200: {
            "description": "The chat. Its messages are what `useChat({messages})` takes; without "
            "the one that a running turn answers with, which its stream holds whole.",
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["id", "title", "messages", "turn"],
                        "properties": {
                            "id": {"type": "string"},
                            "title": {"type": "string"},
                            "messages": {"type": "array", "items": {"type": "object"}},
                            "turn": {
                                "type": ["object", "null"],
                                "required": ["id", "state"],
                                "properties": {
                                    "id": {"type": "string"},
                                    "state": {"const": "running"},
                                },
                            },
                        },
                    }
                }
            },
        },
        **_ERRORS,
        **_NO_CHAT,
    },
    "openapi_extra": {"parameters": [_CHAT_ID, QUERY[1]]},
}
DELETE_CHAT: dict[str, Any] = {
    **HIDDEN,
    "tags": ["chats"],
    "operation_id": "delete_chat",
    "status_code": 204,
    "responses": {
        204: {"description": "There is no such chat any more. Its running turn ends."},
        **_ERRORS,
        **errors(_404="This server keeps no chats."),
    },
    "openapi_extra": {"parameters": [_CHAT_ID]},
}
