"""Ids, texts and sizes that nobody expects."""

from app.store.checks.stores import Stores, answer, batch, begun, finished, log, messages_of, new
from app.store.limits import Window
from app.store.store import TurnHead

_STRANGE = (
    "",
    " ",
    "'; DROP TABLE chats; --",
    '"quoted" \\ {braces} %s ? :name *[a-z]',
    "naïve 👩‍🚀 ﷽ \u202e",
    "with\x00nul",
    "with\x00other",
    "half of a pair \ud83d",
    "\udc00",
    "a/b:c#d|e\n\r\t",
    "x" * 4096,
    "é",
    "e\u0301",
    "NULL",
    "0",
    "0.0",
)


async def strange_ids_are_ids(stores: Stores) -> None:
    mark = new("")
    owns: list[TurnHead] = []
    for text in _STRANGE:
        own = await begun(
            stores.here,
            owner=mark + text,
            chat=text,
            turn=text + mark,
            messages=[{"id": text, "role": "user", "parts": [text]}],
            title=text,
        )
        owns.append(own)
        await stores.here.append([batch(own, 1)], beating=[own.id])
        await stores.here.ask_to_stop(own.id, "stop")

    for text, own in zip(_STRANGE, owns, strict=True):
        found = await stores.there.chat(own.owner, text)
        assert found is not None
        assert found.summary.id == found.summary.title == text
        assert found.messages == [{"id": text, "role": "user", "parts": [text]}]
        assert found.turn is not None
        assert (found.turn.id, found.turn.chat_id, found.turn.owner) == (
            own.id,
            text,
            own.owner,
        )
        assert await log(stores.there, own.id) == [batch(own, 1)]
        assert await stores.there.append([], beating=[own.id]) == {own.id: "stop"}
        await finished(stores.there, own, answer(text, text))
        assert await messages_of(stores.there, own) == [answer(text, text)]
        await stores.there.rename(own.owner, text, text + text)
        listed = await stores.there.chats(own.owner, before=None, limit=9)
        assert [chat.title for chat in listed] == [text + text]
    assert {own.owner for own in owns} <= set(await stores.there.owners())
    for own in owns:
        await stores.there.delete(own.owner, own.chat_id)
        assert await stores.here.chat(own.owner, own.chat_id) is None


async def ids_of_a_head_may_be_strange(stores: Stores) -> None:
    for text in _STRANGE:
        own = TurnHead(
            id=new("turn"),
            owner=new("owner"),
            chat_id=new("chat"),
            message_id=text,
            user_message_id=text,
        )
        await stores.here.begin(own, revision=0, keep=0, messages=[])
        assert await stores.there.turn(own.owner, own.id) == own


async def strange_keys_are_keys(stores: Stores) -> None:
    mark = new("")
    one = Window(name="turns", length_s=60.0, limit=1)
    for text in _STRANGE:
        assert await stores.here.once(mark + text, 60.0), repr(text)
        assert not await stores.there.once(mark + text, 60.0)
        assert (await stores.here.take(mark + text, [one])).is_admitted
        assert not (await stores.there.take(mark + text, [one])).is_admitted


async def a_message_may_hold_whatever_json_can(stores: Stores) -> None:
    message = {
        "id": "m",
        "role": "assistant",
        "parts": [
            {"type": "text", "text": text, "": None, "__proto__": {text: [True, 0.1, 1e300]}}
            for text in _STRANGE
        ],
        "metadata": {"large": 2**200, "negative": -(2**63), "deep": [[[[[[{}]]]]]]},
    }
    own = await begun(stores.here, messages=[message])

    assert await messages_of(stores.there, own) == [message]


async def every_byte_is_kept(stores: Stores) -> None:
    own = await begun(stores.here)
    data = bytes(range(256)) * 2

    await stores.here.append([batch(own, 1, data), batch(own, 2, b"\x00")], beating=[])

    assert await log(stores.there, own.id) == [batch(own, 1, data), batch(own, 2, b"\x00")]


async def a_log_may_be_large(stores: Stores) -> None:
    own = await begun(stores.here)
    batches = [batch(own, seq, bytes([seq % 256]) * 65_536) for seq in range(1, 257)]
    for start in range(0, 256, 16):
        await stores.here.append(batches[start : start + 16], beating=[])

    assert await log(stores.there, own.id) == batches
    assert await log(stores.there, own.id, after=200) == batches[200:]


async def one_append_may_bring_many_batches(stores: Stores) -> None:
    own = await begun(stores.here)
    batches = [batch(own, seq) for seq in range(1, 3001)]

    await stores.here.append(batches, beating=[])

    assert await log(stores.there, own.id) == batches


async def a_message_may_be_large(stores: Stores) -> None:
    message = answer("m", "0123456789" * 200_000)
    own = await begun(stores.here)

    await finished(stores.here, own, message)

    assert await messages_of(stores.there, own) == [message]


async def a_place_beyond_everything_is_empty(stores: Stores) -> None:
    own = await begun(stores.here)
    await stores.here.append([batch(own, 1)], beating=[])

    assert await log(stores.there, own.id, after=2**80) == []
    await stores.there.wait(own.id, 2**80, 0.01)
