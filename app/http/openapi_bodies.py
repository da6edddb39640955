"""The shapes of request bodies, as JSON schemas with examples, for ``/openapi.json``.

They describe what is documented; `app.requests` accepts more.
"""

from typing import Any

from app.protocols.negotiation import PROTOCOLS, VERSIONS

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
OVERRIDES: dict[str, Any] = {
    "protocol": {"enum": list(PROTOCOLS)},
    "sdk": {"enum": list(VERSIONS)},
    "stream": {"type": "boolean"},
    "model": {"type": "string"},
}
CHAT_BODY: dict[str, Any] = {
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
                **OVERRIDES,
            },
        },
        {
            "title": "useChat of AI SDK 3.4 and 4",
            "type": "object",
            "required": ["messages"],
            "properties": {
                "id": {"type": "string", "maxLength": 256},
                "messages": {"type": "array", "minItems": 1, "items": _MESSAGE_4},
                **OVERRIDES,
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
                    "properties": {"text": {"type": "string", "minLength": 1}, **OVERRIDES},
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
            "properties": {"prompt": {"type": "string", "minLength": 1}, **OVERRIDES},
        },
    ]
}
EXAMPLES = {
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
TOOL_BODY = {
    "type": "object",
    "required": ["args"],
    "properties": {
        "args": {"type": "object"},
        "context": {
            "type": "object",
            "properties": {"session_id": {"type": "string"}, "user_id": {"type": "string"}},
        },
        "tool_config": {"type": "object"},
        "stream": {"type": "boolean"},
    },
}
PROMPT_BODY: dict[str, Any] = CHAT_BODY["anyOf"][-1]
