"""Better titles than a chat's first words, by a function of the application."""

import asyncio
import logging

from app.cancelling import cancel
from app.chats.title import TitleOf, one_line
from app.errors import StoreUnavailable
from app.store.store import ChatId, Owner, Store
from app.turns.patience import patience

logger = logging.getLogger("deltaline.store")


class Titles:
    """Gives new chats their titles, beside everything else.

    Args:
        store: of the chats.
        title_of: makes a title of a chat's messages; sync or async. None: first words stay.
    """

    def __init__(self, store: Store, title_of: TitleOf | None) -> None:
        self._store = store
        self._title_of = title_of
        self._tasks: set[asyncio.Task[None]] = set()

    def give(self, owner: Owner, chat_id: ChatId) -> None:
        """Give a chat the title that its messages ask for. Failures are logged."""
        if self._title_of is None:
            return
        task = asyncio.create_task(self._give(self._title_of, owner, chat_id), name="title")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, within_s: float) -> None:
        """Return when no title is being made, or the time is up."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within_s)

    async def aclose(self) -> int:
        """Make no title any more; return how many are given up."""
        late = tuple(self._tasks)
        await cancel(late)
        return len(late)

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
