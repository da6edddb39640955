"""``deltaline chats``: what is in the store, beside a running server."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from app.commands.chat_text import one_line, row, whole
from app.errors import StoreUnavailable
from app.protocols.json_text import dumps
from app.settings import SettingsError, load_settings
from app.setup.secrets import with_secrets
from app.store.opening import StoreRefused, open_store, sqlite_path
from app.store.store import Chat, ChatId, ChatSummary, Owner, Store

# How many chats are asked for at once.
_PAGE = 200


class _Complaint(Exception):
    """What was asked for cannot be done. The message is a sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``chats`` understands to a (sub)parser."""
    parser.description = (
        "List, read, save and delete the chats of a store. A running server may use it meanwhile. "
        "Exit status 1 if there is no such chat or the store fails."
    )
    parser.epilog = "Example: deltaline chats export --store sqlite:chats.db --output chats.jsonl"
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--store",
        metavar="STORE",
        help="such as sqlite:chats.db or dynamodb:chats "
        "(default: CHAT_STORE, or what CHAT_STORE_ARN names)",
    )
    common.add_argument(
        "--owner", metavar="OWNER", help="whose chats (default: everybody's; '': nobody's)"
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)

    def action(name: str, does: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=does, description=f"{does}.", parents=[common])

    listing = action("list", "List chats, the last changed first")
    listing.add_argument(
        "--limit", type=_count, default=50, metavar="N", help="of each owner (%(default)s)"
    )
    action("show", "Print a chat as text").add_argument("id", metavar="ID", help="of the chat")
    export = action("export", "Write chats as JSON, one in a line, with useChat's messages")
    export.add_argument("ids", nargs="*", metavar="ID", help="of a chat (default: all)")
    export.add_argument(
        "--output", type=Path, metavar="FILE", help="instead of standard output; it is replaced"
    )
    delete = action("delete", "Delete chats, and stop the answers that are being written in them")
    delete.add_argument("ids", nargs="+", metavar="ID", help="of a chat")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    action("vacuum", "Give the space of deleted chats back, and overwrite them (SQLite)")


def run(args: argparse.Namespace) -> int:
    """Carry out ``chats``; return the exit status."""
    try:
        store = _store(args.store)
    except (SettingsError, StoreRefused) as error:
        return _complain(str(error), status=2)
    try:
        asyncio.run(_run(store, args))
    except StoreUnavailable as error:
        return _complain(f"The store cannot be used: {error}.", status=1)
    except (_Complaint, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        return _complain(str(error), status=1)
    return 0


async def _run(store: Store, args: argparse.Namespace) -> None:
    async with aclosing(store):
        owners = await store.owners() if args.owner is None else [args.owner]
        match args.action:
            case "list":
                await _list(store, owners, args.limit)
            case "show":
                owner, chat = await _found(store, owners, args.id)
                print(whole(chat, owner))
            case "export":
                await _export(store, owners, args.ids, args.output)
            case "delete":
                await _delete(store, owners, args.ids, is_sure=args.yes)
            case _:
                await _vacuum(store)


async def _list(store: Store, owners: Sequence[Owner], limit: int) -> None:
    for owner in owners:
        async for summary in _summaries(store, owner, limit):
            print(row(summary, None if list(owners) == [""] else owner))


async def _export(
    store: Store, owners: Sequence[Owner], ids: Sequence[ChatId], output: Path | None
) -> None:
    chats = [await _found(store, owners, chat_id) for chat_id in ids]
    if output is None:
        async with aclosing(_lines(store, owners, chats)) as lines:
            async for line in lines:
                sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        return
    # Whole or not at all; only this user may read it.
    with tempfile.NamedTemporaryFile(dir=output.parent, delete=False) as file:
        try:
            async with aclosing(_lines(store, owners, chats)) as lines:
                async for line in lines:
                    file.write(line)
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, output)


async def _lines(
    store: Store, owners: Sequence[Owner], chosen: Sequence[tuple[Owner, Chat]]
) -> AsyncGenerator[bytes, None]:
    """Yield a line for each of the chosen chats; for each of all, if none was chosen."""
    for owner, chat in chosen:
        yield _line(owner, chat)
    for owner in () if chosen else owners:
        async for summary in _summaries(store, owner):
            found = await store.chat(owner, summary.id)
            if found is not None:  # else it was deleted meanwhile
                yield _line(owner, found)


def _line(owner: Owner, chat: Chat) -> bytes:
    summary = chat.summary
    line = {
        "id": summary.id,
        "owner": owner,
        "title": summary.title,
        "created": summary.created,
        "updated": summary.updated,
        "messages": chat.messages,
    }
    return dumps(line) + b"\n"


async def _delete(
    store: Store, owners: Sequence[Owner], ids: Sequence[ChatId], *, is_sure: bool
) -> None:
    found = [await _found(store, owners, chat_id) for chat_id in ids]
    if not is_sure:
        if not sys.stdin.isatty():
            raise _Complaint("Nobody can be asked here; give --yes to delete without asking.")
        for owner, chat in found:
            print(row(chat.summary, owner or None), file=sys.stderr)
        print(f"Delete {_chats(len(found))} for ever? [y/N] ", end="", file=sys.stderr, flush=True)
        reply = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        if reply.strip().lower() not in ("y", "yes"):
            raise _Complaint("Nothing was deleted.")
    for owner, chat in found:
        await store.delete(owner, chat.summary.id)
    print(f"Deleted {_chats(len(found))}.", file=sys.stderr)


async def _vacuum(store: Store) -> None:
    from app.store.sqlite import SqliteStore

    if not isinstance(store, SqliteStore):
        raise _Complaint("Only a SQLite store has space to give back.")
    await store.vacuum()


async def _found(store: Store, owners: Sequence[Owner], chat_id: ChatId) -> tuple[Owner, Chat]:
    """Return the chat of this id, and whose it is."""
    chats = [(owner, await store.chat(owner, chat_id)) for owner in owners]
    found = [(owner, chat) for owner, chat in chats if chat is not None]
    if not found:
        raise _Complaint(f"There is no chat {one_line(chat_id)!r}.")
    if len(found) > 1:
        raise _Complaint(
            f"{len(found)} owners have a chat {one_line(chat_id)!r}; give --owner too."
        )
    return found[0]


async def _summaries(
    store: Store, owner: Owner, limit: int | None = None
) -> AsyncGenerator[ChatSummary, None]:
    before: int | None = None
    while limit is None or limit > 0:
        page = await store.chats(
            owner, before=before, limit=_PAGE if limit is None else min(limit, _PAGE)
        )
        for summary in page:
            yield summary
        if not page:
            return
        before = page[-1].updated
        limit = None if limit is None else limit - len(page)


def _store(text: str | None) -> Store:
    if text is None:
        text = with_secrets(load_settings(), only=("CHAT_STORE_ARN",)).store
    if text == "memory":
        raise StoreRefused("The chats of CHAT_STORE=memory are in the server's own process only.")
    if text.startswith("sqlite:") and not sqlite_path(text).is_file():
        raise StoreRefused(f"There is no file {sqlite_path(text)}; give --store sqlite:PATH.")
    store = open_store(text)
    if store is None:
        raise StoreRefused(
            "No store is named; give --store sqlite:PATH or dynamodb:TABLE, or set CHAT_STORE."
        )
    return store


def _chats(count: int) -> str:
    return "1 chat" if count == 1 else f"{count} chats"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _complain(sentence: str, *, status: int) -> int:
    print(f"deltaline: {sentence}", file=sys.stderr)
    return status
