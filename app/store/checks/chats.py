"""`chats`, `rename`, `delete` and `owners`."""

from collections.abc import Sequence

from app.store.checks.stores import (
    Stores,
    answer,
    batch,
    begun,
    finished,
    head,
    log,
    messages_of,
    new,
    user,
)
from app.store.store import Begun, ChatSummary, Owner, Store, TurnId


async def chats_are_listed_the_last_changed_first(stores: Stores) -> None:
    owner = new("owner")
    owns = [await begun(stores.here, owner=owner, title=f"Chat {n}") for n in range(3)]
    await finished(stores.here, owns[0], answer("m"))

    found = await stores.there.chats(owner, before=None, limit=10)

    assert [chat.title for chat in found] == ["Chat 0", "Chat 2", "Chat 1"]
    for summary in found:
        chat = await stores.there.chat(owner, summary.id)
        assert chat is not None
        assert chat.summary == summary


async def a_list_says_what_runs(stores: Stores) -> None:
    owner = new("owner")
    over = await begun(stores.here, owner=owner)
    await finished(stores.here, over, answer("m"))
    twice = await begun(stores.here, owner=owner)
    await finished(stores.here, twice, answer("m"))
    own = await begun(stores.here, owner=owner)
    again = await begun(stores.here, owner=owner, chat=twice.chat_id)
    await stores.here.append([batch(own, 1)], beating=[own.id])
    await stores.here.ask_to_stop(again.id, "stop")

    async def running() -> list[TurnId | None]:
        return [chat.running for chat in await stores.there.chats(owner, before=None, limit=9)]

    assert await running() == [again.id, own.id, None]
    await finished(stores.here, own)
    assert sorted(map(str, await running())) == sorted(["None", "None", again.id])
    await stores.here.rename(owner, again.chat_id, "New")
    assert again.id in await running()
    await finished(stores.here, again, answer("m"))
    assert await running() == [None, None, None]


async def the_head_of_a_chat_is_its_last_turn(stores: Stores) -> None:
    owner = new("owner")
    first = await begun(stores.here, owner=owner, messages=[user()])
    assert await stores.there.head(owner, first.chat_id) == first
    await finished(stores.here, first, answer(first.message_id))
    over = await stores.there.head(owner, first.chat_id)
    assert over is not None
    assert (over.id, over.state) == (first.id, "finished")
    second = await begun(stores.here, owner=owner, chat=first.chat_id, messages=[user()])

    assert await stores.there.head(owner, first.chat_id) == second
    assert await stores.there.head(new("owner"), first.chat_id) is None
    assert await stores.there.head(owner, new("chat")) is None
    assert await stores.there.head(owner, first.id) is None
    await stores.there.delete(owner, first.chat_id)
    assert await stores.here.head(owner, first.chat_id) is None


async def a_list_has_pages_without_gaps(stores: Stores) -> None:
    owner = new("owner")
    made = [await begun(stores.here, owner=owner) for _ in range(11)]
    ids = [own.chat_id for own in reversed(made)]

    for limit in (1, 3, 11, 50):
        assert await _paged(stores.there, owner, limit) == ids


async def a_clock_that_goes_back_breaks_no_list(stores: Stores) -> None:
    owner = new("owner")
    made = []
    for seconds in (0, -3600, -1, 7200, -7200, 1):
        if stores.clock is not None:
            stores.clock.move(seconds)
        made += [await begun(stores.here, owner=owner), await begun(stores.there, owner=owner)]
    await finished(stores.here, made[3], answer("m"))
    ids = [own.chat_id for own in (made[3], *reversed(made[:3] + made[4:]))]

    assert await _paged(stores.there, owner, 5) == ids
    found = await stores.there.chats(owner, before=None, limit=50)
    assert len({chat.updated for chat in found}) == len(ids)


async def a_page_ends_where_it_is_told(stores: Stores) -> None:
    owner = new("owner")
    await begun(stores.here, owner=owner)
    (only,) = await stores.there.chats(owner, before=None, limit=1)

    assert await stores.there.chats(owner, before=only.updated + 1, limit=5) == [only]
    assert list(await stores.there.chats(owner, before=only.updated, limit=5)) == []
    assert list(await stores.there.chats(owner, before=0, limit=5)) == []
    assert list(await stores.there.chats(owner, before=-1, limit=5)) == []
    assert await stores.there.chats(owner, before=2**80, limit=2**80) == [only]


async def a_new_title_is_no_change(stores: Stores) -> None:
    own = await begun(stores.here, title="Old", messages=[user()])
    await begun(stores.here, owner=own.owner, title="Other")
    before = await stores.here.chat(own.owner, own.chat_id)
    assert before is not None

    await stores.there.rename(own.owner, own.chat_id, "New")
    await stores.there.rename(own.owner, new("chat"), "Nothing")

    after = await stores.here.chat(own.owner, own.chat_id)
    assert after is not None
    assert after.summary.title == "New"
    assert (after.revision, after.summary.updated) == (before.revision, before.summary.updated)
    assert after.messages == before.messages
    listed = await stores.here.chats(own.owner, before=None, limit=9)
    assert [chat.title for chat in listed] == ["Other", "New"]


async def a_deleted_chat_is_gone(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    await stores.here.append([batch(own, 1)], beating=[])
    await finished(stores.here, own, answer("m"))
    stays = await begun(stores.here, owner=own.owner)

    assert await stores.there.delete(own.owner, own.chat_id) is None

    assert await stores.here.chat(own.owner, own.chat_id) is None
    assert await stores.here.turn(own.owner, own.id) is None
    assert await stores.here.fetch(own.id) is None
    listed = await stores.here.chats(own.owner, before=None, limit=9)
    assert [chat.id for chat in listed] == [stays.chat_id]
    assert await stores.there.delete(own.owner, own.chat_id) is None


async def a_running_turn_of_a_deleted_chat_is_over(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    await stores.here.append([batch(own, 1)], beating=[])

    was = await stores.there.delete(own.owner, own.chat_id)

    assert was is not None
    assert (was.id, was.state, was.stop) == (own.id, "stopped", "deleted")
    tail = await stores.here.fetch(own.id)
    assert tail is not None
    assert tail.head == was
    assert list(tail.batches) == []
    assert await stores.here.turn(own.owner, own.id) is None
    assert await stores.here.append([batch(own, 2)], beating=[own.id]) == {own.id: None}
    assert list((await stores.here.fetch(own.id) or tail).batches) == []


async def a_deleted_chat_does_not_come_back(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    await stores.here.append([batch(own, 1)], beating=[])
    await stores.there.delete(own.owner, own.chat_id)

    for last in (None, batch(own, 1), batch(own, 2)):
        assert not await stores.here.end(
            own.id, "stopped", last=last, message=answer("m"), ended_at=1.0
        )

    assert await stores.here.chat(own.owner, own.chat_id) is None
    assert list(await stores.here.chats(own.owner, before=None, limit=9)) == []


async def the_id_of_a_deleted_chat_is_free(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user("Old")], title="Old")
    await stores.here.delete(own.owner, own.chat_id)
    question = user("New")
    again = await begun(
        stores.there, owner=own.owner, chat=own.chat_id, messages=[question], title="New"
    )
    await stores.there.append([batch(again, 1)], beating=[])

    assert await stores.here.append([batch(own, 1)], beating=[own.id]) == {own.id: None}
    assert not await stores.here.end(own.id, "stopped", last=None, message=user(), ended_at=1.0)

    chat = await stores.here.chat(own.owner, own.chat_id)
    assert chat is not None
    assert chat.summary.title == "New"
    assert chat.messages == [question]
    assert chat.turn is not None
    assert chat.turn.id == again.id
    assert await log(stores.here, again.id) == [batch(again, 1)]


async def the_first_wish_of_a_deleted_turn_stays(stores: Stores) -> None:
    own = await begun(stores.here)
    await stores.here.ask_to_stop(own.id, "stop")

    was = await stores.there.delete(own.owner, own.chat_id)

    assert was is not None
    assert was.stop == "stop"


async def owners_do_not_see_each_other(stores: Stores) -> None:
    chat = new("chat")
    owners = [new("owner"), new("owner"), ""]
    owns = []
    for owner in owners:
        await stores.here.delete(owner, chat)
        owns.append(
            await begun(stores.here, owner=owner, chat=chat, messages=[user(owner)], title=owner)
        )
    one, other, _ = owns

    assert await stores.there.turn(other.owner, one.id) is None
    await stores.there.rename(other.owner, chat, "Taken")
    for own in owns:
        found = await stores.there.chat(own.owner, chat)
        assert found is not None
        assert found.turn == own
        assert [m["parts"][0]["text"] for m in found.messages] == [own.owner]
    await stores.there.delete(other.owner, chat)
    for own in (one, owns[2]):
        kept = await stores.there.chat(own.owner, chat)
        assert kept is not None
        assert kept.summary.title == own.owner
        assert kept.turn == own
    listed = await stores.there.chats(one.owner, before=None, limit=9)
    assert [found.title for found in listed] == [one.owner]
    assert (
        await stores.there.begin(head(other.owner, chat), revision=0, keep=0, messages=[])
        == Begun()
    )
    await stores.there.delete("", chat)


async def owners_are_those_who_have_chats(stores: Stores) -> None:
    own, other = await begun(stores.here), await begun(stores.here)
    await begun(stores.here, owner=own.owner)
    await stores.here.delete(other.owner, other.chat_id)

    owners = list(await stores.there.owners())

    assert owners.count(own.owner) == 1
    assert other.owner not in owners
    assert owners == sorted(owners)


async def what_was_read_is_of_one_moment(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    chat = await stores.there.chat(own.owner, own.chat_id)
    await finished(stores.here, own, answer("m"))
    assert chat is not None
    assert chat.turn is not None
    assert (len(chat.messages), chat.turn.state) == (1, "running")
    assert len(await messages_of(stores.there, own)) == 2


async def _paged(store: Store, owner: Owner, limit: int) -> Sequence[str]:
    found: list[ChatSummary] = []
    while page := await store.chats(
        owner, before=found[-1].updated if found else None, limit=limit
    ):
        assert len(page) <= limit
        assert not found or page[0].updated < found[-1].updated
        found += page
    return [chat.id for chat in found]
