"""What stands between us and the model's server: which proxy, and how it is asked; does no I/O.

A proxy is sent a request for ``http`` as it is, with the whole address in its first line. For
``https`` it is asked for a tunnel (``CONNECT``), and sees neither the request nor the key in it.

Sources: RFC 9112, 3.2.2 and 3.2.3; RFC 9110, 9.3.6; how addresses are written in the environment:
CPython, Lib/urllib/request.py (`getproxies`).
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from app.providers.openers.request_head import basic, request_head
from app.providers.openers.response_framing import ResponseFraming
from app.providers.openers.server_address import (
    DEFAULT_PORTS,
    ServerAddress,
    ascii_host,
    user_info,
)


class Proxy(msgspec.Struct, frozen=True):
    """An HTTP proxy.

    Attributes:
        is_tls: it is spoken to with TLS, whatever goes through it.
        authorization: the value of ``Proxy-Authorization``, or ``""``.
    """

    is_tls: bool
    host: str
    port: int
    authorization: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that are for the proxy."""
        return {"proxy-authorization": self.authorization} if self.authorization else {}


def proxy_for(
    server: ServerAddress, proxies: Mapping[str, str], is_excepted: Callable[[str], object]
) -> Proxy | None:
    """Return the proxy for ``server``, None if it is asked directly.

    Args:
        proxies: addresses by scheme, as `urllib.request.getproxies` gives them.
        is_excepted: whether a ``host:port`` is asked directly (``NO_PROXY``).

    Raises:
        ValueError: the proxy's address cannot be used; says why, without the address.
    """
    address = proxies.get("https" if server.is_tls else "http")
    if not address or is_excepted(server.host_and_port):
        return None
    url = urlsplit(address if "://" in address else f"http://{address}")
    if url.scheme not in DEFAULT_PORTS:
        raise ValueError("a proxy's address starts with http:// or https://")
    credentials = user_info(url)
    return Proxy(
        is_tls=url.scheme == "https",
        host=ascii_host(url),
        port=url.port or DEFAULT_PORTS[url.scheme],
        authorization=basic(credentials) if credentials else "",
    )


class TunnelHandshake:
    """Asks a proxy for a tunnel and reads what it says.

    Attributes:
        request: the bytes to send.
        is_open: the proxy has agreed; what comes from now on is the server's.
        fault: why there will be no tunnel.
    """

    def __init__(self, proxy: Proxy, server: ServerAddress) -> None:
        place = server.host_and_port
        self.request = request_head("CONNECT", place, place, proxy.headers, None)
        self.is_open = False
        self.fault: str | None = None
        self._framing = ResponseFraming()

    def feed(self, data: bytes) -> None:
        """Take what one read has brought."""
        self._framing.feed(data)
        self._judge()

    def feed_end(self) -> None:
        """Take that the proxy has closed the connection."""
        self._framing.feed_end()
        self._judge()

    def _judge(self) -> None:
        head = self._framing.head
        if head is None:
            self.fault = self._framing.fault
        elif not 200 <= head.status < 300:
            self.fault = f"status {head.status}"
            if head.status == 407:
                self.fault += ": HTTPS_PROXY has to name a user and a password that it knows"
        elif self._framing.pieces or self._framing.fault:
            # The server speaks second, in TLS: this is the proxy, or somebody behind it.
            self.fault = "it sent more than its response"
        else:
            self.is_open = True
