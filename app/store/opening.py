"""Makes the store that `CHAT_STORE` names. Only the named engine is loaded.

* ``off``: no store
* ``memory``: in this process
* ``sqlite:chats.db``, ``sqlite:/data/chats.db``, ``sqlite:~/chats.db``: in a file
* ``dynamodb:chats``: in a table of DynamoDB
* ``redis://…``, ``rediss://…``: in a Redis (`app.store.redis_url`)
"""

import re
from pathlib import Path

from app.store.store import Store

FORMS = "off, memory, sqlite:PATH, redis://HOST or dynamodb:TABLE"
_REDIS = ("redis:", "rediss:")
# Where Lambda mounts file systems. Everything else is one environment's own, and goes with it.
_MOUNTED = Path("/mnt")
# Source: DynamoDB's API reference, "CreateTable".
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")


class StoreRefused(Exception):
    """There is no such store, or not here. The message is a sentence that names `CHAT_STORE`."""


def open_store(
    text: str, *, is_on_lambda: bool = False, workers: int = 1, keep_s: float = 600.0
) -> Store | None:
    """Return the store that ``text`` names, or None if it is ``off``.

    A SQLite file is opened, made and carried forward once here, so that what cannot work is known
    at the start. A file that is locked at the moment is not refused. A Redis and DynamoDB are asked
    at the first call only: a Redis may come later than we do, and a call at the start is paid by
    every start.

    Args:
        text: the value of `CHAT_STORE`.
        is_on_lambda: whether this process is one of many short ones.
        workers: how many processes serve.
        keep_s: how long the log of a turn is kept after its end, in seconds, by an engine that
            deletes it by itself.

    Raises:
        StoreRefused: with what to do.
    """
    if text == "off":
        return None
    if text == "memory":
        if is_on_lambda:
            raise StoreRefused(
                "CHAT_STORE=memory is not possible on Lambda, where the next request may find "
                "another process; use dynamodb:TABLE, redis://…, sqlite:/mnt/… on a mounted file "
                "system, or off."
            )
        if workers > 1:
            raise StoreRefused(
                "CHAT_STORE=memory is not possible with CHAT_WORKERS above 1, since each process "
                "would have its own chats; use sqlite:PATH, or one worker."
            )
        from app.store.memory import MemoryStore

        return MemoryStore()
    if text.startswith("sqlite:"):
        return _sqlite(sqlite_path(text), is_on_lambda=is_on_lambda)
    if text.startswith("dynamodb:"):
        return _dynamodb(text.removeprefix("dynamodb:"), keep_s=keep_s)
    if text.startswith(_REDIS):
        return _redis(text, keep_s)
    if "sentinel" in text.partition(":")[0]:
        raise StoreRefused(
            "CHAT_STORE names a Sentinel, which is not supported; name the Redis itself by an "
            "address that follows its failovers."
        )
    # Not the text itself: the address of a database may hold its password.
    raise StoreRefused(f"CHAT_STORE names no store that there is; use {FORMS}.")


def sqlite_path(text: str) -> Path:
    """Return the path that ``sqlite:PATH`` names.

    Raises:
        StoreRefused: it names none.
    """
    text = text.removeprefix("sqlite:")
    if not text or text.startswith("//") or text == ":memory:":
        raise StoreRefused(
            "CHAT_STORE=sqlite: needs the path of a file, such as sqlite:chats.db or "
            "sqlite:/data/chats.db; without a file, use memory."
        )
    return Path(text).expanduser()


def _redis(text: str, keep_s: float) -> Store:
    from app.store.redis import RedisStore
    from app.store.redis_url import UrlRefused, parse_url

    try:
        return RedisStore(parse_url(text), keep_s=keep_s)
    except UrlRefused as error:
        raise StoreRefused(
            f"CHAT_STORE needs redis://USER:PASSWORD@HOST:PORT, or rediss:// for TLS. {error}"
        ) from None


def _sqlite(path: Path, *, is_on_lambda: bool) -> Store:
    if is_on_lambda and _MOUNTED not in path.absolute().parents:
        raise StoreRefused(
            "CHAT_STORE=sqlite: needs a mounted file system on Lambda, where other files are not "
            "kept; use sqlite:/mnt/…, or off."
        )
    import sqlite3

    from app.store.sqlite import SqliteStore
    from app.store.sqlite_file import open_database
    from app.store.sqlite_schema import DatabaseRefused

    try:
        open_database(path).close()
    except DatabaseRefused as error:
        raise StoreRefused(f"CHAT_STORE names {path}. {error}") from error
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise StoreRefused(
                f"CHAT_STORE names {path}, which cannot be opened ({error}); use a file in a "
                "folder that this user may write to."
            ) from error
    return SqliteStore(path)


def _dynamodb(table: str, *, keep_s: float) -> Store:
    if not _TABLE.fullmatch(table):
        raise StoreRefused(
            "CHAT_STORE=dynamodb: needs the name of a table, such as dynamodb:chats: 3 to 255 "
            "letters, digits, _, . and -."
        )
    from app.aws.endpoint import endpoint_of
    from app.store.dynamodb import DynamodbStore
    from app.store.dynamodb_calls import Calls

    endpoint = endpoint_of("dynamodb")
    if endpoint is None:
        raise StoreRefused(
            "CHAT_STORE=dynamodb: needs to know the region of the table; set AWS_REGION."
        )
    try:
        calls = Calls(endpoint, table)
    except ValueError as error:
        raise StoreRefused(
            f"CHAT_STORE=dynamodb: cannot use AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL: "
            f"{error}."
        ) from None
    return DynamodbStore(calls, keep_s=keep_s)
