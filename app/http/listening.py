"""The socket that the server listens on."""

import socket

# Connections that the system keeps until we accept them.
BACKLOG = 2048


class ListenError(Exception):
    """The address cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: address to listen on.
        port: 0 for any free one.

    Raises:
        ListenError: the port is taken or not allowed; the message is one sentence.
    """
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=BACKLOG,
        )
    except OSError as error:
        raise ListenError(
            f"cannot listen on {host} port {port}: {error.strerror}; "
            "choose another port with --port or PORT=."
        ) from error


def url_of(listener: socket.socket, host: str) -> str:
    """Return the URL of a socket that listens on ``host``."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"
