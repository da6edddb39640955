"""Turns that outlive their request, and the chats that a store keeps: resume, stop, history."""

import contextlib
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from app.chats.shown import chat_body, listed
from app.errors import InvalidJson, InvalidOption, NotFound
from app.http.admission import Admission, request_id
from app.http.following import Following, start_of
from app.http.nothing_stored import NO_STORE, nothing_runs
from app.http.responses import JSONResponse
from app.messages import Shape
from app.protocols.negotiation import negotiate
from app.turns.errors import LogGivenUp
from app.turns.kept_turns import KeptTurns
from app.turns.patience import PATIENCE_S, patience

# How long a request waits for all that it asks of the store, in seconds.
_PATIENCE_S = 5.0
_DEFAULT_LIMIT = 50
_MOST = 200
_LONGEST_NUMBER = 18  # digits; in microseconds that is the year 33658


class Stored:
    """The routes of what is kept.

    Args:
        admission: decides which requests are served.
        kept: the turns and chats.
        following: makes the responses of followers.
    """

    def __init__(self, admission: Admission, kept: KeptTurns, following: Following) -> None:
        self._admission = admission
        self._kept = kept
        self._following = following

    async def resume(self, request: Request) -> Response:
        """Follow a chat's turn, or say that none is running."""
        chat_or_turn = request.path_params["chat_id"]
        return await self._follow(request, chat_or_turn, "ai-sdk-5") or nothing_runs()

    async def resume_4(self, request: Request) -> Response:
        """The same for AI SDK 4, whose client takes a 204 for an error."""
        chat_id = request.query_params.get("chatId", "")
        return await self._follow(request, chat_id, "ai-sdk-4") or _nothing_runs_4()

    async def stop(self, request: Request) -> Response:
        """Stop a chat's turn, wherever it runs."""
        owner = await self._admission.owner(request)
        wanted = await self._wanted_turn(request)
        async with self._in_time(_PATIENCE_S):
            turn = await self._kept.find(owner, request.path_params["chat_id"])
            if turn is not None and turn.state == "running" and wanted in (None, turn.id):
                await self._kept.stop(turn)
        return nothing_runs()

    async def chats(self, request: Request) -> Response:
        """List the owner's chats, the last changed first."""
        owner = await self._admission.owner(request)
        before = _number(request, "before")
        limit = _number(request, "limit")
        async with self._in_time(PATIENCE_S):
            chats = await self._kept.store.chats(
                owner, before=before, limit=min(limit or _DEFAULT_LIMIT, _MOST)
            )
        for chat in chats:
            if chat.running is not None:
                self._kept.lost.look_after(owner, chat.running)
        return JSONResponse({"chats": list(map(listed, chats))}, headers=dict(NO_STORE))

    async def chat(self, request: Request) -> Response:
        """Return a chat as `useChat` takes it."""
        owner = await self._admission.owner(request)
        sdk = request.query_params.get("sdk")
        dialect = negotiate("ai-sdk-5", query=(None, sdk))
        async with self._in_time(_PATIENCE_S):
            chat = await self._kept.chat(owner, request.path_params["chat_id"])
        if chat is None:
            raise NotFound("There is no such chat.")
        if chat.turn is not None and chat.turn.state == "running":
            self._kept.lost.look_after(owner, chat.turn.id)
        return Response(
            chat_body(chat, sdk=dialect.version),
            media_type="application/json",
            headers=dict(NO_STORE),
        )

    async def delete(self, request: Request) -> Response:
        """Delete a chat; a turn of it that runs is stopped."""
        owner = await self._admission.owner(request)
        async with self._following.stopping.heeded():
            await self._kept.delete(owner, request.path_params["chat_id"])
        return nothing_runs()

    async def _follow(self, request: Request, chat_or_turn: str, shape: Shape) -> Response | None:
        owner = await self._admission.owner(request)
        query = request.query_params
        dialect = negotiate(shape, query=(query.get("protocol"), query.get("sdk")))
        start = start_of(request)
        headers = {"x-request-id": request_id(request)}
        async with self._in_time(_PATIENCE_S):
            turn = await self._kept.find(owner, chat_or_turn)
            if turn is None:
                return None
            try:
                return await self._following.respond(turn, dialect, start=start, headers=headers)
            except LogGivenUp:
                if turn.state == "running":
                    raise
                return None  # history has all of it

    @contextlib.asynccontextmanager
    async def _in_time(self, seconds: float) -> AsyncIterator[None]:
        """Give up what is done within the block after ``seconds``, or when the server stops.

        Raises:
            StoreUnavailable, ServerStopping
        """
        async with self._following.stopping.heeded(), patience(seconds):
            yield

    async def _wanted_turn(self, request: Request) -> str | None:
        """Return the turn id of the body, if there is a body.

        Raises:
            InvalidJson, InvalidOption: the body is something else.
        """
        admitted = await self._admission.admit(request, started=0.0)
        if not admitted.body.strip():
            return None
        try:
            body = json.loads(admitted.body)
        except (ValueError, RecursionError):
            raise InvalidJson('The body must be empty or {"turnId": "…"}.') from None
        wanted = body.get("turnId") if isinstance(body, dict) else 0
        if wanted is not None and not isinstance(wanted, str):
            raise InvalidOption("turnId must be a string.")
        return wanted


def _nothing_runs_4() -> Response:
    """Return a blank line, which the client's parser skips.

    An empty response would not leave Lambda for minutes.
    """
    return Response(b"\n", headers=dict(NO_STORE), media_type="text/plain; charset=utf-8")


def _number(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None or given == "":
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= _LONGEST_NUMBER):
        raise InvalidOption(f"{name} must be a whole number, not {given[:20]!r}.")
    return int(given)
