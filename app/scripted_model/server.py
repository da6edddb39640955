"""The scripted model: an ASGI app with OpenAI's routes, which plays scripts.

It serves `POST /v1/chat/completions`, `POST /v1/responses`, `GET /v1/models` and
`GET /v1/models/{id}` on a socket of its own, so that the demo, the tests and the benchmarks go
through the same HTTP client and decoder as with a real model. It accepts any API key, and any model
name except those that begin with ``no-such-`` (404).

People talk to it in plain words (`demo`); tests write a directive into the user's last text
(`directive`). A request with a JSON schema gets a sample that fits it (`sample`). The limit on
tokens is obeyed.
"""

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
from app.scripted_model.scenarios import script_for
from app.scripted_model.script import ApiError

MODELS = ("scripted", "gpt-4o-mini")
MISSING_MODEL_PREFIX = "no-such-"


def create_scripted_app(control: Control, *, delay_s: float, hang_up: HangUp) -> Starlette:
    """Return the app.

    Args:
        control: records the requests and holds the gates.
        delay_s: seconds before each token, unless the directive sets its own.
        hang_up: closes the connection of an ASGI scope.
    """

    def perform(conversation: Conversation, wire: Wire, *, stream: bool) -> Performance:
        return Performance(
            script_for(conversation).limited(conversation.max_tokens),
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
            BadRequest: _bad_request_response,
            HTTPException: _bad_route_response,
            ClientDisconnect: _response_to_nobody,
        },
    )


async def _recorded(request: Request, control: Control) -> tuple[bytes, int]:
    """Record the request; return its body and how often it has been received."""
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
    # Every name gets the same script, except for one family that is missing on purpose.
    if name.startswith(MISSING_MODEL_PREFIX):
        raise BadRequest(
            f"The model '{name}' does not exist or you do not have access to it.",
            code="model_not_found",
            status=404,
        )


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1704067200, "owned_by": "deltaline"}


def _bad_request_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequest)
    return _error_response(error.error)


def _bad_route_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{error.detail}: {request.method} {request.url.path}"
    headers = error.headers or {}
    return _error_response(
        ApiError(status=error.status_code, message=message, code="unknown_url", headers=headers)
    )


def _response_to_nobody(request: Request, error: Exception) -> Response:
    # The client disconnected while it sent its request: nobody reads this.
    return Response(status_code=400)


def _error_response(error: ApiError) -> Response:
    return JSONResponse({"error": error.body()}, error.status, headers=dict(error.headers))
