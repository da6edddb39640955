"""`begin`: a chat is claimed by one turn at a time, for those who know what is in it."""

from app.store.checks.stores import Stores, answer, batch, begun, finished, head, log, new, user
from app.store.store import Begun, Busy, Changed


async def a_chat_that_does_not_exist_is_none(stores: Stores) -> None:
    assert await stores.there.chat(new("owner"), new("chat")) is None
    assert await stores.there.turn(new("owner"), new("turn")) is None
    assert await stores.there.fetch(new("turn")) is None


async def a_first_turn_makes_the_chat(stores: Stores) -> None:
    question = user()
    own = await begun(stores.here, messages=[question], title="Greetings")

    chat = await stores.there.chat(own.owner, own.chat_id)

    assert chat is not None
    assert chat.messages == [question]
    assert chat.turn == own
    assert (chat.summary.id, chat.summary.title) == (own.chat_id, "Greetings")
    assert chat.revision != 0
    assert chat.summary.updated >= chat.summary.created > 1_500_000_000_000_000


async def a_chat_is_made_in_one_step_unless_there_is_one(stores: Stores) -> None:
    """By engines that have a method for it."""
    here, there = (getattr(store, "begin_new", None) for store in (stores.here, stores.there))
    if here is None or there is None:
        return
    own, question = head(new("owner"), new("chat")), user()

    found = await here(own, messages=[question], title="Greetings")

    chat = await stores.there.chat(own.owner, own.chat_id)
    if found is None:
        assert chat is None
        return
    assert found == Begun()
    assert chat is not None
    assert (chat.messages, chat.turn, chat.summary.title) == ([question], own, "Greetings")
    assert list(await stores.there.chats(own.owner, before=None, limit=9)) == [chat.summary]
    for _ in range(2):  # while it runs, and afterwards
        other = head(own.owner, own.chat_id)
        assert await there(other, messages=[user("Other")]) == chat
        assert await stores.here.fetch(other.id) is None
        if chat.turn == own:
            await finished(stores.here, own, answer(own.message_id))
        now = await stores.here.chat(own.owner, own.chat_id)
        assert now is not None
        chat = now


async def a_head_comes_back_as_it_was(stores: Stores) -> None:
    own = head(new("owner"), new("chat"))
    own = type(own)(id=own.id, owner=own.owner, chat_id=own.chat_id, message_id="m", live_from=7)
    await stores.here.begin(own, revision=0, keep=0, messages=[])

    assert await stores.there.turn(own.owner, own.id) == own
    tail = await stores.there.fetch(own.id)
    assert tail is not None
    assert tail.head == own
    assert list(tail.batches) == []


async def only_the_first_turn_names_the_chat(stores: Stores) -> None:
    own = await begun(stores.here, title="First")
    await finished(stores.here, own)
    await begun(stores.here, owner=own.owner, chat=own.chat_id, title="Second")

    chat = await stores.there.chat(own.owner, own.chat_id)
    assert chat is not None
    assert chat.summary.title == "First"


async def a_running_turn_keeps_others_out(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    chat = await stores.here.chat(own.owner, own.chat_id)
    assert chat is not None

    other = head(own.owner, own.chat_id)
    result = await stores.there.begin(
        other, revision=chat.revision, keep=0, messages=[user("Other")]
    )

    assert result == Busy(own)
    assert await stores.here.chat(own.owner, own.chat_id) == chat
    assert await stores.here.fetch(other.id) is None


async def who_is_kept_out_sees_that_the_turn_is_to_stop(stores: Stores) -> None:
    own = await begun(stores.here)
    await stores.here.ask_to_stop(own.id, "stop")

    result = await stores.there.begin(head(own.owner, own.chat_id), revision=0, keep=0, messages=[])

    assert isinstance(result, Busy)
    assert (result.turn.id, result.turn.stop) == (own.id, "stop")


async def a_beginning_that_is_repeated_finds_its_own_turn(stores: Stores) -> None:
    own = head(new("owner"), new("chat"))
    question = user()
    await stores.here.begin(own, revision=0, keep=0, messages=[question])

    result = await stores.there.begin(own, revision=0, keep=0, messages=[question])

    assert result == Busy(own)
    chat = await stores.here.chat(own.owner, own.chat_id)
    assert chat is not None
    assert chat.messages == [question]


async def the_id_of_a_turn_is_used_once(stores: Stores) -> None:
    own = await begun(stores.here)
    ended = await begun(stores.here)
    await finished(stores.here, ended)

    for turn in (own.id, ended.id):
        other = head(new("owner"), new("chat"), turn)
        try:
            await stores.there.begin(other, revision=0, keep=0, messages=[user()])
        except ValueError:
            pass
        else:
            raise AssertionError("a turn began with the id of another")
        assert await stores.here.chat(other.owner, other.chat_id) is None
    assert await stores.here.turn(own.owner, own.id) == own


async def a_chat_that_has_changed_is_not_written(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    read = await stores.there.chat(own.owner, own.chat_id)
    assert read is not None
    await finished(stores.here, own, answer(own.message_id))
    now = await stores.here.chat(own.owner, own.chat_id)
    assert now is not None

    for revision in (read.revision, 0):
        result = await stores.there.begin(
            head(own.owner, own.chat_id), revision=revision, keep=0, messages=[]
        )
        assert result == Changed()
    assert await stores.here.chat(own.owner, own.chat_id) == now


async def a_chat_that_is_gone_has_changed(stores: Stores) -> None:
    own = head(new("owner"), new("chat"))

    assert await stores.here.begin(own, revision=5, keep=0, messages=[user()]) == Changed()
    assert await stores.there.chat(own.owner, own.chat_id) is None


async def a_chat_that_is_made_anew_has_changed(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    read = await stores.here.chat(own.owner, own.chat_id)
    assert read is not None
    await stores.here.delete(own.owner, own.chat_id)
    again = await begun(stores.here, owner=own.owner, chat=own.chat_id, messages=[user()])
    await finished(stores.here, again)

    result = await stores.there.begin(
        head(own.owner, own.chat_id), revision=read.revision, keep=0, messages=[]
    )

    assert result == Changed()


async def an_end_without_a_message_is_no_change(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    read = await stores.here.chat(own.owner, own.chat_id)
    assert read is not None
    await finished(stores.here, own)

    result = await stores.there.begin(
        head(own.owner, own.chat_id), revision=read.revision, keep=1, messages=[]
    )

    assert result == Begun()


async def messages_are_kept_cut_and_added(stores: Stores) -> None:
    own = await begun(stores.here)
    await finished(stores.here, own)
    expected: list[object] = []
    for keep, count in ((0, 3), (3, 2), (2, 1), (9, 1), (1, 0), (0, 2)):
        chat = await stores.there.chat(own.owner, own.chat_id)
        assert chat is not None
        added = [user(f"{keep} {number}") for number in range(count)]
        turn = head(own.owner, own.chat_id)
        assert Begun() == await stores.here.begin(
            turn, revision=chat.revision, keep=keep, messages=added
        )
        await finished(stores.here, turn)
        expected = [*expected[:keep], *added]

        after = await stores.there.chat(own.owner, own.chat_id)
        assert after is not None
        assert after.messages == expected
        assert after.revision != chat.revision


async def a_log_may_have_a_beginning(stores: Stores) -> None:
    own = head(new("owner"), new("chat"))
    first = batch(own, 1)
    await stores.here.begin(own, revision=0, keep=0, messages=[], first=first)
    assert await log(stores.there, own.id) == [first]

    assert await stores.here.append([batch(own, 2)], beating=[]) == {}

    assert await log(stores.there, own.id) == [first, batch(own, 2)]


async def what_is_changed_afterwards_is_not_changed_here(stores: Stores) -> None:
    question = dict(user("As it was"))
    own = await begun(stores.here, messages=[question])
    question["parts"] = []
    chat = await stores.here.chat(own.owner, own.chat_id)
    assert chat is not None
    assert chat.messages[0]["parts"] == [{"type": "text", "text": "As it was"}]
    chat.messages[0]["parts"].append("more")

    again = await stores.here.chat(own.owner, own.chat_id)

    assert again is not None
    assert again.messages[0]["parts"] == [{"type": "text", "text": "As it was"}]
