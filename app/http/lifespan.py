"""The app's lifespan: everything that it holds open is closed, even if closing one part fails."""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from starlette.applications import Starlette

logger = logging.getLogger("deltaline")


class Lifespan:
    """A lifespan for Starlette and FastAPI.

    Args:
        closers: awaited when the server ends, in this order.
        opening: called when it begins. They wait for nothing.

    Attributes:
        has_begun: whether a server, or an outer app, runs this lifespan.
    """

    def __init__(
        self,
        *closers: Callable[[], Awaitable[None]],
        opening: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._closers = closers
        self._opening = opening
        self._has_warned = False
        self.has_begun = False

    @contextlib.asynccontextmanager
    async def __call__(self, _: Starlette) -> AsyncIterator[None]:
        """Run until the server ends, then close everything."""
        async with contextlib.AsyncExitStack() as stack:
            for close in reversed(self._closers):
                stack.push_async_callback(close)
            self.has_begun = True
            for begin in self._opening:
                begin()
            yield

    def check(self) -> None:
        """Log a warning, once, if requests are served and nothing will be closed at the end.

        That is so where the app was mounted into another: Starlette runs no lifespan of a mounted
        app.
        """
        if self.has_begun or self._has_warned:
            return
        self._has_warned = True
        logger.warning(
            "the lifespan of this app does not run, so nothing is closed when the server stops: "
            "use outer.include_router(app.router) instead of mount, or enter "
            "app.router.lifespan_context(app) in the lifespan of the outer app"
        )
