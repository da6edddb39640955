"""``deltaline chats`` beside a running server."""

import asyncio
import io
import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.cli import main
from app.store.checks.stores import answer, begun, finished
from app.store.redis import RedisStore
from app.store.redis_url import parse_url
from app.store.sqlite import SqliteStore
from tests.redis_server import needs_redis, redis_server


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _said(text: str) -> dict[str, object]:
    return {"id": "u", "role": "user", "parts": [{"type": "text", "text": text}]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with two chats of nobody's and one of ann's, closed."""

    async def make(path: Path) -> None:
        store = SqliteStore(path)
        for owner, chat in (("", "c1"), ("", "c2"), ("ann", "c1")):
            own = await begun(
                store,
                owner=owner,
                chat=chat,
                messages=[_said(f"I am {owner or 'nobody'} \ud83d")],
                title=f"{chat} of {owner}",
            )
            if chat == "c1":
                await finished(store, own, answer("m", "Hi!"))
        await store.aclose()

    path = tmp_path / "chats.db"
    asyncio.run(make(path))
    return path


@pytest.fixture
def chats(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Command":
    monkeypatch.setenv("CHAT_STORE", f"sqlite:{path}")
    return Command(capsys)


class Command:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return the status, standard output and standard error."""
        status = main(["chats", *arguments])
        out, err = self._capsys.readouterr()
        return status, out, err


def _columns(text: str) -> Sequence[Sequence[str]]:
    return [line.split("  ")[1:] for line in text.splitlines()]


def test_chats_are_listed_with_their_owners(chats: Command) -> None:
    status, out, _ = chats("list")

    assert status == 0
    assert _columns(out) == [
        ["(nobody)", "c2", "c2 of"],
        ["(nobody)", "c1", "c1 of"],
        ["ann", "c1", "c1 of ann"],
    ]


def test_a_list_is_of_an_owner_and_as_long_as_is_asked(chats: Command) -> None:
    assert _columns(chats("list", "--owner", "ann")[1]) == [["ann", "c1", "c1 of ann"]]
    assert _columns(chats("list", "--owner", "", "--limit", "1")[1]) == [["c2", "c2 of"]]
    assert chats("list", "--owner", "bob") == (0, "", "")


def test_a_chat_is_shown(chats: Command) -> None:
    status, out, _ = chats("show", "c1", "--owner", "ann")

    assert status == 0
    assert out.splitlines()[0] == "c1 of ann"
    assert out.endswith("user:\n  I am ann \\ud83d\n\nassistant:\n  Hi!\n")
    assert "(an answer is being written)" in chats("show", "c2")[1]


def test_a_chat_of_several_owners_needs_one(chats: Command) -> None:
    status, out, err = chats("show", "c1")

    assert (status, out) == (1, "")
    assert err == "deltaline: 2 owners have a chat 'c1'; give --owner too.\n"


@pytest.mark.parametrize("action", ["show", "export", "delete"])
def test_a_chat_that_there_is_not_is_a_complaint(action: str, chats: Command) -> None:
    assert chats(action, "nope\x1b") == (1, "", "deltaline: There is no chat 'nope\\\\x1b'.\n")


def test_chats_are_exported_one_in_a_line(path: Path) -> None:
    exported = _run(path, "export")

    lines = [json.loads(line) for line in exported.splitlines()]
    assert [(line["owner"], line["id"], line["title"]) for line in lines] == [
        ("", "c2", "c2 of "),
        ("", "c1", "c1 of "),
        ("ann", "c1", "c1 of ann"),
    ]
    assert lines[2]["messages"] == [_said("I am ann \ud83d"), answer("m", "Hi!")]
    assert lines[2]["updated"] > lines[2]["created"] > 1_500_000_000_000_000


def test_some_chats_are_exported_to_a_file(chats: Command, tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_text("what was there")

    assert chats("export", "c2", "--output", str(file)) == (0, "", "")

    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == ["c2"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["chats.db", "chats.jsonl"]


def test_a_file_that_cannot_be_written_is_a_complaint(chats: Command, tmp_path: Path) -> None:
    status, _, err = chats("export", "--output", str(tmp_path / "nowhere" / "file"))

    assert status == 1
    assert "No such file or directory" in err


def test_a_chat_is_deleted(chats: Command) -> None:
    status, _, err = chats("delete", "c2", "c1", "--owner", "", "--yes")

    assert (status, err) == (0, "Deleted 2 chats.\n")
    assert _columns(chats("list")[1]) == [["ann", "c1", "c1 of ann"]]


@pytest.mark.parametrize(("reply", "is_deleted"), [("y\n", True), ("\n", False), ("", False)])
def test_deleting_asks_first(
    reply: str, is_deleted: bool, chats: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(reply))

    status, _, err = chats("delete", "c2")

    assert "c2 of" in err
    assert "Delete 1 chat for ever? [y/N]" in err
    assert status == (0 if is_deleted else 1)
    assert ("c2 of" not in chats("list")[1]) is is_deleted


def test_where_nobody_can_be_asked_nothing_is_deleted(
    chats: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    status, _, err = chats("delete", "c2")

    assert status == 1
    assert "give --yes" in err
    assert "c2 of" in chats("list")[1]


async def test_it_works_beside_a_running_server(path: Path) -> None:
    store = SqliteStore(path)
    try:
        before = await store.chat("", "c2")
        assert before is not None
        assert before.turn is not None
        waiting = asyncio.create_task(store.wait(before.turn.id, 0, 60.0))

        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "chats", "delete", "c2", "--yes"),
            env={**os.environ, "CHAT_STORE": f"sqlite:{path}"},
        )
        assert await process.wait() == 0

        await waiting
        assert await store.append([], beating=[before.turn.id]) == {before.turn.id: None}
        assert await store.chat("", "c2") is None
    finally:
        await store.aclose()


def test_a_vacuum_makes_the_file_smaller(chats: Command, path: Path) -> None:
    async def fill() -> None:
        store = SqliteStore(path)
        await begun(store, owner="", chat="large", messages=[_said("x" * 500_000)])
        await store.aclose()

    asyncio.run(fill())
    chats("delete", "large", "--yes")
    before = path.stat().st_size

    assert chats("vacuum") == (0, "", "")

    assert path.stat().st_size < before / 2


@pytest.mark.parametrize(
    ("store", "sentence"),
    [
        (
            "off",
            "No store is named; give --store sqlite:PATH or dynamodb:TABLE, or set CHAT_STORE.",
        ),
        ("memory", "The chats of CHAT_STORE=memory are in the server's own process only."),
        ("sqlite:nowhere.db", "There is no file nowhere.db; give --store sqlite:PATH."),
        ("sqlite:", "CHAT_STORE=sqlite: needs the path of a file"),
        ("dynamodb:chats", "CHAT_STORE=dynamodb: needs to know the region"),
        ("redis://", "CHAT_STORE needs redis://USER:PASSWORD@HOST:PORT"),
    ],
)
def test_a_store_that_there_is_not_is_refused(
    store: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chats", "list", "--store", store]) == 2

    assert sentence in capsys.readouterr().err
    assert not os.path.exists("nowhere.db")


def test_a_store_that_fails_is_a_complaint(chats: Command, path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))

    status, _, err = chats("show", "c1")

    assert status == 1
    assert "The store cannot be used: " in err


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_limit_is_a_number(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["chats", "list", f"--limit={limit}"])

    assert "is not a number from 1" in capsys.readouterr().err


def test_each_action_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("list", "show", "export", "delete", "vacuum"):
        with pytest.raises(SystemExit):
            main(["chats", action, "--help"])
        assert "--store" in capsys.readouterr().out


def _run(path: Path, *arguments: str) -> bytes:
    """Run the command as a process of its own and return its bytes."""
    import subprocess

    command = [sys.executable, "-m", "app", "chats", *arguments, "--store", f"sqlite:{path}"]
    return subprocess.run(command, check=True, capture_output=True).stdout


@needs_redis
@pytest.mark.timeout(60)
def test_the_chats_of_a_redis_are_shown_and_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    async def use() -> tuple[list[int], str]:
        async with redis_server() as server:
            store = RedisStore(parse_url(server.url))
            await begun(store, owner="ann", chat="c1", title="Weather", messages=[_said("Hello")])
            await store.aclose()
            options = ("--store", server.url)
            statuses = [
                await asyncio.to_thread(main, ["chats", "list", *options]),
                await asyncio.to_thread(main, ["chats", "show", *options, "c1"]),
                await asyncio.to_thread(main, ["chats", "delete", *options, "c1", "--yes"]),
                await asyncio.to_thread(main, ["chats", "vacuum", *options]),
            ]
            return statuses, await server.ask("keys", "*:chat")

    statuses, left = asyncio.run(use())
    told = capsys.readouterr()

    assert statuses == [0, 0, 0, 1]
    assert "Weather" in told.out
    assert "Hello" in told.out
    assert "Only a SQLite store has space to give back" in told.err
    assert left.strip() == ""
