"""The shape of a request, and the options beside its messages."""

from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, assert_never

import msgspec

from app.errors import (
    InvalidJson,
    InvalidMessages,
    InvalidOption,
    RequestError,
    UnknownAction,
    UnknownRequestShape,
)
from app.forbidden_keys import may_hold_neutralised
from app.messages import ChatRequest, Shape, ToolRequest
from app.requests.amount import DEFAULT_MAX_MESSAGES, check_replies
from app.requests.body import DEFAULT_MAX_BYTES, parse_json
from app.requests.conversation import NOTHING_SAID, Rules, read_conversation, use_chat_shape
from app.requests.fields import Misfit, boolean, json_object, optional
from app.requests.history import read_history
from app.requests.message_reader import name
from app.requests.shapes import REGENERATE, RequestShape, find_shape
from app.requests.value_count import is_heavy

_CHAT_ACTIONS = ("chat", "chat-stream", "chat-v2-stream")
_TOOL_ACTION = "tool"


# The names of a chat's id in the body, the first of which counts.
_CHAT_ID = ("id", "chatId", "chat_id")


class _Options(NamedTuple):
    """The options in the body, or in the payload of a direct call, beside its content."""

    chat_id: str | None
    trigger: str | None
    message_id: str | None
    model: str | None
    protocol: str | None
    sdk: str | None
    stream: bool | None
    session_id: str | None
    user_id: str | None


def parse(
    body: bytes,
    *,
    content_type: str | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_messages: int = DEFAULT_MAX_MESSAGES,
    file_hosts: Collection[str] = (),
    allow_client_system: bool = False,
    is_large: bool | None = None,
) -> ChatRequest | ToolRequest:
    """Read a request of any shape that we accept.

    The first shape whose keys are present counts; unknown keys are ignored:

    - ``{"action": …, "payload": {…}}``: a direct call. Actions ``chat``, ``chat-stream`` and
      ``chat-v2-stream`` are the same; the payload holds ``messages``, ``message``, ``text`` or
      ``prompt``. Action ``tool`` runs one tool: ``{"name"?, "args"?, "context"?, "tool_config"?}``.
    - ``{"messages": […]}``: `useChat`, or plain OpenAI messages. ``{"message": {…}}`` alone comes
      from a client that relies on the server for its history.
    - ``{"args": {…}, "name"?, "context"?, "tool_config"?}``: one tool, without an envelope.
      ``"stream": false`` in ``tool_config`` counts as if it stood beside it.
    - ``{"trigger": "regenerate-message", "id": …, "messageId"?}``: `useChat` that leaves the
      messages to the server's store; what is returned has none then.
    - ``{"prompt": "…"}``: `useCompletion`.
    - ``{"body": …, "isBase64Encoded"?: bool}``: another shape, as text or as an object, wrapped by
      API Gateway or a Function URL. Unwrapped once.

    System messages from the client are dropped unless ``allow_client_system``: the prompt is the
    server's.

    Args:
        body: the request body.
        content_type: the request's header, if there is one; see `parse_json`.
        max_bytes: the largest body accepted, in bytes, before and after base64 decoding.
        max_messages: the longest conversation accepted.
        file_hosts: as ``hosts`` of `check_web_address`.
        allow_client_system: keep system messages.
        is_large: what `is_heavy` says of ``body``, if it has been asked.

    Raises:
        UnsupportedMediaType, BodyTooLarge, InvalidJson: see `parse_json`; also bad base64.
        TooManyMessages: more messages, parts or replies to approval requests than are accepted.
        UnknownRequestShape: JSON, but none of the above.
        UnknownAction: a direct call of an action that does not exist.
        InvalidMessages: a message does not fit; the sentence names the place.
        InvalidOption: an id, ``model``, ``protocol``, ``sdk`` or ``stream`` is of the wrong type.
        RequestError: the arguments of a tool are of the wrong type.

    Sources: requests recorded from the real hooks; vercel/ai,
    `packages/react/src/use-chat.ts` (release-v4.3) and `packages/ai/src/ui/http-chat-transport.ts`
    (release-v5.0, release-v6.0, main).
    """
    rules = Rules(
        max_messages=max_messages,
        file_hosts=file_hosts,
        allow_client_system=allow_client_system,
        is_large=is_heavy(body) if is_large is None else is_large,
        has_our_keys=may_hold_neutralised(body),
    )
    fields = _object(parse_json(body, content_type=content_type, max_bytes=max_bytes))
    request_shape = find_shape(fields)
    if request_shape is RequestShape.WRAPPED:
        if fields.get("isBase64Encoded"):
            rules = msgspec.structs.replace(rules, has_our_keys=True)  # in base64 they do not show
        fields = _object(_unwrap(fields, max_bytes))
        request_shape = find_shape(fields)
        if request_shape is RequestShape.WRAPPED:
            raise UnknownRequestShape("The request is wrapped more than once.")
    if request_shape is RequestShape.DIRECT:
        return _direct(fields, rules)
    options = _options(fields)
    match request_shape:
        case RequestShape.CHAT:
            return _chat(fields, options, None, "", rules)
        case RequestShape.TOOL_CALL:
            return _tool(fields, options, "")
        case RequestShape.PROMPT:
            return _chat(fields, options, "prompt", "", rules)
        case None:
            raise UnknownRequestShape(
                "The request has none of the keys messages, message, prompt, args, action and body."
            )
        case _:
            assert_never(request_shape)


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnknownRequestShape("The request body must be a JSON object.")
    return value


def _unwrap(fields: Mapping[str, Any], max_bytes: int) -> Any:
    body = fields["body"]
    if isinstance(body, dict):
        return body
    if not isinstance(body, str):
        raise UnknownRequestShape("body must be a JSON document, as text or as an object.")
    is_base64 = fields.get("isBase64Encoded") or False
    if not isinstance(is_base64, bool):
        raise UnknownRequestShape("isBase64Encoded must be true or false.")
    if not is_base64:
        return parse_json(body)
    try:
        decoded = b64decode(body, validate=True)
    except ValueError:
        raise InvalidJson("body is not the base64 that isBase64Encoded says it is.") from None
    return parse_json(decoded, max_bytes=max_bytes)


def _direct(fields: Mapping[str, Any], rules: Rules) -> ChatRequest | ToolRequest:
    action = fields["action"]
    if action != _TOOL_ACTION and action not in _CHAT_ACTIONS:
        known = ", ".join(_CHAT_ACTIONS)
        raise UnknownAction(f"The action is unknown; use one of {known} and {_TOOL_ACTION}.")
    payload = fields.get("payload")
    if not isinstance(payload, dict):
        raise UnknownRequestShape("payload must be an object.")
    options = _options({**fields, **payload})
    if action == _TOOL_ACTION:
        return _tool(payload, options, "payload.")
    return _chat(payload, options, "direct", "payload.", rules)


def _options(fields: Mapping[str, Any]) -> _Options:
    chat_id = next((key for key in _CHAT_ID if key in fields), _CHAT_ID[0])
    try:
        return _Options(
            optional(fields, chat_id, name),
            optional(fields, "trigger", name),
            optional(fields, "messageId", name),
            optional(fields, "model", name),
            optional(fields, "protocol", name),
            optional(fields, "sdk", name),
            optional(fields, "stream", boolean),
            optional(fields, "session_id", name),
            optional(fields, "user_id", name),
        )
    except Misfit as misfit:
        raise InvalidOption(misfit.sentence()) from None


def _tool(fields: Mapping[str, Any], options: _Options, place: str) -> ToolRequest:
    try:
        config = optional(fields, "tool_config", json_object) or {}
        # An agent that invokes the function by its ARN can say it nowhere else, and reads one
        # object only. Of another type, it is a matter of the tool.
        is_told_whole = config.get("stream") is False
        return ToolRequest(
            name=optional(fields, "name", name),
            args=optional(fields, "args", json_object) or {},
            context=optional(fields, "context", json_object) or {},
            tool_config=config,
            protocol=options.protocol,
            stream=not is_told_whole if options.stream is None else options.stream,
            stores_files=is_told_whole,
        )
    except Misfit as misfit:
        raise RequestError(misfit.sentence(place)) from None


def _chat(
    fields: Mapping[str, Any],
    options: _Options,
    shape: Shape | None,
    place: str,
    rules: Rules,
) -> ChatRequest:
    conversation = read_conversation(fields, place, rules)
    posted = conversation.messages
    history = read_history(posted, allow_client_system=rules.allow_client_system)
    check_replies(len(history.approvals))
    if not history.messages and not (options.chat_id and options.trigger == REGENERATE):
        raise InvalidMessages(NOTHING_SAID)
    return ChatRequest(
        shape=shape
        or use_chat_shape(fields, has_trigger=options.trigger is not None, messages=posted),
        messages=history.messages,
        chat_id=options.chat_id,
        continues=history.continues,
        approval_replies=history.approvals,
        trigger=options.trigger,
        message_id=options.message_id,
        posted=conversation.posted,
        is_whole="messages" in fields,
        model=options.model,
        protocol=options.protocol,
        sdk=options.sdk,
        stream=options.stream is not False,
        session_id=options.session_id,
        user_id=options.user_id,
        is_large=rules.is_large,
    )
