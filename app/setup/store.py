"""The store that the settings name."""

from app.settings import Settings, SettingsError
from app.store.store import Store


def make_store(settings: Settings) -> Store | None:
    """Return the store of ``CHAT_STORE``; None for ``off``.

    Raises:
        SettingsError: there is no such store, or it cannot be used here.
    """
    if settings.store == "off":
        return None
    from app.store.opening import StoreRefused, open_store  # by those who keep something

    # "auto" is as many as there are processors.
    workers = 2 if settings.workers == "auto" else settings.workers
    try:
        return open_store(
            settings.store,
            is_on_lambda=settings.is_on_lambda,
            workers=workers,
            keep_s=settings.resume_keep_s,
        )
    except StoreRefused as error:
        raise SettingsError(str(error)) from error
