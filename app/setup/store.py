"""The store that the settings name."""

from app.settings import Settings, SettingsError
from app.store.store import Store


def make_store(settings: Settings) -> Store | None:
    """Return the store of ``CHAT_STORE``; None for ``off``.

    Raises:
        SettingsError: there is no such store.
    """
    match settings.store:
        case "off":
            return None
        case "memory":
            from app.store.memory import MemoryStore

            return MemoryStore()
        case other:
            raise SettingsError(f"CHAT_STORE has a bad value: {other[:40]!r}.")
