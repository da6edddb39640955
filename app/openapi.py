"""What ``/openapi.json`` says of each route, beside what FastAPI finds out by itself.

The routes take the raw request, since a chat body has many shapes; these are those shapes, with an
example of each. `tests/test_openapi.py` holds the running app against them.
"""

from typing import Any

_JSON = "application/json"

_MESSAGE_4 = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"enum": ["user", "assistant", "system"]},
        "content": {"type": "string"},
        "parts": {"type": "array", "items": {"type": "object"}},
    },
}
_MESSAGE_5 = {
    "type": "object",
    "required": ["role", "parts"],
    "properties": {
        "id": {"type": "string", "maxLength": 256},
        "role": {"enum": ["user", "assistant", "system"]},
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"type": "string"}, "text": {"type": "string"}},
            },
        },
    },
}
_OVERRIDES: dict[str, Any] = {
    "protocol": {"enum": ["data", "ui", "text", "ndjson"]},
    "sdk": {"enum": ["3.4", "4", "5.0", "5", "6", "7"]},
    "stream": {"type": "boolean"},
    "model": {"type": "string"},
}
_CHAT_BODY = {
    "anyOf": [
        {
            "title": "useChat of AI SDK 5, 6 and 7",
            "type": "object",
            "required": ["messages"],
            "properties": {
                "id": {"type": "string", "maxLength": 256},
                "messages": {"type": "array", "minItems": 1, "items": _MESSAGE_5},
                "trigger": {"enum": ["submit-message", "regenerate-message"]},
                "messageId": {"type": "string"},
                **_OVERRIDES,
            },
        },
        {
            "title": "useChat of AI SDK 3.4 and 4",
            "type": "object",
            "required": ["messages"],
            "properties": {
                "id": {"type": "string", "maxLength": 256},
                "messages": {"type": "array", "minItems": 1, "items": _MESSAGE_4},
                **_OVERRIDES,
            },
        },
        {
            "title": "Direct call",
            "type": "object",
            "required": ["action", "payload"],
            "properties": {
                "action": {"enum": ["chat", "chat-stream", "chat-v2-stream"]},
                "payload": {
                    "type": "object",
                    "properties": {"text": {"type": "string", "minLength": 1}, **_OVERRIDES},
                },
            },
        },
        {
            "title": "Wrapped by API Gateway or a Function URL",
            "type": "object",
            "required": ["body"],
            "properties": {"body": {"type": "string"}, "isBase64Encoded": {"type": "boolean"}},
        },
        {
            "title": "useCompletion",
            "type": "object",
            "required": ["prompt"],
            "properties": {"prompt": {"type": "string", "minLength": 1}, **_OVERRIDES},
        },
    ]
}
_EXAMPLES = {
    "ai-sdk-5": {
        "summary": "useChat of AI SDK 5, 6 and 7",
        "value": {
            "id": "chat-1",
            "messages": [
                {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
            ],
            "trigger": "submit-message",
        },
    },
    "ai-sdk-4": {
        "summary": "useChat of AI SDK 4",
        "value": {
            "id": "chat-1",
            "messages": [
                {
                    "role": "user",
                    "content": "Hello",
                    "parts": [{"type": "text", "text": "Hello"}],
                }
            ],
        },
    },
    "direct": {
        "summary": "A direct call",
        "value": {"action": "chat-v2-stream", "payload": {"text": "Hello"}},
    },
}
_ERROR = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {"success": {"const": False}, "error": {"type": "string"}},
}
_STREAM = {
    "text/plain": {"schema": {"type": "string"}, "example": '0:"Hello"\n'},
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'data: {"type":"text-delta","id":"t1","delta":"Hello"}\n\n',
    },
    "application/x-ndjson": {
        "schema": {"type": "string"},
        "example": '{"type":"delta","payload":{"text":"Hello"},"timestamp":1767225600.0}\n',
    },
    _JSON: {"schema": {"type": "object"}},
}


def _errors(**sentences: str) -> dict[int | str, dict[str, Any]]:
    return {
        int(status[1:]): {"description": sentence, "content": {_JSON: {"schema": _ERROR}}}
        for status, sentence in sentences.items()
    }


_CHAT_ERRORS = _errors(
    _400="The body cannot be used, or the model refused it; the sentence says why.",
    _401="The server asks for its bearer token.",
    _413="The body is larger than CHAT_MAX_BODY_BYTES.",
    _415="The body is not JSON.",
    _429="The model is answering too many requests; see Retry-After.",
    _500="The server is not configured.",
    _502="The model's server failed.",
    _504="The model did not answer in time.",
)
_QUERY = [
    {"name": "protocol", "in": "query", "schema": _OVERRIDES["protocol"]},
    {"name": "sdk", "in": "query", "schema": _OVERRIDES["sdk"]},
    {"name": "stream", "in": "query", "schema": {"type": "boolean"}},
]
_HIDDEN: dict[str, Any] = {"response_model": None}


def chat(path: str) -> dict[str, Any]:
    """Return the description of a chat route at ``path``."""
    return {
        **_HIDDEN,
        "operation_id": "chat" if path == "/api/chat" else "chat_at_root",
        "tags": ["chat"],
        "responses": {
            200: {
                "description": "The answer, streamed in the client's protocol.",
                "content": _STREAM,
            },
            **_CHAT_ERRORS,
        },
        "openapi_extra": {
            "parameters": _QUERY,
            "requestBody": {
                "required": True,
                "content": {_JSON: {"schema": _CHAT_BODY, "examples": _EXAMPLES}},
            },
        },
    }


EVENTS: dict[str, Any] = {**chat("/events"), "operation_id": "event", "tags": ["lambda"]}
_CHAT_ID = {"name": "chat_id", "in": "path", "required": True, "schema": {"type": "string"}}
_CHAT_ID_4 = {"name": "chatId", "in": "query", "schema": {"type": "string"}}
_UNAUTHORIZED = _errors(_401="The server asks for its bearer token.")
RESUME: dict[str, Any] = {
    **_HIDDEN,
    "tags": ["resume"],
    "operation_id": "resume",
    "status_code": 204,
    "responses": {204: {"description": "No turn of this chat is running."}, **_UNAUTHORIZED},
    # Declared here, since a parameter of the function would promise FastAPI's 422.
    "openapi_extra": {"parameters": [_CHAT_ID]},
}
RESUME_4: dict[str, Any] = {
    **_HIDDEN,
    "tags": ["resume"],
    "operation_id": "resume_ai_sdk_4",
    "responses": {
        200: {
            "description": "Nothing to resume: an empty stream.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **_UNAUTHORIZED,
    },
    "openapi_extra": {"parameters": [_CHAT_ID_4]},
}
STOP: dict[str, Any] = {**RESUME, "operation_id": "stop"}
HEALTH: dict[str, Any] = {
    **_HIDDEN,
    "tags": ["server"],
    "operation_id": "health",
    "responses": {
        200: {
            "description": "The server is up.",
            "content": {
                _JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["status"],
                        "properties": {"status": {"const": "ok"}},
                    }
                }
            },
        }
    },
}
HOME: dict[str, Any] = {
    **_HIDDEN,
    "tags": ["server"],
    "operation_id": "home",
    "responses": {
        200: {
            "description": "The demo page, or what this server is; with chatId an empty stream.",
            "content": {
                "text/html": {},
                _JSON: {"schema": {"type": "object"}},
                "text/plain": {"schema": {"type": "string"}},
            },
        },
        **_UNAUTHORIZED,
    },
    "openapi_extra": {"parameters": [_CHAT_ID_4]},
}
