"""Ports for programs that have to be told one."""

import contextlib
import socket


def free_port() -> int:
    """Return a port of 127.0.0.1 that a program may listen on, within a minute or so.

    A port that was only found free may be given to somebody else before the program has started,
    since many tests run at once. This one has been connected to and closed from our side, so the
    kernel keeps it out of its choice for a while (TIME_WAIT), but not from a server that asks for
    it by number with SO_REUSEADDR, as servers do.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            accepted.close()
            with contextlib.suppress(OSError):
                client.recv(1)
    return port
