"""The scripted model as an ASGI app: OpenAI's routes, answered from a script."""

import json
import time
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.scripted_model.chat_request import read_chat_request
from app.scripted_model.chat_wire import ChatWire
from app.scripted_model.checks import BadRequest
from app.scripted_model.control import Control, RecordedRequest
from app.scripted_model.conversation import Conversation
from app.scripted_model.performance import HangUp, Performance, Wire
from app.scripted_model.responses_request import read_responses_request
from app.scripted_model.responses_wire import ResponsesWire
from app.scripted_model.scenarios import reply_to
from app.scripted_model.script import ApiError

MODELS = ("scripted", "gpt-4o-mini")
MISSING_MODEL_PREFIX = "no-such-"


def create_scripted_app(control: Control, *, delay_s: float, hang_up: HangUp) -> Starlette:
    """Return the app.

    Args:
        control: where requests are recorded and gates are found.
        delay_s: seconds before each token, unless the scenario says another.
        hang_up: closes the connection of an ASGI scope.
    """

    def perform(conversation: Conversation, wire: Wire, *, stream: bool) -> Performance:
        return Performance(
            reply_to(conversation).limited(conversation.max_tokens),
            wire,
            stream=stream,
            delay_s=delay_s,
            control=control,
            hang_up=hang_up,
        )

    async def chat_completions(request: Request) -> Any:
        body, conversation = read_chat_request(*await _recorded(request, control))
        _check_model(conversation.model)
        wire = ChatWire(
            model=conversation.model,
            created=int(time.time()),
            prompt_tokens=conversation.prompt_tokens,
            include_usage=body.include_usage,
        )
        return perform(conversation, wire, stream=bool(body.stream))

    async def responses(request: Request) -> Any:
        body, conversation = read_responses_request(*await _recorded(request, control))
        _check_model(conversation.model)
        wire = ResponsesWire(
            model=conversation.model,
            created=int(time.time()),
            prompt_tokens=conversation.prompt_tokens,
            echoed=body.echoed(),
            encrypt_reasoning=body.encrypt_reasoning,
        )
        return perform(conversation, wire, stream=bool(body.stream))

    async def list_models(request: Request) -> Response:
        await _recorded(request, control)
        return JSONResponse({"object": "list", "data": [_model(name) for name in MODELS]})

    async def retrieve_model(request: Request) -> Response:
        await _recorded(request, control)
        name = request.path_params["name"]
        _check_model(name)
        return JSONResponse(_model(name))

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/responses", responses, methods=["POST"]),
            Route("/v1/models", list_models),
            Route("/v1/models/{name:path}", retrieve_model),
        ],
        exception_handlers={
            BadRequest: _answer_bad_request,
            HTTPException: _answer_bad_route,
            ClientDisconnect: _answer_nobody,
        },
    )


async def _recorded(request: Request, control: Control) -> tuple[bytes, int]:
    """Record the request; return its body and how often it has come."""
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        body = None
    headers = dict(request.headers)
    record = RecordedRequest(request.method, request.url.path, headers, raw, body)
    control.record(record)
    return raw, control.attempts(record)


def _check_model(name: str) -> None:
    # Any name will do, since it is the same script; one family is missing on purpose.
    if name.startswith(MISSING_MODEL_PREFIX):
        raise BadRequest(
            f"The model '{name}' does not exist or you do not have access to it.",
            code="model_not_found",
            status=404,
        )


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1704067200, "owned_by": "deltaline"}


def _answer_bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequest)
    return _answer(error.error)


def _answer_bad_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{error.detail}: {request.method} {request.url.path}"
    headers = error.headers or {}
    return _answer(
        ApiError(status=error.status_code, message=message, code="unknown_url", headers=headers)
    )


def _answer_nobody(request: Request, error: Exception) -> Response:
    # The client left while it sent its request: nobody reads this.
    return Response(status_code=400)


def _answer(error: ApiError) -> Response:
    return JSONResponse({"error": error.body()}, error.status, headers=dict(error.headers))
