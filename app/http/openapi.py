"""What ``/openapi.json`` says about each route, beyond what FastAPI derives itself.

The routes take the raw request, since a chat body has many shapes; those shapes are in
`app.http.openapi_bodies`. `tests/http/test_openapi.py` checks the running app against them.
"""

from typing import Any

from app.http.openapi_bodies import CHAT_BODY, EXAMPLES, OVERRIDES, PROMPT_BODY, TOOL_BODY

JSON = "application/json"

_ERROR = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {"success": {"const": False}, "error": {"type": "string"}},
}
STREAM = {
    "text/plain": {"schema": {"type": "string"}, "example": '0:"Hello"\n'},
    # No schema: in OpenAPI 3.1 it would describe the whole body, in 3.2 each event.
    "text/event-stream": {
        "example": 'data: {"type":"text-delta","id":"t1","delta":"Hello"}\n\n',
    },
    "application/x-ndjson": {
        "schema": {"type": "string"},
        "example": '{"type":"delta","payload":{"text":"Hello"},"timestamp":1767225600.0}\n',
    },
    JSON: {"schema": {"type": "object"}},
}


def errors(**sentences: str) -> dict[int | str, dict[str, Any]]:
    return {
        int(status[1:]): {"description": sentence, "content": {JSON: {"schema": _ERROR}}}
        for status, sentence in sentences.items()
    }


_CHAT_ERRORS = errors(
    _400="The body cannot be used, or the model refused it; the sentence says why.",
    _401="The server asks for its bearer token.",
    _403="The body asks for a tool that needs a user's approval.",
    _404="The body asks for a tool that is not there.",
    _413="The body holds more than CHAT_MAX_BODY_BYTES or CHAT_MAX_MESSAGES; see the sentence.",
    _415="The body is not JSON.",
    _429="The model is answering too many requests; see Retry-After.",
    _500="The server is not configured.",
    _502="The model's server failed.",
    _503="Too many turns run; see Retry-After.",
    _504="The model did not answer in time.",
)
QUERY = [
    {"name": "protocol", "in": "query", "schema": OVERRIDES["protocol"]},
    {"name": "sdk", "in": "query", "schema": OVERRIDES["sdk"]},
    {"name": "stream", "in": "query", "schema": {"type": "boolean"}},
]
HIDDEN: dict[str, Any] = {"response_model": None}


def chat(path: str) -> dict[str, Any]:
    """Return the description of a chat route at ``path``."""
    return {
        **HIDDEN,
        "operation_id": "chat" if path == "/api/chat" else "chat_at_root",
        "tags": ["chat"],
        "responses": {
            200: {
                "description": "The answer, streamed in the client's protocol.",
                "content": STREAM,
            },
            **_CHAT_ERRORS,
        },
        "openapi_extra": {
            "parameters": QUERY,
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": CHAT_BODY, "examples": EXAMPLES}},
            },
        },
    }


EVENTS: dict[str, Any] = {**chat("/events"), "operation_id": "event", "tags": ["lambda"]}
COMPLETION: dict[str, Any] = {
    **chat("/api/completion"),
    "operation_id": "completion",
    "openapi_extra": {
        "parameters": QUERY,
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": PROMPT_BODY, "example": {"prompt": "Hello"}}},
        },
    },
}
OBJECT: dict[str, Any] = {
    **HIDDEN,
    "tags": ["chat"],
    "operation_id": "object",
    "responses": {
        200: {
            "description": "One JSON document that fits the schema, as it grows.",
            "content": STREAM,
        },
        **_CHAT_ERRORS,
        **errors(_404="There is no schema of this name; the sentence names those that there are."),
    },
    "openapi_extra": {
        "parameters": [
            {
                "name": "schema",
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
                "example": "recipe",
            },
            *QUERY,
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {}, "example": "Pancakes for two"}},
        },
    },
}
_TOOL_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What the tool says while it works, one JSON object a line; the last one is "
        "its result or an error. With stream=false one JSON object.",
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"type":"status","payload":{"message":"Tool execution started"},'
                '"timestamp":1767225600.0}\n',
            },
            JSON: {"schema": {"type": "object"}},
        },
    },
    **errors(
        _400="The body cannot be used; the sentence says why.",
        _401="The server asks for its bearer token.",
        _403="The tool needs a user's approval.",
        _404="There is no such tool here; the sentence names those that there are.",
        _413="The body holds more than CHAT_MAX_BODY_BYTES or CHAT_MAX_MESSAGES; see the sentence.",
        _415="The body is not JSON.",
        _503="Too many turns run; see Retry-After.",
    ),
}


def _tool(operation_id: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    content = {"schema": TOOL_BODY, "example": {"args": {"city": "Bergen"}}}
    return {
        **HIDDEN,
        "tags": ["tools"],
        "operation_id": operation_id,
        "responses": _TOOL_RESPONSES,
        "openapi_extra": {
            "parameters": [*parameters, QUERY[-1]],
            "requestBody": {"required": True, "content": {JSON: content}},
        },
    }


_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
TOOL = _tool("invoke_tool", {**_NAME, "example": "get_weather"})
DEFAULT_TOOL = _tool("invoke_default_tool")
_CHAT_ID_4 = {"name": "chatId", "in": "query", "schema": {"type": "string"}}
_UNAUTHORIZED = errors(_401="The server asks for its bearer token.")
HEALTH: dict[str, Any] = {
    **HIDDEN,
    "tags": ["server"],
    "operation_id": "health",
    "responses": {
        200: {
            "description": "The server is up.",
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["status"],
                        "properties": {
                            "status": {"const": "ok"},
                            "worker": {
                                "type": "integer",
                                "minimum": 1,
                                "description": "Which of the server's CHAT_WORKERS processes has "
                                "responded; runningTurns and hungToolThreads are its own. Left out "
                                "if there is one only.",
                            },
                            "workers": {
                                "type": "integer",
                                "minimum": 2,
                                "description": "How many workers there are.",
                            },
                            "pid": {
                                "type": "integer",
                                "description": "The process id of this worker.",
                            },
                            "runningTurns": {
                                "type": "integer",
                                "minimum": 1,
                                "description": "How many of the CHAT_RUNNING_TURNS places are "
                                "taken by turns and single runs of tools. Left out while there "
                                "are none.",
                            },
                            "hungToolThreads": {
                                "type": "integer",
                                "minimum": 1,
                                "description": "How many threads of tools go on although their "
                                "call is over, each in one of the CHAT_TOOL_THREADS places. Left "
                                "out while there are none.",
                            },
                        },
                    }
                }
            },
        }
    },
}
HOME: dict[str, Any] = {
    **HIDDEN,
    "tags": ["server"],
    "operation_id": "home",
    "responses": {
        200: {
            "description": "The demo page, or what this server is; with chatId as GET /api/chat.",
            "content": {
                "text/html": {},
                JSON: {"schema": {"type": "object"}},
                "text/plain": {"schema": {"type": "string"}},
            },
        },
        **_UNAUTHORIZED,
    },
    "openapi_extra": {"parameters": [_CHAT_ID_4]},
}


def object_of(**properties: Any) -> dict[str, Any]:
    """Return the schema of a JSON object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


def json_of(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a response that is JSON."""
    return {"description": description, "content": {JSON: {"schema": schema}}}


def route(tag: str, operation_id: str, **more: Any) -> dict[str, Any]:
    """Return what FastAPI is told about a route."""
    return {**HIDDEN, "tags": [tag], "operation_id": operation_id, **more}


_MODEL = object_of(
    id={"type": "string"},
    object={"const": "model"},
    created={"type": "integer"},
    owned_by={"type": "string"},
)
MODELS = route(
    "server",
    "list_models",
    responses={
        200: json_of(
            "The models that a request may name, in the form of OpenAI's list, the default one "
            "first; and what else a request may hold.",
            object_of(
                object={"const": "list"},
                data={"type": "array", "items": _MODEL},
                default={"type": "string", "description": "Answers if a request names none."},
                clientSystem={
                    "type": "boolean",
                    "description": "Whether system messages of the client count.",
                },
                maxBodyBytes={
                    "type": "integer",
                    "description": "The largest request body, in bytes.",
                },
            ),
        ),
        **_UNAUTHORIZED,
    },
)
