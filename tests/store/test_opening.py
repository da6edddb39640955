"""What `CHAT_STORE` may say."""

import contextlib
import sqlite3
import subprocess
import sys
from glob import glob
from pathlib import Path

import pytest

from app.store.checks.stores import begun
from app.store.memory import MemoryStore
from app.store.opening import FORMS, StoreRefused, open_store
from app.store.redis import RedisStore
from app.store.sqlite import SqliteStore
from app.store.sqlite_file import open_database


def test_off_is_no_store() -> None:
    assert open_store("off", is_on_lambda=True, workers=4) is None


def test_memory_is_for_one_process() -> None:
    assert isinstance(open_store("memory"), MemoryStore)
    with pytest.raises(StoreRefused, match=r"^CHAT_STORE=memory .* Lambda"):
        open_store("memory", is_on_lambda=True)
    with pytest.raises(StoreRefused, match=r"^CHAT_STORE=memory .* CHAT_WORKERS above 1"):
        open_store("memory", workers=2)


async def test_a_path_is_relative_absolute_or_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for text in ("chats.db", f"{tmp_path}/folder/chats.db", "~/chats.db", "a b?c#d%20.db"):
        store = open_store(f"sqlite:{text}", workers=8)
        assert isinstance(store, SqliteStore)
        await begun(store)
        await store.aclose()

    assert sorted(glob("**/*.db", recursive=True)) == [
        "a b?c#d%20.db",
        "chats.db",
        "folder/chats.db",
        "home/chats.db",
    ]


@pytest.mark.parametrize("text", ["sqlite:", "sqlite://chats.db", "sqlite::memory:"])
def test_a_file_has_to_have_a_path(text: str) -> None:
    with pytest.raises(StoreRefused, match=r"needs the path of a file, such as sqlite:chats\.db"):
        open_store(text)


@pytest.mark.parametrize(
    "text", ["redis://host", "rediss://user:password@host:6380/2?ssl_ca_certs=/etc/ca.pem"]
)
async def test_a_redis_is_for_everybody_and_need_not_be_there_yet(text: str) -> None:
    store = open_store(text, is_on_lambda=True, workers=8)

    assert isinstance(store, RedisStore)
    await store.aclose()


@pytest.mark.parametrize(
    "text",
    [
        "redis:",
        "redis://",
        "redis://:password@",
        "redis://:password@host:port",
        "redis://:password@host/zero",
        "redis://:password@host?ssl_ca_certs=/etc/ca.pem",
        "rediss://:password@host?ssl_cert_reqs=none",
    ],
)
def test_a_redis_has_to_have_an_address(text: str) -> None:
    with pytest.raises(StoreRefused, match=r"^CHAT_STORE needs redis://USER") as refused:
        open_store(text)

    assert ":password" not in str(refused.value)


def test_a_sentinel_is_refused() -> None:
    with pytest.raises(StoreRefused, match=r"^CHAT_STORE names a Sentinel") as refused:
        open_store("redis+sentinel://:password@host/master")

    assert "password" not in str(refused.value)


def test_redis_is_loaded_only_if_it_is_named() -> None:
    code = (
        "import sys; from app.store.opening import open_store; open_store('memory');"
        "print('redis' in sys.modules, 'app.store.redis' in sys.modules)"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False False\n"


@pytest.mark.parametrize("text", ["", "on", "Memory", "sqlite", "postgres://u:password@host"])
def test_anything_else_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(StoreRefused) as refused:
        open_store(text)

    assert f"use {FORMS}" in str(refused.value)
    assert "redis://HOST or dynamodb:TABLE" in FORMS
    assert "password" not in str(refused.value)


@pytest.mark.parametrize("path", ["chats.db", "/tmp/chats.db", "/mntx/chats.db", "/mnt"])
def test_on_lambda_a_file_is_on_a_mounted_file_system(path: str) -> None:
    with pytest.raises(StoreRefused, match="mounted file system"):
        open_store(f"sqlite:{path}", is_on_lambda=True)


def test_on_lambda_a_mounted_file_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.store import opening

    monkeypatch.setattr(opening, "_MOUNTED", tmp_path)

    assert open_store(f"sqlite:{tmp_path}/efs/chats.db", is_on_lambda=True) is not None


def test_what_cannot_work_is_known_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear grandmother, " * 100)
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE t (x)")

    for name, sentence in (
        ("letter", "The file is no SQLite database."),
        ("other.db", "The file is the database of another program."),
        ("letter/chats.db", "cannot be opened"),
        ("", "cannot be opened"),
    ):
        with pytest.raises(StoreRefused) as refused:
            open_store(f"sqlite:{tmp_path}/{name}")
        assert sentence in str(refused.value)


def test_a_file_that_is_locked_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    with contextlib.closing(open_database(path)) as busy:
        busy.execute("BEGIN IMMEDIATE")

        assert open_store(f"sqlite:{path}") is not None


def test_an_engine_is_loaded_when_it_is_named() -> None:
    code = (
        "import sys\n"
        "from app.store.opening import open_store\n"
        "open_store('memory')\n"
        "assert 'sqlite3' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_table_is_not_called_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    for table in ("chats", "my_app.chats-2"):
        store = open_store(f"dynamodb:{table}", is_on_lambda=True, workers=8)
        assert type(store).__name__ == "DynamodbStore"


@pytest.mark.parametrize("table", ["", "a", "chats/2", "a" * 256, "with space"])
def test_a_table_has_to_have_a_name(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    with pytest.raises(StoreRefused, match=r"name of a table, such as dynamodb:chats"):
        open_store(f"dynamodb:{table}")


def test_a_table_is_in_a_region() -> None:
    with pytest.raises(StoreRefused, match="set AWS_REGION"):
        open_store("dynamodb:chats")


def test_an_endpoint_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000")

    with pytest.raises(StoreRefused, match=r"AWS_ENDPOINT_URL_DYNAMODB .* http://"):
        open_store("dynamodb:chats")
