"""Sends the requests of a schedule to servers that may die, and writes down what comes of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx2

from tests.fleet.history import DONE, Call, End, Piece, Version
from tests.fleet.schedule import DELAY_S, Leave, Step
from tests.fleet.servers import Server

# How long a client waits for the next byte; longer than any server may take.
_SILENCE_S = 50.0
_KEEP_ALIVES_S = 60.0


class Clients:
    """Everybody who uses the fleet.

    Args:
        servers: the fleet.
        versions: what the messages say.
        delay_s: how long the model waits before each word, in seconds.

    Attributes:
        calls: what has been asked, in the order in which it ended.
    """

    def __init__(
        self, servers: Sequence[Server], versions: Sequence[Version], *, delay_s: float = DELAY_S
    ) -> None:
        self.calls: list[Call] = []
        self._servers = servers
        self._delay_s = delay_s
        self._versions = {(one.message, one.number): one for one in versions}
        self._turns: dict[int, str] = {}  # of steps
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        timeout = httpx2.Timeout(_SILENCE_S, connect=_SILENCE_S)
        self._http = httpx2.AsyncClient(limits=limits, timeout=timeout)

    async def aclose(self) -> None:
        """Leave every server."""
        await self._http.aclose()

    async def take(self, step: Step) -> Call:
        """Do a step of the schedule."""
        asked_turn = None if step.of_step is None else self._turns.get(step.of_step)
        facts: dict[str, Any] = {"kind": step.kind, "chat": step.chat, "server": step.server}
        match step.kind:
            case "post":
                about = {"message": step.message, "version": step.version, "cuts": step.cuts}
                facts |= {**about, "is_regenerate": step.is_regenerate}
                return await self._ask(
                    facts, "POST", "/api/chat", self._body(step), step.leave_after, step.number
                )
            case "follow":
                facts |= {"asked_turn": asked_turn, "start": step.start}
                return await self.follow(facts, leave_after=step.leave_after)
            case "stop":
                facts |= {"asked_turn": asked_turn}
                body = {} if asked_turn is None else {"turnId": asked_turn}
                return await self._ask(facts, "POST", f"/api/chat/{step.chat}/stop", body)
            case "delete":
                return await self._ask(facts, "DELETE", f"/api/chats/{step.chat}")
            case "read":
                return await self.read(step.chat, step.server)

    async def read(self, chat: str, server: int, *, is_last: bool = False) -> Call:
        """Read the history of a chat."""
        facts = {"kind": "read", "chat": chat, "server": server, "is_last": is_last}
        return await self._ask(facts, "GET", f"/api/chats/{chat}")

    async def follow(self, facts: dict[str, Any], *, leave_after: Leave = None) -> Call:
        """Follow the turn or chat that is asked for."""
        path = f"/api/chat/{facts['asked_turn'] or facts['chat']}/stream"
        if facts["start"] is not None:
            path += f"?startIndex={facts['start']}"
        return await self._ask(facts, "GET", path, leave_after=leave_after)

    def _body(self, step: Step) -> dict[str, Any]:
        trigger = "regenerate-message" if step.is_regenerate else "submit-message"
        body: dict[str, Any] = {"id": step.chat, "trigger": trigger}
        assert step.message is not None
        assert step.version is not None
        said = self._versions[step.message, step.version].text
        part = {"type": "text", "text": f"scenario: say delay={self._delay_s} text='{said}'"}
        body["messages"] = [{"id": step.message, "role": "user", "parts": [part]}]
        if step.cuts:
            body["messageId"] = step.message
        return body

    async def _ask(
        self,
        facts: Mapping[str, Any],
        method: str,
        path: str,
        body: object = None,
        leave_after: Leave = None,
        step: int | None = None,
    ) -> Call:
        got: dict[str, Any] = {}
        pieces: list[Piece] = []
        sent_at = time.monotonic()
        end: End = "refused"
        try:
            async with (
                asyncio.timeout(_KEEP_ALIVES_S),
                self._http.stream(
                    method, self._servers[facts["server"]].url + path, json=body
                ) as response,
            ):
                end = "cut"
                got |= {"head_at": time.monotonic(), "status": response.status_code}
                got["turn"] = response.headers.get("x-chat-turn-id")
                if step is not None and got["turn"] is not None:
                    self._turns[step] = got["turn"]
                if "event-stream" in response.headers.get("content-type", ""):
                    end = await _pieces(response, pieces, leave_after)
                else:
                    await response.aread()
                    end = "done"
                    if facts["kind"] == "read" and response.status_code == 200:
                        got["body"] = response.json()
        except (httpx2.TimeoutException, TimeoutError):
            end = "hung"
        except httpx2.TransportError:
            pass
        ended_at = time.monotonic()
        call = Call(**facts, **got, sent_at=sent_at, ended_at=ended_at, end=end, pieces=pieces)
        self.calls.append(call)
        return call


async def _pieces(response: httpx2.Response, pieces: list[Piece], leave_after: Leave) -> End:
    """Read server-sent events into ``pieces``; return how that ended."""
    async for data in _events(response):
        pieces.append(Piece(time.monotonic(), data))
        if len(pieces) == leave_after and data != DONE:
            return "left"
    return "done" if pieces and pieces[-1].data == DONE else "cut"


async def _events(response: httpx2.Response) -> AsyncIterator[str]:
    waiting = b""
    async for received in response.aiter_bytes():
        *events, waiting = (waiting + received).split(b"\n\n")
        for event in events:
            if event.startswith(b"data: "):
                yield event[6:].decode()
