"""Better titles than a chat's first words, by a function of the application."""

import asyncio
import logging

from app.chats.title import TitleOf, one_line
from app.errors import StoreUnavailable
from app.store.store import ChatId, Owner, Store
from app.turns.patience import patience

logger = logging.getLogger("deltaline.store")

# How long titles may take when the server ends, in seconds.
LAST_TITLES_S = 3.0


class Titles:
    """Gives new chats their titles, beside everything else.

    Args:
        store: of the chats.
        title_of: makes a title of a chat's messages; sync or async. None: first words stay.
        last_titles_s: as `LAST_TITLES_S`.
    """

    def __init__(
        self, store: Store, title_of: TitleOf | None, *, last_titles_s: float = LAST_TITLES_S
    ) -> None:
        self._store = store
        self._title_of = title_of
        self._last_titles_s = last_titles_s
        self._tasks: set[asyncio.Task[None]] = set()

    def give(self, owner: Owner, chat_id: ChatId) -> None:
        """Give a chat the title that its messages ask for. Failures are logged."""
        if self._title_of is None:
            return
        task = asyncio.create_task(self._give(self._title_of, owner, chat_id), name="title")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Wait for the titles that are being made, for a limited time."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(tuple(self._tasks), timeout=self._last_titles_s)
        for task in late:
            logger.error("the title of a chat did not come in time")
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _give(self, title_of: TitleOf, owner: Owner, chat_id: ChatId) -> None:
        try:
            async with patience():
                chat = await self._store.chat(owner, chat_id)
            if chat is None:
                return
            made = title_of(chat.messages)
            title = made if made is None or isinstance(made, str) else await made
            if title is None or not (line := one_line(title)):
                return
            async with patience():
                await self._store.rename(owner, chat_id, line)
        except StoreUnavailable as error:
            logger.warning("a chat got no title: %s", error.log_text)
        except Exception:
            logger.exception("a chat got no title")
