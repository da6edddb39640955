"""The HTTP surface. What the routes do is in `app.http.chat` and `app.http.tools`.

Every route of the API is here, and those of the built pages (`app.http.pages`). Beside them stand
FastAPI's pages about these routes (`app.http.documentation`, `lean`).

Bodies are read and parsed by us, not by FastAPI: a chat request has seven shapes, and its errors
are sentences. What the routes accept is written for people and programs in `app.http.openapi`.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app import __version__
from app.errors import LimitsUnavailable, NotFound, RequestError
from app.http import openapi, openapi_stored
from app.http.admission import Admission, AdmittedRequest, request_id
from app.http.chat import ChatResponder
from app.http.endpoint import HIDDEN, Endpoint, Serve
from app.http.errors import with_error_responses
from app.http.lifespan import Lifespan
from app.http.nothing_stored import StoredRoutes
from app.http.objects import Schemas, question
from app.http.openapi_mcp import mcp
from app.http.pages import Pages
from app.http.reading import Reading, by_owner
from app.http.responses import JSONResponse
from app.http.tools import ToolResponder
from app.messages import ChatRequest, ToolRequest
from app.requests.lambda_events import EventKind, classify
from app.telemetry.log import RequestLine, elapsed_ms, log_request
from app.threads import Aside
from app.tools.tool_threads import ToolThreads
from app.turns.errors import TooManyTurns
from app.turns.places import Places

_Respond: TypeAlias = Callable[[AdmittedRequest], Awaitable[Response]]


class Routes:
    """The endpoints of one app.

    Args:
        admission: decides which requests are served.
        chat: makes the response to a chat request.
        tools: makes the response to a request for one tool.
        stored: what is kept of turns and chats.
        lifespan: of the app.
        me: of ``GET /api/me``.
        models: of ``GET /api/models``.
        schemas: of ``POST /api/object/{schema}``.
        max_messages: the longest conversation accepted.
        file_hosts: the only hosts of files that the model is given; empty: all that are public.
        allow_client_system: whether system messages from the client are kept.
        aside: where requests are read that are large.
        pages: those that are built.
        facts: what ``GET /health`` says besides its status.
        threads: those of the tools; ``GET /health`` says how many of them hang.
        places: those of the turns; ``GET /health`` says how many are taken.
        on_refusal: told the code of the error with which a request is refused.
    """

    def __init__(
        self,
        admission: Admission,
        chat: ChatResponder,
        tools: ToolResponder,
        stored: StoredRoutes,
        lifespan: Lifespan,
        *,
        me: Serve,
        models: Serve,
        schemas: Schemas,
        max_messages: int,
        file_hosts: Collection[str],
        allow_client_system: bool,
        aside: Aside,
        pages: Pages,
        facts: Mapping[str, Any],
        threads: ToolThreads,
        places: Places,
        on_refusal: Callable[[str], None] = lambda code: None,
    ) -> None:
        self._on_refusal = on_refusal
        self._admission = admission
        self._chat = chat
        self._tools = tools
        self._stored = stored
        self._me = me
        self._models = models
        self._lifespan = lifespan
        self._schemas = schemas
        self._reading = Reading(
            aside,
            max_body_bytes=admission.max_body_bytes,
            max_messages=max_messages,
            file_hosts=file_hosts,
            allow_client_system=allow_client_system,
        )
        self._pages = pages
        self._facts = facts
        self._threads = threads
        self._places = places

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the routes, in the order in which they match."""
        tool = "/api/tools/{name}/invoke"
        stored = self._stored
        endpoints = [
            *(Endpoint(path, "POST", self.chat, openapi.chat(path)) for path in ("/api/chat", "/")),
            Endpoint("/events", "POST", self.event, openapi.EVENTS),
            Endpoint("/api/completion", "POST", self.chat, openapi.COMPLETION),
            Endpoint("/api/object/{schema}", "POST", self.object, openapi.OBJECT),
            Endpoint(tool, "POST", self.tool, openapi.TOOL),
            Endpoint("/invoke", "POST", self.tool, openapi.DEFAULT_TOOL),
            *(Endpoint(path, "POST", self.mcp, mcp(path)) for path in ("/mcp", "/api/mcp")),
            Endpoint("/api/chat/{chat_id}/stream", "GET", stored.resume, openapi_stored.RESUME),
            Endpoint("/api/chat", "GET", stored.resume_4, openapi_stored.RESUME_4),
            Endpoint("/api/chat/{chat_id}/stop", "POST", stored.stop, openapi_stored.STOP),
            Endpoint("/api/chats", "GET", stored.chats, openapi_stored.CHATS),
            Endpoint("/api/chats/{chat_id}", "GET", stored.chat, openapi_stored.CHAT),
            Endpoint("/api/chats/{chat_id}", "DELETE", stored.delete, openapi_stored.DELETE_CHAT),
            Endpoint("/api/me", "GET", self._me, openapi_stored.ME),
            Endpoint("/api/models", "GET", self._models, openapi.MODELS),
            Endpoint("/health", "GET", self.health, openapi.HEALTH, True),
            Endpoint("/", "GET", self.home, openapi.HOME, True),
            Endpoint("/{chat_id}/stream", "GET", stored.resume, HIDDEN),
            Endpoint("/", "HEAD", self.home, HIDDEN, True),
            *self._pages.endpoints(),
        ]
        return [
            endpoint._replace(respond=with_error_responses(endpoint.respond))
            for endpoint in endpoints
        ]

    async def chat(self, request: Request) -> Response:
        """Run one assistant turn and stream it."""
        return await self._admitted(request, self._respond_chat)

    async def event(self, request: Request) -> Response:
        """Serve an event that did not come over HTTP, as the Lambda Web Adapter hands it over."""
        return await self._admitted(request, self._respond_event)

    async def object(self, request: Request) -> Response:
        """Stream a JSON document that fits a registered schema."""
        return await self._admitted(request, self._respond_object)

    async def tool(self, request: Request) -> Response:
        """Run one tool and stream what it says as NDJSON."""
        return await self._admitted(request, self._respond_tool)

    async def mcp(self, request: Request) -> Response:
        """Answer a client of the Model Context Protocol, which uses our tools."""
        return await self._admitted(request, self._tools.respond_to_agent)

    async def health(self, _: Request) -> Response:
        """Say that the server is up. Never touches the model."""
        hung = self._threads.hung
        hanging = {"hungToolThreads": hung} if hung else {}
        taken = self._places.taken
        running = {"runningTurns": taken} if taken else {}
        return JSONResponse({"status": "ok", **self._facts, **running, **hanging})

    async def home(self, request: Request) -> Response:
        """Serve the demo page if it was built, else say what this is."""
        if request.query_params.get("chatId") is not None:
            return await self._stored.resume_4(request)
        page = await self._pages.home(request)
        if page is not None:
            return page
        return JSONResponse(
            {
                "name": "deltaline",
                "version": __version__,
                "chat": "POST /api/chat",
                "health": "GET /health",
                "docs": "GET /docs",
            }
        )

    async def _admitted(self, request: Request, respond: _Respond) -> Response:
        """Admit the request and serve it; write the log line of one that starts nothing."""
        self._lifespan.check()
        started = time.perf_counter()
        try:
            return await respond(await self._admission.admit(request, started=started))
        except (RequestError, TooManyTurns, LimitsUnavailable) as error:
            self._on_refusal(error.code)
            # There was no turn, which would have written the line.
            log_request(
                RequestLine(
                    request_id=request_id(request),
                    status=error.status,
                    error_code=error.code,
                    duration_ms=elapsed_ms(started),
                )
            )
            raise
        except ClientDisconnect:
            log_request(
                RequestLine(
                    request_id=request_id(request),
                    status=400,
                    client_left=True,
                    duration_ms=elapsed_ms(started),
                )
            )
            return Response(status_code=400)  # to nobody: the body was still on its way

    async def _respond_chat(self, admitted: AdmittedRequest) -> Response:
        asked = await self._reading.read(
            admitted, lambda is_large: self._reading.parsed(admitted, is_large)
        )
        return await self._respond_to(admitted, asked)

    async def _respond_to(
        self, admitted: AdmittedRequest, asked: ChatRequest | ToolRequest
    ) -> Response:
        asked = by_owner(admitted.owner, asked)
        if isinstance(asked, ToolRequest):
            return await self._tools.respond(admitted, asked, name=None)
        return await self._chat.respond(admitted, asked)

    async def _respond_event(self, admitted: AdmittedRequest) -> Response:
        def read(is_large: bool) -> ChatRequest | ToolRequest | EventKind:
            kind = classify(self._reading.json(admitted, None))
            return kind if kind.is_ignored else self._reading.parsed(admitted, is_large)

        asked = await self._reading.read(admitted, read)
        if isinstance(asked, EventKind):
            log_request(
                RequestLine(
                    request_id=admitted.id,
                    shape=str(asked),
                    duration_ms=elapsed_ms(admitted.started),
                )
            )
            headers = {"x-request-id": admitted.id}
            return JSONResponse({"success": True, "ignored": str(asked)}, headers=headers)
        return await self._respond_to(admitted, asked)

    async def _respond_object(self, admitted: AdmittedRequest) -> Response:
        schema = self._schemas[admitted.http.path_params["schema"]]
        asked = await self._reading.read(
            admitted, lambda _: question(self._reading.json(admitted, admitted.content_type))
        )
        return await self._chat.respond_with_object(admitted, schema, asked)

    async def _respond_tool(self, admitted: AdmittedRequest) -> Response:
        asked = await self._reading.read(
            admitted, lambda is_large: self._reading.parsed(admitted, is_large)
        )
        if not isinstance(asked, ToolRequest):
            raise NotFound('This route runs a tool: send {"args": {…}}.')
        return await self._tools.respond(
            admitted, by_owner(admitted.owner, asked), name=admitted.http.path_params.get("name")
        )
