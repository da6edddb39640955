"""`app.http.fair_accepting`: who takes the next connection, on real sockets."""

import asyncio
import errno
import resource
import socket
from collections.abc import Callable
from typing import Any

from app.http.fair_accepting import FairAcceptor


class Counting:
    """One of several that accept: what it has, and what it does with a connection."""

    def __init__(self, others: "list[Counting]") -> None:
        self.others = others
        self.open: set[asyncio.BaseTransport] = set()
        self.asked = 0
        self.taken = asyncio.Event()

    def is_my_turn(self, count: int) -> bool:
        self.asked += 1
        return count <= min(len(other.open) for other in self.others)

    def protocol(self) -> asyncio.Protocol:
        counting = self

        class Connection(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                counting.open.add(transport)
                counting.taken.set()

        return Connection()

    def acceptor(self, listener: socket.socket, no_descriptor_s: float = 1.0) -> FairAcceptor:
        return FairAcceptor(
            listener,
            self.protocol,
            open_connections=lambda: len(self.open),
            is_my_turn=self.is_my_turn,
            no_descriptor_s=no_descriptor_s,
        )


async def _until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0)


async def _connect(listener: socket.socket) -> asyncio.StreamWriter:
    host, port = listener.getsockname()
    _, writer = await asyncio.open_connection(host, port)
    return writer


async def test_one_that_has_more_lets_the_others_go_first_and_then_takes_it_all_the_same() -> None:
    # The other one has nothing and never accepts: it hangs.
    hung = Counting([])
    busy = Counting([hung])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = busy.acceptor(listener)
        acceptor.start()
        writers = [await _connect(listener)]
        await busy.taken.wait()
        at_first, busy.asked = busy.asked, 0
        busy.taken.clear()
        writers.append(await _connect(listener))
        await busy.taken.wait()
        acceptor.stop()
        for writer in writers:
            writer.close()

    assert at_first == 1
    assert busy.asked == 5
    assert len(busy.open) == 2


async def test_two_take_a_burst_by_halves() -> None:
    # A second descriptor of the same socket, as another process has it.
    both: list[Counting] = []
    both += [Counting(both), Counting(both)]
    with socket.create_server(("127.0.0.1", 0)) as first, first.dup() as second:
        acceptors = [both[0].acceptor(first), both[1].acceptor(second)]
        for acceptor in acceptors:
            acceptor.start()
        writers = await asyncio.gather(*(_connect(first) for _ in range(40)))
        await _until(lambda: sum(len(one.open) for one in both) == 40)
        for acceptor in acceptors:
            acceptor.stop()
        for writer in writers:
            writer.close()

    assert [len(one.open) for one in both] == [20, 20]


async def test_one_that_has_stopped_takes_nothing_even_if_it_was_waiting() -> None:
    hung = Counting([])
    busy = Counting([hung])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = busy.acceptor(listener)
        acceptor.start()
        writers = [await _connect(listener)]
        await busy.taken.wait()
        busy.asked = 0
        writers.append(await _connect(listener))
        await _until(lambda: busy.asked > 0)
        acceptor.stop()
        listener.setblocking(True)
        # It is still there for somebody else.
        listener.accept()[0].close()
        for writer in writers:
            writer.close()

    assert len(busy.open) == 1


async def test_without_a_descriptor_it_says_so_as_asyncio_does_and_waits() -> None:
    contexts: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    alone = Counting([])
    alone.others = [alone]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = alone.acceptor(listener, no_descriptor_s=0.01)
        writer = await _connect(listener)
        taken = writer.get_extra_info("socket").fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken, limits[1]))
        try:
            acceptor.start()
            await _until(lambda: bool(contexts))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        await alone.taken.wait()
        acceptor.stop()
        writer.close()

    assert contexts[0]["message"] == "socket.accept() out of system resource"
    assert contexts[0]["exception"].errno == errno.EMFILE
