"""``POST /mcp``: our tools for other people's agents, by the Model Context Protocol.

Streamable HTTP without sessions: every request is answered by itself, by any process. The id that
``initialize`` hands out only tells a client's calls from those of others, so that it can take one
back; a call also ends when its client leaves.
"""

import asyncio
import contextlib
import functools
import secrets
from collections.abc import Iterator, Mapping

from starlette.responses import Response

from app.errors import InvalidJson
from app.events import Error
from app.http.admission import AdmittedRequest
from app.http.request_head import header
from app.http.tool_stream import Wire
from app.http.tools import ToolResponder
from app.mcp.messages import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Ask,
    Note,
    Refusal,
    RequestId,
    answered,
    discovery,
    introduction,
    read_message,
    refusal_message,
    refused,
    tool_list,
)
from app.mcp.offering import CANCELLED, CallEncoder, description_of, offered
from app.messages import ToolRequest
from app.requests.body import parse_json
from app.requests.value_count import is_heavy
from app.threads import Aside
from app.tools.standalone import check_request
from app.tools.tool import Tool
from app.tools.tool_set import ToolSet
from app.turns.running_turns import RunningTurns

_HEADERS = ("mcp-protocol-version", "mcp-method", "mcp-name")
_SESSION = "mcp-session-id"


class McpResponder:
    """Answers MCP clients.

    Args:
        tools: those that need no approval are offered.
        runner: runs them, within the limits of any single run.
        turns: those that run now, single runs included.
        aside: where large messages are read.
    """

    def __init__(
        self, tools: ToolSet, runner: ToolResponder, *, turns: RunningTurns, aside: Aside
    ) -> None:
        self._tools = tools
        self._runner = runner
        self._turns = turns
        self._aside = aside
        # By owner, session and the client's id of the request: what ends the call.
        self._calls: dict[tuple[str, str, RequestId], asyncio.Future[Error]] = {}

    async def respond(self, admitted: AdmittedRequest) -> Response:
        """Answer one message.

        Raises:
            BodyTooLarge: it holds too much.
            UnsupportedMediaType: it is no JSON by what the client says.
            TooManyTurns: no more may run now.
        """
        headers = {name: header(admitted.http, name.encode()) for name in _HEADERS}
        body = admitted.body

        def read() -> Ask | Note | Refusal:
            try:
                value = parse_json(body, content_type=admitted.content_type)
            except InvalidJson as error:
                return Refusal(None, PARSE_ERROR, error.public_message)
            return read_message(value, {key: text for key, text in headers.items() if text})

        message = await self._aside.run_if(is_heavy(body), read, size=len(body))
        match message:
            case Ask():
                return await self._answer(admitted, message)
            case Refusal():
                return _refuse(admitted, message)
            case Note(cancelled):
                if cancelled is not None:
                    self._cancel(admitted, cancelled)
                return Response(status_code=202, headers={"x-request-id": admitted.id})

    async def _answer(self, admitted: AdmittedRequest, ask: Ask) -> Response:
        match ask.method, ask.is_modern:
            case "initialize", False:
                given = {_SESSION: secrets.token_hex(16)}
                return _json(admitted, answered(ask, introduction(ask)), given)
            case "ping", False:
                return _json(admitted, answered(ask, {}))
            case "server/discover", True:
                return _json(admitted, answered(ask, discovery()))
            case "tools/list", _:
                if ask.params.get("cursor") is not None:
                    return _refuse(admitted, refused(ask, INVALID_PARAMS, "There is one page."))
                tools = await self._offered(admitted)
                described = [description_of(tool) for tool in tools.values()]
                return _json(admitted, answered(ask, tool_list(described, ask)))
            case "tools/call", _:
                return await self._call(admitted, ask)
            case _:
                refusal = refused(ask, METHOD_NOT_FOUND, f"Method not found: {ask.method[:64]}")
                return _refuse(admitted, refusal)

    async def _offered(self, admitted: AdmittedRequest) -> Mapping[str, Tool]:
        if not self._tools.is_settled(admitted.owner):
            await self._tools.settle(admitted.owner)
        return offered(self._tools.of(admitted.owner))

    async def _call(self, admitted: AdmittedRequest, ask: Ask) -> Response:
        name, arguments = ask.params.get("name"), ask.params.get("arguments") or {}
        if not isinstance(name, str) or not isinstance(arguments, Mapping):
            text = "params must have a name, and arguments must be an object."
            return _refuse(admitted, refused(ask, INVALID_PARAMS, text))
        tool = (await self._offered(admitted)).get(name)
        if tool is None:
            return _refuse(admitted, refused(ask, INVALID_PARAMS, f"Unknown tool: {name[:64]}"))
        if not _takes_events(admitted):
            text = "A call is answered by text/event-stream, which the request does not accept."
            return _refuse(admitted, Refusal(ask.id, INVALID_REQUEST, text, 406))
        about = {"user_id": admitted.owner} if admitted.owner else {}
        asked = ToolRequest(name=name, args=arguments, context=about, tool_config={})
        body = admitted.body
        call = await self._aside.run_if(
            is_heavy(body), lambda: check_request(tool, asked), size=len(body)
        )
        self._turns.check()
        wire = Wire(
            "mcp",
            "text/event-stream",
            CallEncoder(ask),
            functools.partial(self._taken_back, admitted, ask),
        )
        return self._runner.stream(admitted, tool, asked, call, wire=wire)

    @contextlib.contextmanager
    def _taken_back(
        self, admitted: AdmittedRequest, ask: Ask, stopped: "asyncio.Future[Error]"
    ) -> Iterator[None]:
        """Let a notification of the same client end the call within the block.

        Ids of requests are the client's and easy to guess; that of its session is not.
        """
        session = header(admitted.http, _SESSION.encode())
        if session is None:
            yield
            return
        key = (admitted.owner, session, ask.id)
        self._calls[key] = stopped
        try:
            yield
        finally:
            if self._calls.get(key) is stopped:
                del self._calls[key]

    def _cancel(self, admitted: AdmittedRequest, request: RequestId) -> None:
        session = header(admitted.http, _SESSION.encode())
        stopped = self._calls.get((admitted.owner, session or "", request))
        if stopped is not None and not stopped.done():
            stopped.set_result(Error(CANCELLED, "The client has taken the call back."))


def _takes_events(admitted: AdmittedRequest) -> bool:
    accepted = header(admitted.http, b"accept") or "*/*"
    return any(kind in accepted for kind in ("text/event-stream", "text/*", "*/*"))


def _json(
    admitted: AdmittedRequest, message: bytes, headers: Mapping[str, str] | None = None
) -> Response:
    more = {"x-request-id": admitted.id, **(headers or {})}
    return Response(message, media_type="application/json", headers=more)


def _refuse(admitted: AdmittedRequest, refusal: Refusal) -> Response:
    headers = {"x-request-id": admitted.id}
    return Response(
        refusal_message(refusal), refusal.status, headers, media_type="application/json"
    )
