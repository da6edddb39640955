"""Turns that outlive their request, over real sockets: resume, stop, detach, chats."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from app.events import Start, StepStart, TextDelta
from app.scripted_model.control import Control
from app.store.event_log import encode
from app.store.memory import MemoryStore
from app.store.store import Batch, Begun, TurnHead, UIMessage
from app.store.store import Chat as StoredChat
from tests.chatting import Chat, Reader, chatting, data_body, ui_body
from tests.turns.stores import Shaky

SAY_HI = "scenario: say text='Hi there.'"
STALL = "scenario: stall after=3 gate=go"
SSE = {"accept": "text/event-stream"}


def _asked(text: str, chat: str = "c1", message: str = "u1", **more: Any) -> dict[str, Any]:
    """Return what `useChat` of AI SDK 5 and later posts."""
    body = ui_body(text, **more)
    body["id"] = chat
    body["messages"][0]["id"] = message
    return body


def _said(wire: bytes) -> str:
    """Return the text of a UI stream."""
    heads = b'data: {"type":"text-delta"'
    return "".join(
        json.loads(line[6:])["delta"] for line in wire.splitlines() if line.startswith(heads)
    )


def _chunks(wire: bytes) -> list[bytes]:
    return [
        piece
        for piece in wire.split(b"\n\n")
        if piece.startswith(b"data: ") and piece != b"data: [DONE]"
    ]


async def _chat(chat: Chat, chat_id: str = "c1") -> dict[str, Any]:
    response = await chat.http.get(f"/api/chats/{chat_id}")
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_a_reload_in_the_middle_shows_the_whole_answer(model: str, control: Control) -> None:
    async with chatting(model, store="memory") as chat:
        async with chat.stream(_asked(STALL)) as response:
            turn = response.headers["x-chat-turn-id"]
            await Reader(response).until(b"word1")
        before = await _chat(chat)

        async with chat.http.stream("GET", "/api/chat/c1/stream", headers=SSE) as resumed:
            reader = Reader(resumed)
            await reader.until(b"word2")
            control.gate("go").open()
            wire = await reader.rest()
        after = await _chat(chat)

    assert response.headers["x-workflow-run-id"] == turn == resumed.headers["x-chat-turn-id"]
    assert before["turn"] == {"id": turn, "state": "running"}
    assert [message["role"] for message in before["messages"]] == ["user"]
    assert resumed.headers["cache-control"] == "no-cache, no-transform"
    assert resumed.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert wire.endswith(b"data: [DONE]\n\n")
    assert after["turn"] is None
    assert [message["role"] for message in after["messages"]] == ["user", "assistant"]
    told = [part["text"] for part in after["messages"][1]["parts"] if part["type"] == "text"]
    assert "".join(told) == _said(wire)
    assert _said(wire).startswith("word0 word1 word2")


async def test_a_client_that_leaves_ends_its_turn_if_the_settings_say_so(
    model: str, control: Control
) -> None:
    async with chatting(model, store="memory", on_disconnect="stop") as chat:
        async with chat.stream(_asked(STALL)) as response:
            await Reader(response).until(b"word1")
        await control.client_left()
        after = await _chat(chat)

    assert after["turn"] is None
    assert after["messages"][1]["parts"][1]["text"].startswith("word0")


async def test_without_a_chat_id_a_turn_ends_with_its_client(model: str, control: Control) -> None:
    async with chatting(model, store="memory") as chat:
        body = _asked(STALL)
        del body["id"]
        async with chat.stream(body) as response:
            await Reader(response).until(b"word1")
        await control.client_left()

    assert "x-chat-turn-id" not in response.headers


async def test_a_turn_that_nobody_reads_ends_after_its_time(model: str, control: Control) -> None:
    async with chatting(model, store="memory", detached_s=0.2) as chat:
        async with chat.stream(_asked(STALL)) as response:
            await Reader(response).until(b"word1")
        assert len(chat.turns) == 1
        await control.client_left()
        after = await _chat(chat)

    assert after["turn"] is None
    assert after["messages"][1]["parts"][1]["text"].startswith("word0")


async def test_a_detached_turn_counts_as_running(model: str, control: Control) -> None:
    async with chatting(model, store="memory", running_turns=1) as chat:
        async with chat.stream(_asked(STALL)) as response:
            await Reader(response).until(b"word1")
        health = (await chat.http.get("/health")).json()
        refused = await chat.post(_asked(SAY_HI, chat="c2"))
        control.gate("go").open()

    assert health["runningTurns"] == 1
    assert refused.status_code == 503
    assert "x-chat-turn-id" not in refused.headers


@pytest.mark.parametrize("how", ["chat", "turn", "turn in the body"])
async def test_stop_ends_every_reader_alike(model: str, control: Control, how: str) -> None:
    async with (
        chatting(model, store="memory") as chat,
        chat.stream(_asked(STALL)) as posted,
        chat.http.stream("GET", "/api/chat/c1/stream") as followed,
    ):
        turn = posted.headers["x-chat-turn-id"]
        poster, follower = Reader(posted), Reader(followed)
        await poster.until(b"word1")
        await follower.until(b"word1")

        where = turn if how == "turn" else "c1"
        body = {"turnId": turn} if how == "turn in the body" else None
        stopped = await chat.http.post(f"/api/chat/{where}/stop", json=body)
        wires = [await poster.rest(), await follower.rest()]
        await control.client_left()
        after = await _chat(chat)

    assert stopped.status_code == 204
    for wire in wires:
        assert wire.endswith(b'data: {"type":"abort"}\n\ndata: [DONE]\n\n')
        assert b'"finish"' not in wire
    assert _said(wires[0]) == _said(wires[1]) == after["messages"][1]["parts"][1]["text"]
    assert after["turn"] is None


@pytest.mark.parametrize(
    ("path", "body"),
    [("c1", {"turnId": "stale"}), ("c2", None), ("unknown", {}), ("c1", {"turnId": ""})],
)
async def test_stop_leaves_other_turns_alone(
    model: str, control: Control, path: str, body: object
) -> None:
    async with chatting(model, store="memory") as chat, chat.stream(_asked(STALL)) as posted:
        reader = Reader(posted)
        await reader.until(b"word1")
        stopped = await chat.http.post(f"/api/chat/{path}/stop", json=body)
        control.gate("go").open()
        wire = await reader.rest()
        ended = await chat.http.post("/api/chat/c1/stop")

    assert (stopped.status_code, ended.status_code) == (204, 204)
    assert b'"abort"' not in wire


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"turnId":7}'])
async def test_stop_says_what_its_body_may_be(model: str, body: bytes) -> None:
    async with chatting(model, store="memory") as chat:
        response = await chat.http.post("/api/chat/c1/stop", content=body)

    assert response.status_code == 400


@pytest.mark.parametrize("protocol", ["ui", "data", "ndjson", "text"])
async def test_the_rest_is_what_the_poster_was_sent(model: str, protocol: str) -> None:
    async with chatting(model, store="memory") as chat:
        whole = (await chat.post(_asked(SAY_HI), f"/api/chat?protocol={protocol}")).content
        mark = {"ui": b"\n\n", "text": b"."}.get(protocol, b"\n")
        pieces = [piece + mark for piece in whole.split(mark)[:-1]]
        path = f"/api/chat/c1/stream?protocol={protocol}"
        total = len(pieces) - (protocol == "ui")
        tails = []
        for start in range(total + 1 if protocol != "text" else 1):
            rest = await chat.http.get(f"{path}&startIndex={start}")
            by_header = await chat.http.get(path, headers={"last-event-id": str(start)})
            tails.append(rest.headers["x-workflow-stream-tail-index"])
            wanted = b"".join(pieces[start:])
            if protocol == "ndjson":  # its lines hold the time
                assert rest.content.count(b"\n") == wanted.count(b"\n")
            else:
                assert rest.content == by_header.content == wanted
        from_end = await chat.http.get(f"{path}&startIndex=-1")

    if protocol != "text":
        assert set(tails) == {str(total - 1)}
    if protocol == "ui":
        assert rest.content == b"data: [DONE]\n\n"
        assert from_end.content == b"".join(pieces[-2:])


async def test_the_rest_of_a_running_turn_comes_chunk_for_chunk(
    model: str, control: Control
) -> None:
    async with (
        chatting(model, store="memory") as chat,
        chat.stream(_asked(STALL)) as posted,
    ):
        poster = Reader(posted)
        await poster.until(b"word2")
        async with chat.http.stream("GET", "/api/chat/c1/stream?startIndex=4") as followed:
            follower = Reader(followed)
            await follower.until(b"word")
            control.gate("go").open()
            whole, rest = await poster.rest(), await follower.rest()

    assert _chunks(rest) == _chunks(whole)[4:]
    assert rest.endswith(b"data: [DONE]\n\n")


async def test_after_its_end_a_turn_can_be_followed_for_a_while(model: str) -> None:
    async with chatting(model, store="memory") as chat:
        whole = await chat.post(_asked(SAY_HI))
        replay = await chat.http.get("/api/chat/c1/stream")
        by_turn = await chat.http.get(f"/api/chat/{whole.headers['x-chat-turn-id']}/stream")
        by_4 = await chat.http.get("/api/chat?chatId=c1")
    async with chatting(model, store="memory", resume_keep_s=0) as chat:
        await chat.post(_asked(SAY_HI))
        gone = await chat.http.get("/api/chat/c1/stream")
        gone_4 = await chat.http.get("/api/chat?chatId=c1")

    assert _said(replay.content) == _said(whole.content) == "Hi there."
    assert by_turn.content == replay.content
    assert replay.content.count(b"text-delta") == 1
    assert b'0:"Hi there."\n' in by_4.content
    assert by_4.headers["x-vercel-ai-data-stream"] == "v1"
    assert gone.status_code == 204
    assert (gone_4.status_code, gone_4.content) == (200, b"\n")


async def test_a_turn_that_one_dialect_asked_for_is_followed_in_another(model: str) -> None:
    async with chatting(model, store="memory") as chat:
        await chat.post(data_body(SAY_HI, id="c1"))
        ui = await chat.http.get("/api/chat/c1/stream")
        text = await chat.http.get("/api/chat/c1/stream?protocol=text")
        lines = await chat.http.get("/api/chat/c1/stream?protocol=ndjson")
        wrong = await chat.http.get("/api/chat/c1/stream?protocol=data&sdk=7")

    assert _said(ui.content) == "Hi there."
    assert text.content == b"Hi there."
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert wrong.status_code == 400


async def test_another_message_supersedes_the_running_turn(model: str, control: Control) -> None:
    async with chatting(model, store="memory") as chat, chat.stream(_asked(STALL)) as first:
        reader = Reader(first)
        await reader.until(b"word1")
        second = await chat.post(_asked(SAY_HI, message="u2"))
        wire = await reader.rest()
        await control.client_left()
        after = await _chat(chat)

    assert second.status_code == 200
    assert _said(second.content) == "Hi there."
    assert wire.endswith(b'data: {"type":"abort"}\n\ndata: [DONE]\n\n')
    roles = [message["role"] for message in after["messages"]]
    assert roles == ["user", "assistant", "user", "assistant"]
    assert after["messages"][1]["parts"][1]["text"] == _said(wire)


async def test_the_same_message_again_joins_its_turn(model: str, control: Control) -> None:
    async with chatting(model, store="memory") as chat:
        async with chat.stream(_asked(STALL)) as first:
            await Reader(first).until(b"word1")
        async with chat.stream(_asked(STALL)) as again:
            reader = Reader(again)
            await reader.until(b"word2")
            control.gate("go").open()
            wire = await reader.rest()
        after = await _chat(chat)

    assert again.headers["x-chat-turn-id"] == first.headers["x-chat-turn-id"]
    assert len(control.requests) == 1
    assert _said(wire) == after["messages"][1]["parts"][1]["text"]


async def test_a_chat_can_be_listed_and_deleted(model: str) -> None:
    async with chatting(model, store="memory") as chat:
        for number in range(3):
            await chat.post(_asked(f"scenario: say text=A{number}", chat=f"c{number}"))
        listed = (await chat.http.get("/api/chats?limit=2")).json()["chats"]
        before = listed[-1]["updated"]
        rest = (await chat.http.get(f"/api/chats?before={before}")).json()["chats"]
        deleted = await chat.http.delete("/api/chats/c1")
        again = await chat.http.delete("/api/chats/c1")
        gone = await chat.http.get("/api/chats/c1")
        resumed = await chat.http.get("/api/chat/c1/stream")
        bad = [
            await chat.http.get(f"/api/chats?{query}")
            for query in ("limit=-1", "before=x", "limit=" + "9" * 30)
        ]

    assert [item["id"] for item in listed] == ["c2", "c1"]
    assert [item["id"] for item in rest] == ["c0"]
    assert listed[0]["title"].startswith("scenario: say")
    assert (deleted.status_code, again.status_code, gone.status_code) == (204, 204, 404)
    assert resumed.status_code == 204
    assert {response.status_code for response in bad} == {400}


async def test_deleting_a_chat_stops_its_turn(model: str, control: Control) -> None:
    async with (
        chatting(model, store="memory") as chat,
        chat.stream(_asked(STALL)) as posted,
        chat.http.stream("GET", "/api/chat/c1/stream") as followed,
    ):
        poster, follower = Reader(posted), Reader(followed)
        await poster.until(b"word1")
        await follower.until(b"word1")
        deleted = await chat.http.delete("/api/chats/c1")
        wires = [await poster.rest(), await follower.rest()]
        await control.client_left()
        gone = await chat.http.get("/api/chats/c1")

    assert (deleted.status_code, gone.status_code) == (204, 404)
    for wire in wires:
        assert wire.endswith(b'data: {"type":"abort"}\n\ndata: [DONE]\n\n')


async def test_a_turn_that_failed_before_its_first_word_is_over(model: str) -> None:
    async with chatting(model, store="memory") as chat:
        failed = await chat.post(_asked("scenario: error status=429"))
        after = await _chat(chat)
        followed = await chat.http.get("/api/chat/c1/stream")

    assert failed.status_code == 429
    assert after["turn"] is None
    assert [message["role"] for message in after["messages"]] == ["user"]
    assert b'"type":"error"' in followed.content
    assert followed.content.endswith(b"data: [DONE]\n\n")


async def test_an_answer_in_one_piece_is_kept(model: str) -> None:
    async with chatting(model, store="memory") as chat:
        whole = await chat.post(_asked(SAY_HI), "/api/chat?stream=false")
        after = await _chat(chat)

    assert whole.json()["text"] == "Hi there."
    assert whole.headers["x-chat-turn-id"]
    assert after["messages"][1] == whole.json()["message"]


async def test_a_retry_of_a_request_for_one_piece_gets_the_same_piece(model: str) -> None:
    path = "/api/chat?stream=false"
    async with chatting(model, store="memory") as chat:
        first = await chat.post(_asked(SAY_HI), path)
        await _chat(chat)
        again = await chat.post(_asked(SAY_HI), path)

    assert again.json() == first.json()
    assert (again.status_code, first.status_code) == (200, 200)
    assert again.headers["x-chat-turn-id"] == first.headers["x-chat-turn-id"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


async def test_a_retry_for_one_piece_waits_for_the_end(model: str, control: Control) -> None:
    path = "/api/chat?stream=false"
    async with chatting(model, store="memory") as chat:
        async with chat.stream(_asked(STALL)) as response:
            await Reader(response).until(b"word1")
            again = asyncio.create_task(chat.post(_asked(STALL), path))
            control.gate("go").open()
            whole = (await again).json()
        after = await _chat(chat)

    assert whole["finishReason"] == "stop"
    assert whole["text"].startswith("word0 word1 word2")
    assert after["messages"][1] == whole["message"]


async def test_everything_asks_for_the_token(model: str) -> None:
    async with chatting(model, store="memory", auth_token="secret-token-of-the-test") as chat:
        responses = [
            await chat.http.request(method, path)
            for method, path in (
                ("GET", "/api/chat/c1/stream"),
                ("GET", "/api/chat?chatId=c1"),
                ("POST", "/api/chat/c1/stop"),
                ("GET", "/api/chats"),
                ("GET", "/api/chats/c1"),
                ("DELETE", "/api/chats/c1"),
            )
        ]

    assert [response.status_code for response in responses] == [401] * 6


async def test_a_hundred_follow_one_turn(model: str, control: Control) -> None:
    async with chatting(model, store="memory") as chat:
        async with chat.stream(_asked(STALL)) as first:
            await Reader(first).until(b"word1")

        async def follow() -> bytes:
            return (await chat.http.get("/api/chat/c1/stream")).content

        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(
            base_url=chat.http.base_url, timeout=15, limits=limits
        ) as chat.http:
            followers = [asyncio.create_task(follow()) for _ in range(100)]
            control.gate("go").open()
            wires = await asyncio.gather(*followers)
            after = await _chat(chat)

    assert {_said(wire) for wire in wires} == {after["messages"][1]["parts"][1]["text"]}


async def test_a_store_of_ones_own_is_used_and_closed(model: str) -> None:
    class Own(MemoryStore):
        is_closed = False

        async def aclose(self) -> None:
            self.is_closed = True
            await super().aclose()

    store = Own()
    async with chatting(model, store=store) as chat:
        await chat.post(_asked(SAY_HI))
        await _chat(chat)

    assert store.is_closed
    kept = await store.chat("", "c1")
    assert kept is not None
    assert len(kept.messages) == 2


async def test_an_answer_is_whole_although_the_store_goes_down(
    model: str, control: Control
) -> None:
    store = Shaky()
    async with chatting(model, store=store) as chat:
        async with chat.stream(_asked(STALL)) as posted:
            reader = Reader(posted)
            await reader.until(b"word2")
            store.is_down = True
            control.gate("go").open()
            wire = await reader.rest()
        down = [
            await chat.http.get("/api/chat/c1/stream"),
            await chat.http.post("/api/chat/c1/stop"),
            await chat.http.get("/api/chats/c1"),
        ]
        health = await chat.http.get("/health")
        meanwhile = await chat.post(_asked(SAY_HI, chat="c2"))
        store.is_down = False
        after = await _chat(chat)
        begun_meanwhile = await _chat(chat, "c2")

    assert b'"type":"finish"' in wire
    assert [(one.status_code, one.headers["retry-after"]) for one in down] == [(503, "5")] * 3
    assert health.status_code == 200
    assert _said(meanwhile.content) == "Hi there."
    assert "x-chat-turn-id" in meanwhile.headers
    assert after["messages"][1]["parts"][1]["text"] == _said(wire)
    assert begun_meanwhile["turn"] is None
    assert [message["id"] for message in begun_meanwhile["messages"]][:1] == ["u1"]
    assert begun_meanwhile["messages"][1]["parts"][1]["text"] == "Hi there."


async def test_a_chat_goes_on_without_its_store_and_is_whole_afterwards(
    model: str, control: Control
) -> None:
    store = Shaky()
    async with chatting(model, store=store) as chat:
        await chat.post(_asked(SAY_HI))
        store.is_down = True
        async with chat.stream(_asked(STALL, message="u2")) as first:
            reader = Reader(first)
            await reader.until(b"word2")
            second = await chat.post(_asked(SAY_HI, message="u3"))
            wire = await reader.rest()
        store.is_down = False
        after = await _chat(chat)
        turn = second.headers["x-chat-turn-id"]
        followed = await chat.http.get(f"/api/chat/{turn}/stream")

    told = [
        (message["role"], "".join(part.get("text", "") for part in message["parts"]))
        for message in after["messages"]
    ]
    assert b'"type":"abort"' in wire
    assert after["turn"] is None
    assert told == [
        ("user", SAY_HI),
        ("assistant", "Hi there."),
        ("user", STALL),
        ("assistant", _said(wire)),
        ("user", SAY_HI),
        ("assistant", "Hi there."),
    ]
    assert _said(followed.content) == "Hi there."


async def test_a_new_chat_gets_its_title_after_its_first_answer(model: str) -> None:
    seen: list[list[str]] = []

    async def title(messages: Sequence[UIMessage]) -> str:
        seen.append([message["role"] for message in messages])
        return f"Title\n{len(seen)}"

    async with chatting(model, store="memory", title=title) as chat:
        await chat.post(_asked(SAY_HI))
        await _chat(chat)
        await chat.post(_asked(SAY_HI, message="u2"))
        await _chat(chat)
        titles = (await chat.http.get("/api/chats")).json()["chats"]

    assert seen == [["user", "assistant"]]
    assert [one["title"] for one in titles] == ["Title 1"]


async def test_a_store_that_hangs_keeps_nobody_waiting(model: str) -> None:
    """However many calls of it a request makes, they share one time limit."""

    class Slow(Shaky):
        async def _check(self) -> None:
            if self.hangs:
                # Each call takes nearly as long as one call may.
                await asyncio.sleep(3.0)

    store = Slow()
    async with chatting(model, store=store) as chat:
        turn = (await chat.post(_asked(SAY_HI))).headers["x-chat-turn-id"]
        await _chat(chat)
        store.hangs = True
        response = await chat.http.get(f"/api/chat/{turn}/stream")
        store.hangs = False

    assert response.status_code == 503


@pytest.mark.parametrize("path", ["/api/chats/c1", "/api/chats"])
async def test_who_only_reads_finds_out_that_a_writer_is_dead(model: str, path: str) -> None:
    store = MemoryStore()
    head = TurnHead(id="t1", owner="", chat_id="c1", message_id="m1")
    said = [{"id": "u1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}]
    await store.begin(head, revision=0, keep=0, messages=said)
    (data,) = encode([Start("m1"), StepStart(), TextDelta("Half an ans")])
    await store.append([Batch("t1", 1, data)], beating=["t1"])
    async with chatting(model, store=store) as chat:
        before = await chat.http.get(path)
        await store.wait("t1", 1000, 18)
        after = await _chat(chat)

    assert before.status_code == 200
    assert '"state":"running"' in before.text or path == "/api/chats"
    assert "Half an ans" not in before.text
    assert after["turn"] is None
    assert after["messages"][1]["parts"][1]["text"] == "Half an ans"


class _InOneStep(MemoryStore):
    """Makes a chat in one step, as engines do that are asked over a network.

    Attributes:
        steps: what it was asked of chats.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []

    async def begin_new(self, head: TurnHead, **more: Any) -> Begun | StoredChat | None:
        self.steps.append("begin_new")
        chat = await super().chat(head.owner, head.chat_id)
        if chat is None:
            await super().begin(head, revision=0, keep=0, **more)
        return Begun() if chat is None else chat

    async def begin(self, head: TurnHead, **more: Any) -> Any:
        self.steps.append("begin")
        return await super().begin(head, **more)

    async def chat(self, owner: str, chat: str) -> StoredChat | None:
        self.steps.append("chat")
        return await super().chat(owner, chat)


async def test_the_first_message_of_a_history_begins_in_one_step(model: str) -> None:
    """Who leaves the history to us may be anywhere in a chat, and is asked about it first."""
    store = _InOneStep()
    first = _asked(SAY_HI)
    other = {"id": "c2", "message": first["messages"][0], "trigger": "submit-message"}
    async with chatting(model, store=store) as chat:
        steps = []
        for body in (first, first, _asked(SAY_HI, message="u2"), other):
            store.steps.clear()
            assert _said((await chat.post(body)).content) == "Hi there."
            steps.append(list(store.steps))
        kept = (await chat.http.get("/api/chats/c1")).json()["messages"]

    assert steps == [["begin_new"], ["begin_new"], ["begin_new", "begin"], ["chat", "begin"]]
    # The second was the first once more, and joined its turn.
    assert [one["role"] for one in kept] == ["user", "assistant"] * 2


async def test_who_is_counted_is_not_counted_for_a_retry(model: str) -> None:
    store = _InOneStep()
    async with chatting(model, store=store, turns_per_minute=1) as chat:
        answers = [await chat.post(_asked(SAY_HI)) for _ in range(2)]

    assert [_said(one.content) for one in answers] == ["Hi there."] * 2
    assert "begin_new" not in store.steps
