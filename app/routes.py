"""The HTTP surface. Every route is here; what they do is in `app.answers` and `app.requests`.

Bodies are read and parsed by us, not by FastAPI: a chat request has seven shapes, and its errors
are sentences. What the routes accept is written for people and programs in `app.openapi`.
"""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, Response

from app import __version__, openapi
from app.answers import Answers
from app.errors import (
    BodyTooLarge,
    InvalidOption,
    RequestError,
    Unauthorized,
    UnknownRequestShape,
)
from app.messages import ToolRequest
from app.requests import parse
from app.responses import JSONAnswer
from app.telemetry import RequestLog, log_unanswered

_NOTHING_RUNS: Mapping[str, str] = {"cache-control": "no-store"}


class Routes:
    """The endpoints of one app.

    Args:
        answers: makes the answer to a chat request.
        max_body_bytes: largest request body accepted.
        auth_token: bearer token that every route but the health check and the page asks for.
        allow_client_system: whether system messages from the client are kept.
        page: folder of the built demo page, if there is one.
        facts: what ``GET /health`` says besides its status.
    """

    def __init__(
        self,
        answers: Answers,
        *,
        max_body_bytes: int,
        auth_token: str | None,
        allow_client_system: bool,
        page: Path | None,
        facts: Mapping[str, Any],
    ) -> None:
        self._answers = answers
        self._max_body_bytes = max_body_bytes
        self._auth_token = None if auth_token is None else auth_token.encode()
        self._allow_client_system = allow_client_system
        self._page = page
        self._facts = facts

    def router(self) -> APIRouter:
        """Return the routes, in the order in which they match."""
        router = APIRouter()
        add = router.add_api_route
        for path in ("/api/chat", "/"):
            add(path, self.chat, methods=["POST"], **openapi.chat(path))
        add("/events", self.event, methods=["POST"], **openapi.EVENTS)
        add("/api/chat/{chat_id}/stream", self.resume, methods=["GET"], **openapi.RESUME)
        add("/api/chat", self.resume_4, methods=["GET"], **openapi.RESUME_4)
        add("/api/chat/{chat_id}/stop", self.stop, methods=["POST"], **openapi.STOP)
        add("/health", self.health, methods=["GET"], **openapi.HEALTH)
        add("/", self.home, methods=["GET"], **openapi.HOME)
        add("/{chat_id}/stream", self.resume, methods=["GET"], include_in_schema=False)
        return router

    async def chat(self, request: Request) -> Response:
        """Run one assistant turn and stream it."""
        started = time.perf_counter()
        record = RequestLog(request_id=request_id(request))
        try:
            self._authorize(request)
            asked = self._parse(request, await self._body(request))
            if isinstance(asked, ToolRequest):
                raise UnknownRequestShape("This route is for chats, not for tools.")
            return await self._answers.answer(
                request, asked, request_id=record.request_id, started=started
            )
        except RequestError as error:
            # There was no turn, which would have written the line.
            record.status, record.error_code = error.status, error.code
            log_unanswered(record, started)
            raise
        except ClientDisconnect:
            record.status, record.client_left = 400, True
            log_unanswered(record, started)
            return Response(status_code=400)  # to nobody: the body was still on its way

    async def event(self, request: Request) -> Response:
        """Answer an event that came past HTTP, as the Lambda Web Adapter hands it over."""
        return await self.chat(request)

    async def resume(self, request: Request) -> Response:
        """Say that no turn is running: streams are kept only once a stream store is on."""
        self._authorize(request)
        return Response(status_code=204, headers=dict(_NOTHING_RUNS))

    async def resume_4(self, request: Request) -> Response:
        """The same for AI SDK 4, whose client takes a 204 for an error: an empty 200."""
        self._authorize(request)
        return Response(
            status_code=200, headers=dict(_NOTHING_RUNS), media_type="text/plain; charset=utf-8"
        )

    async def stop(self, request: Request) -> Response:
        """Stop the chat's turn. Nothing runs without its client until a stream store is on."""
        self._authorize(request)
        return Response(status_code=204, headers=dict(_NOTHING_RUNS))

    async def health(self) -> Response:
        """Say that the server is up. Never touches the model."""
        return JSONAnswer({"status": "ok", **self._facts})

    async def home(self, request: Request) -> Response:
        """Serve the demo page if it was built, else say what this is."""
        if request.query_params.get("chatId") is not None:
            return await self.resume_4(request)
        if self._page is not None:
            return FileResponse(self._page / "index.html")
        return JSONAnswer(
            {
                "name": "deltaline",
                "version": __version__,
                "chat": "POST /api/chat",
                "health": "GET /health",
                "docs": "GET /docs",
            }
        )

    def _parse(self, request: Request, body: bytes) -> Any:
        return parse(
            body,
            content_type=request.headers.get("content-type"),
            max_bytes=self._max_body_bytes,
            allow_client_system=self._allow_client_system,
        )

    async def _body(self, request: Request) -> bytes:
        """Read the whole body, but never more than the limit."""
        limit = self._max_body_bytes
        too_large = BodyTooLarge(f"The request body is larger than {limit} bytes.")
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal():
            raise InvalidOption("The content-length header is not a number.")
        if int(declared) > limit:
            raise too_large
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise too_large
        return bytes(body)

    def _authorize(self, request: Request) -> None:
        if self._auth_token is None:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token if scheme.lower() == "bearer" else request.headers.get("x-chat-token", "")
        # Header text is Latin-1, whatever the bytes were meant to be.
        if not secrets.compare_digest(given.strip().encode("latin-1"), self._auth_token):
            raise Unauthorized("Send the token of this server as `Authorization: Bearer …`.")


def request_id(request: Request) -> str:
    """Return the caller's ``x-request-id`` if it is a sane one, else a new id."""
    known: str | None = getattr(request.state, "request_id", None)
    if known is None:
        given = request.headers.get("x-request-id", "")
        is_sane = 0 < len(given) <= 128 and given.isascii() and given.isprintable()
        known = given if is_sane else secrets.token_hex(12)
        request.state.request_id = known
    return known
