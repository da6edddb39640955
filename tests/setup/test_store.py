"""`app.setup.store`: the store that the settings name."""

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError
from app.setup.store import make_store
from app.store.memory import MemoryStore
from app.store.sqlite import SqliteStore


async def test_the_settings_name_the_store(tmp_path: Path) -> None:
    sqlite = make_store(Settings(store=f"sqlite:{tmp_path / 'chats.db'}"))

    assert make_store(Settings()) is None
    assert isinstance(make_store(Settings(store="memory")), MemoryStore)
    assert isinstance(sqlite, SqliteStore)
    await sqlite.aclose()


def test_a_store_that_cannot_be_used_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError, match="CHAT_STORE names no store"):
        make_store(Settings(store="mysql://x"))

    with pytest.raises(SettingsError, match="CHAT_WORKERS above 1"):
        make_store(Settings(store="memory", workers=2))

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    with pytest.raises(SettingsError, match="CHAT_STORE=memory is not possible on Lambda"):
        make_store(Settings(store="memory"))
