"""Where the model's server is, read from its base URL; does no I/O."""

from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

from app.providers.openers.opener import DEFAULT_BASE_URL

DEFAULT_PORTS = {"http": 80, "https": 443}
# What may stand in a path or a query as it is (RFC 3986, 3.3 and 3.4); ``%`` because it is quoted.
_UNQUOTED = "/?:@!$&'()*+,;=~-._%"


class ServerAddress(msgspec.Struct, frozen=True):
    """A server, and the path below which its API is.

    Attributes:
        host: in ASCII, IPv6 without brackets.
        user_info: ``user:password`` from the URL, or ``""``.
    """

    is_tls: bool
    host: str
    port: int
    path: str
    user_info: str = ""

    @property
    def authority(self) -> str:
        """Host and port, as the header ``Host`` names them."""
        scheme = "https" if self.is_tls else "http"
        return self.host_in_url if self.port == DEFAULT_PORTS[scheme] else self.host_and_port

    @property
    def host_and_port(self) -> str:
        """Host and port, as ``CONNECT`` names them."""
        return f"{self.host_in_url}:{self.port}"

    @property
    def host_in_url(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def server_address(base_url: str | None) -> ServerAddress:
    """Read a base URL; None is OpenAI's own.

    Raises:
        ValueError: it is no URL of HTTP.
    """
    url = urlsplit((base_url or DEFAULT_BASE_URL).rstrip("/"))
    if url.scheme not in DEFAULT_PORTS:
        raise ValueError("a base URL starts with http:// or https://")
    path = f"{url.path}?{url.query}" if url.query else url.path
    return ServerAddress(
        is_tls=url.scheme == "https",
        host=ascii_host(url),
        port=url.port or DEFAULT_PORTS[url.scheme],
        path=quote(path, safe=_UNQUOTED),
        user_info=user_info(url),
    )


def ascii_host(url: SplitResult) -> str:
    """Return the host as the name system knows it: ``bücher.example`` is ``xn--bcher-kva.example``.

    Raises:
        ValueError: there is none, or none that can be written in ASCII.
    """
    host = url.hostname
    if not host:
        raise ValueError("a URL names a host")
    return host if host.isascii() else host.encode("idna").decode("ascii")


def user_info(url: SplitResult) -> str:
    """Return ``user:password`` as they are meant, ``""`` without a user."""
    if url.username is None:
        return ""
    return f"{unquote(url.username)}:{unquote(url.password or '')}"
