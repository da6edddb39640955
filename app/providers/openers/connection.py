"""A connection to the model's server, which carries one request after the other.

It says what has happened to it to whoever owns it at the moment: the response to a request
(`ResponseStream`), the handshake with a proxy, or nobody, while it is idle. One owner at a time.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast


class Owner(Protocol):
    """Is told what happens to a connection."""

    def receive(self, data: bytes) -> None:
        """Take what one read has brought."""
        ...

    def receive_end(self) -> None:
        """Take that the other side has ended in an orderly way; the connection closes."""
        ...

    def lose(self, error: Exception | None) -> None:
        """Take that the connection is closed, whoever did it."""
        ...

    def resume(self) -> None:
        """Take that there is room for more bytes to send."""
        ...


class Connection(asyncio.Protocol):
    """One TCP connection, with or without TLS.

    Args:
        on_made: called when the connection stands.
        on_lost: called once, when the connection is closed.

    Attributes:
        loop: its event loop, once it stands. To ask for the running one is a call of the system
            in Python 3.11.
    """

    __slots__ = ("_on_lost", "_on_made", "_owner", "_transport", "is_lost", "is_writable", "loop")

    def __init__(
        self, on_made: "Callable[[Connection], None]", on_lost: "Callable[[Connection], None]"
    ) -> None:
        self._on_made = on_made
        self._on_lost = on_lost
        self._owner: Owner | None = None
        self._transport: asyncio.Transport | None = None
        self.is_lost = False
        self.is_writable = True

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @property
    def is_usable(self) -> bool:
        return not self.is_lost and not self.transport.is_closing()

    def own(self, owner: Owner | None) -> None:
        """Tell ``owner`` what happens from now on. What comes while nobody owns it closes it."""
        self._owner = owner

    def use(self, transport: asyncio.BaseTransport) -> None:
        """Go on with TLS, whose transport is another one."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_writable = True

    def abort(self) -> None:
        """Close at once, whatever has not been sent. Idempotent."""
        if self._transport is not None:
            self._transport.abort()

    def abandon(self) -> None:
        """Abort a connection of which nobody may have said that it was lost.

        If TLS fails, the event loop tells only whoever waits for it.
        """
        self.abort()
        self.connection_lost(None)

    # What follows is called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)
        self._on_made(self)

    def data_received(self, data: bytes) -> None:
        if self._owner is not None:
            self._owner.receive(data)
        else:
            self.abort()  # nobody has asked for anything

    def eof_received(self) -> None:
        if self._owner is None:
            return
        if self._has_said_goodbye():
            self._owner.receive_end()
        else:
            self._owner.lose(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self.is_lost:
            return
        self.is_lost = True
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.lose(error)
        self._on_lost(self)

    def _has_said_goodbye(self) -> bool:
        """Whether the end is the other side's own: with TLS anybody on the way can cut the rest.

        uvloop tells of an end only then, asyncio of any.
        """
        tls = self.transport.get_extra_info("ssl_object")
        if tls is None:
            return True
        try:
            return bool(tls.read(1) == b"")  # the alert `close_notify`
        except OSError:
            return False

    def pause_writing(self) -> None:
        self.is_writable = False

    def resume_writing(self) -> None:
        self.is_writable = True
        if self._owner is not None:
            self._owner.resume()
