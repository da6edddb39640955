"""The metrics on a port of their own, for everybody who reaches it.

Importing this module imports prometheus-client, whose own server it is: it runs in a thread, and
answers while the event loop is busy.
"""

import socket

from prometheus_client import CollectorRegistry, start_http_server

from app.http.listening import ListenError


def show_metrics(registry: CollectorRegistry, port: int, beside: socket.socket) -> None:
    """Show the metrics until the process ends.

    Args:
        beside: a listening socket, whose address is taken.

    Raises:
        ListenError: the port cannot be used.
    """
    try:
        start_http_server(port, beside.getsockname()[0], registry)
    except OSError as error:
        raise ListenError(
            f"CHAT_METRICS_PORT: cannot listen on port {port}: {error.strerror}"
        ) from None
