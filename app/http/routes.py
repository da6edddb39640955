"""The HTTP surface. Every route is here; what they do is in `app.http.chat` and `app.requests`.

Bodies are read and parsed by us, not by FastAPI: a chat request has seven shapes, and its errors
are sentences. What the routes accept is written for people and programs in `app.http.openapi`.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from app import __version__
from app.errors import InvalidJson, NotFound, RequestError
from app.http import openapi
from app.http.chat import Answers
from app.http.incoming import Incoming, request_id
from app.http.objects import Schemas
from app.http.responses import JSONAnswer
from app.http.tools import ToolAnswers
from app.messages import ToolRequest
from app.requests.body import parse_json
from app.requests.envelope import parse
from app.requests.lambda_events import EventKind, MalformedEvent, classify, read_event
from app.telemetry.log import RequestLog, log_unanswered

# Makes the answer from the request's body; told its id and when it came in (`time.perf_counter`).
_Answer: TypeAlias = Callable[[Request, bytes, str, float], Awaitable[Response]]

_NOTHING_RUNS: Mapping[str, str] = {"cache-control": "no-store"}


class Endpoint(NamedTuple):
    """One route: ``answer`` serves it, and ``description`` is what FastAPI is told about it."""

    path: str
    method: Literal["GET", "POST"]
    answer: Callable[[Request], Awaitable[Response]]
    description: Mapping[str, Any]


class Routes:
    """The endpoints of one app.

    Args:
        incoming: reads and admits requests.
        answers: makes the answer to a chat request.
        tool_answers: makes the answer to a request for one tool.
        schemas: of ``POST /api/object/{schema}``.
        allow_client_system: whether system messages from the client are kept.
        page: folder of the built demo page, if there is one.
        facts: what ``GET /health`` says besides its status.
    """

    def __init__(
        self,
        incoming: Incoming,
        answers: Answers,
        tool_answers: ToolAnswers,
        *,
        schemas: Schemas,
        allow_client_system: bool,
        page: Path | None,
        facts: Mapping[str, Any],
    ) -> None:
        self._incoming = incoming
        self._answers = answers
        self._tool_answers = tool_answers
        self._schemas = schemas
        self._allow_client_system = allow_client_system
        self._page = page
        self._facts = facts

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the routes, in the order in which they match."""
        tool = "/api/tools/{name}/invoke"
        hidden = {"include_in_schema": False}
        return [
            *(Endpoint(path, "POST", self.chat, openapi.chat(path)) for path in ("/api/chat", "/")),
            Endpoint("/events", "POST", self.event, openapi.EVENTS),
            Endpoint("/api/completion", "POST", self.chat, openapi.COMPLETION),
            Endpoint("/api/object/{schema}", "POST", self.object, openapi.OBJECT),
            Endpoint(tool, "POST", self.tool, openapi.TOOL),
            Endpoint("/invoke", "POST", self.tool, openapi.DEFAULT_TOOL),
            Endpoint("/api/chat/{chat_id}/stream", "GET", self.resume, openapi.RESUME),
            Endpoint("/api/chat", "GET", self.resume_4, openapi.RESUME_4),
            Endpoint("/api/chat/{chat_id}/stop", "POST", self.stop, openapi.STOP),
            Endpoint("/health", "GET", self.health, openapi.HEALTH),
            Endpoint("/", "GET", self.home, openapi.HOME),
            Endpoint("/{chat_id}/stream", "GET", self.resume, hidden),
        ]

    async def chat(self, request: Request) -> Response:
        """Run one assistant turn and stream it."""
        return await self._logged(request, self._chat)

    async def event(self, request: Request) -> Response:
        """Answer an event that came past HTTP, as the Lambda Web Adapter hands it over."""
        return await self._logged(request, self._event)

    async def object(self, request: Request) -> Response:
        """Stream a JSON document that fits a registered schema."""
        return await self._logged(request, self._object)

    async def tool(self, request: Request) -> Response:
        """Run one tool and stream what it says as NDJSON."""
        return await self._logged(request, self._tool)

    async def resume(self, request: Request) -> Response:
        """Say that no turn is running: streams are kept only once a stream store is on."""
        self._incoming.authorize(request)
        return Response(status_code=204, headers=dict(_NOTHING_RUNS))

    async def resume_4(self, request: Request) -> Response:
        """The same for AI SDK 4, whose client takes a 204 for an error: an empty 200."""
        self._incoming.authorize(request)
        return Response(
            status_code=200, headers=dict(_NOTHING_RUNS), media_type="text/plain; charset=utf-8"
        )

    async def stop(self, request: Request) -> Response:
        """Stop the chat's turn. Nothing runs without its client until a stream store is on."""
        self._incoming.authorize(request)
        return Response(status_code=204, headers=dict(_NOTHING_RUNS))

    async def health(self, _: Request) -> Response:
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

    async def _logged(self, request: Request, answer: _Answer) -> Response:
        """Read the body and answer it; write the log line of a request that starts nothing."""
        started = time.perf_counter()
        record = RequestLog(request_id=request_id(request))
        try:
            self._incoming.authorize(request)
            body = await self._incoming.body(request)
            return await answer(request, body, record.request_id, started)
        except RequestError as error:
            # There was no turn, which would have written the line.
            record.status, record.error_code = error.status, error.code
            log_unanswered(record, started)
            raise
        except ClientDisconnect:
            record.status, record.client_left = 400, True
            log_unanswered(record, started)
            return Response(status_code=400)  # to nobody: the body was still on its way

    async def _chat(self, request: Request, body: bytes, known_as: str, started: float) -> Response:
        asked = parse(
            body,
            content_type=request.headers.get("content-type"),
            max_bytes=self._incoming.max_body_bytes,
            allow_client_system=self._allow_client_system,
        )
        if isinstance(asked, ToolRequest):
            return await self._run_tool(request, asked, None, known_as)
        return await self._answers.answer(request, asked, request_id=known_as, started=started)

    async def _event(
        self, request: Request, body: bytes, known_as: str, started: float
    ) -> Response:
        try:
            kind = classify(read_event(body))
        except MalformedEvent as error:
            raise InvalidJson(str(error)) from None
        if kind in (EventKind.WARM_UP, EventKind.UNKNOWN):
            # Schedulers and fronts send what nobody asked for: an error would only be retried.
            log_unanswered(RequestLog(request_id=known_as, shape=str(kind)), started)
            headers = {"x-request-id": known_as}
            return JSONAnswer({"success": True, "ignored": str(kind)}, headers=headers)
        return await self._chat(request, body, known_as, started)

    async def _object(
        self, request: Request, body: bytes, known_as: str, started: float
    ) -> Response:
        schema = self._schemas[request.path_params["schema"]]
        value = parse_json(
            body,
            content_type=request.headers.get("content-type"),
            max_bytes=self._incoming.max_body_bytes,
        )
        return await self._answers.answer_object(
            request, schema, value, request_id=known_as, started=started
        )

    async def _tool(self, request: Request, body: bytes, known_as: str, started: float) -> Response:
        asked = parse(
            body,
            content_type=request.headers.get("content-type"),
            max_bytes=self._incoming.max_body_bytes,
        )
        if not isinstance(asked, ToolRequest):
            raise NotFound('This route runs a tool: send {"args": {…}}.')
        return await self._run_tool(request, asked, request.path_params.get("name"), known_as)

    async def _run_tool(
        self, request: Request, asked: ToolRequest, name: str | None, known_as: str
    ) -> Response:
        return await self._tool_answers.answer(
            request, asked, name=name, request_id=known_as, now=time.time()
        )
