"""Chatting with our app over a real socket: what every test of a route needs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import httpx2
from pydantic import BaseModel

from app.chats.title import TitleOf
from app.http.own_authentication import OwnAuthenticate
from app.http.own_limit import OwnLimit
from app.main import create_app
from app.settings import Settings
from app.store.store import Store
from app.tools import Tool
from app.turns.running_turns import OnFinish, OnTurn, RunningTurns
from tests.serving import served

# A model's address where nobody listens: port 9 is "discard".
NOWHERE = "http://127.0.0.1:9/v1"


class Broken(BaseModel):
    """A schema that cannot be described: a request for it meets a defect."""

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        raise RuntimeError("sk-secret at /etc/passwd")


class Chat:
    """A client of one running app.

    Attributes:
        http: with the app's address as its base URL.
        turns: those that run in the app now.
    """

    def __init__(self, http: httpx2.AsyncClient, turns: RunningTurns) -> None:
        self.http = http
        self.turns = turns

    async def post(self, body: object, path: str = "/api/chat", **options: Any) -> httpx2.Response:
        """Post ``body`` as JSON and read the whole answer."""
        return await self.http.post(path, json=body, **options)

    def stream(
        self, body: object, path: str = "/api/chat", **options: Any
    ) -> contextlib.AbstractAsyncContextManager[httpx2.Response]:
        """Post ``body`` as JSON; leaving the block before the end closes the connection."""
        return self.http.stream("POST", path, json=body, **options)


@contextlib.asynccontextmanager
async def chatting(
    base_url: str | None,
    *tools: Tool,
    on_finish: OnFinish | None = None,
    on_turn: OnTurn | None = None,
    store: Store | str = "off",
    title: TitleOf | None = None,
    authenticate: OwnAuthenticate | None = None,
    limit: OwnLimit | None = None,
    **settings: Any,
) -> AsyncIterator[Chat]:
    """Serve an app with ``tools``, whose model is at ``base_url``, and give a client of it."""
    named = store if isinstance(store, str) else "off"
    app = create_app(
        Settings(openai_base_url=base_url, store=named, **settings),
        tools=tools,
        on_finish=on_finish,
        on_turn=on_turn,
        store=None if isinstance(store, str) else store,
        title=title,
        authenticate=authenticate,
        limit=limit,
    )
    async with served(app) as url, httpx2.AsyncClient(base_url=url, timeout=15) as http:
        yield Chat(http, app.state.turns)


def ui_body(text: str, **more: Any) -> dict[str, Any]:
    """Return what `useChat` of AI SDK 5 and later posts."""
    message = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"id": "chat-1", "messages": [message], "trigger": "submit-message", **more}


def data_body(text: str, **more: Any) -> dict[str, Any]:
    """Return what `useChat` of AI SDK 4 posts."""
    parts = [{"type": "text", "text": text}]
    return {"id": "chat-1", "messages": [{"role": "user", "content": text, "parts": parts}], **more}


class Reader:
    """Reads a streamed body piece by piece."""

    def __init__(self, response: httpx2.Response) -> None:
        self._pieces = response.aiter_bytes()
        self.seen = b""

    async def until(self, wanted: bytes) -> bytes:
        """Read until ``wanted`` has come; return all that has."""
        while wanted not in self.seen:
            self.seen += await anext(self._pieces)
        return self.seen

    async def more(self) -> None:
        """Read the next piece, whatever it is."""
        self.seen += await anext(self._pieces)

    async def rest(self) -> bytes:
        """Read to the end; return the whole body."""
        async for piece in self._pieces:
            self.seen += piece
        return self.seen


class LogLines(logging.Handler):
    """Collects the app's log, and lets a test wait for a line.

    Attributes:
        requests: the fields of the lines that end a request.
        records: every record.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Mapping[str, Any]] = []
        self.records: list[logging.LogRecord] = []
        self._changed = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        fields = getattr(record, "fields", None)
        if fields is not None:
            self.requests.append(fields)
        self._changed.set()
        self._changed = asyncio.Event()

    async def request(self, number: int = 1) -> Mapping[str, Any]:
        """Return the line of the request that ended as this one in turn."""
        await self.until(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as ``condition`` holds; it is asked again at every line."""
        while not condition():
            await self._changed.wait()


@contextlib.contextmanager
def logged() -> Iterator[LogLines]:
    """Collect everything that is logged within the block, down to level INFO."""
    handler = LogLines()
    root, ours = logging.getLogger(), logging.getLogger("deltaline")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        ours.setLevel(level)
