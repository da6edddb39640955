"""What ``/openapi.json`` says about turns that outlive their request, and about stored chats."""

from app.http.openapi import JSON, QUERY, STREAM, errors, json_of, object_of, route

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
RESUME = route(
    "resume",
    "resume",
    responses={
        200: _FOLLOWED,
        204: {"description": "No turn of this chat is running or has just ended."},
        **_ERRORS,
    },
    openapi_extra={"parameters": [_CHAT_ID, *_START, *QUERY[:2]]},
)
RESUME_4 = route(
    "resume",
    "resume_ai_sdk_4",
    responses={
        200: {**_FOLLOWED, "description": "The same for AI SDK 4; a blank line if there is none."},
        **_ERRORS,
    },
    openapi_extra={"parameters": [_CHAT_ID_4, *_START, *QUERY[:2]]},
)
_STOP_BODY = {"type": "object", "properties": {"turnId": {"type": "string"}}}
STOP = route(
    "resume",
    "stop",
    status_code=204,
    responses={
        204: {"description": "The turn ends, or there was none."},
        **_ERRORS,
        **errors(_413="The body holds more than CHAT_MAX_BODY_BYTES."),
    },
    openapi_extra={
        "parameters": [_CHAT_ID],
        "requestBody": {
            "required": False,
            "content": {JSON: {"schema": _STOP_BODY, "example": {}}},
        },
    },
)
_TEXT = {"type": "string"}
_TIME = {"type": "integer", "description": "Microseconds since 1970."}
_SUMMARY = object_of(id=_TEXT, title=_TEXT, created=_TIME, updated=_TIME)
CHATS = route(
    "chats",
    "list_chats",
    responses={
        200: json_of(
            "The chats, the last changed first.",
            object_of(chats={"type": "array", "items": _SUMMARY}),
        ),
        **_ERRORS,
        **_NO_CHAT,
    },
    openapi_extra={
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
)
_TURN = {**object_of(id=_TEXT, state={"const": "running"}), "type": ["object", "null"]}
CHAT = route(
    "chats",
    "get_chat",
    responses={
        200: json_of(
            "The chat. Its messages are what `useChat({messages})` takes; without the one that a "
            "running turn answers with, which its stream holds whole.",
            object_of(
                id=_TEXT,
                title=_TEXT,
                messages={"type": "array", "items": {"type": "object"}},
                turn=_TURN,
            ),
        ),
        **_ERRORS,
        **_NO_CHAT,
    },
    openapi_extra={"parameters": [_CHAT_ID, QUERY[1]]},
)
_LIMIT = {
    **object_of(**{name: {"type": "integer"} for name in ("limit", "used", "remaining")}),
    "type": ["object", "null"],
}
_LIMIT["properties"] = {
    **_LIMIT["properties"],
    "resetS": {"type": "integer", "description": "Seconds until it begins anew."},
}
ME = route(
    "users",
    "me",
    responses={
        200: json_of(
            "Who asks, as this server knows him, and what he may use; null is what is not limited.",
            object_of(
                owner={"type": ["string", "null"]},
                limits=object_of(turnsPerMinute=_LIMIT, runningTurns=_LIMIT, tokensPerDay=_LIMIT),
            ),
        ),
        **_ERRORS,
    },
    openapi_extra={
        "parameters": [
            {
                "name": "model",
                "in": "query",
                "schema": {"type": "string"},
                "description": "Whose limits are asked for, where models have their own.",
            }
        ]
    },
)
DELETE_CHAT = route(
    "chats",
    "delete_chat",
    status_code=204,
    responses={
        204: {"description": "There is no such chat any more. Its running turn ends."},
        **_ERRORS,
        **errors(_404="This server keeps no chats."),
    },
    openapi_extra={"parameters": [_CHAT_ID]},
)
