"""What ``redis://…`` says, checked before anything connects.

* ``redis://user:password@host:6379/0``: the number is the database's
* ``rediss://…``: the same with TLS; certificates are checked against the system's authorities, or
  those in the file that ``?ssl_ca_certs=`` names. ``ssl_certfile`` and ``ssl_keyfile`` are ours

A cluster is found out from any of its nodes.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_PORT = 6379


class UrlRefused(Exception):
    """The URL cannot be used. The message is a sentence without any of it."""


class RedisUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Where Redis is, and as whom we come."""

    host: str
    port: int = _PORT
    database: int = 0
    username: str | None = None
    password: str | None = None
    is_tls: bool = False
    tls_files: Mapping[str, str] = {}

    def client_options(self) -> dict[str, Any]:
        """Return the arguments of redis-py's clients."""
        options: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
        }
        return {**options, "ssl": True, **self.tls_files} if self.is_tls else options


def parse_url(text: str) -> RedisUrl:
    """Return what ``text`` says.

    Raises:
        UrlRefused: it is no such URL.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UrlRefused("The URL is not one; special characters are written as %XX.") from None
    if not parts.hostname:
        raise UrlRefused("The URL names no host.")
    is_tls = parts.scheme == "rediss"
    query = parse_qsl(parts.query, keep_blank_values=True)
    if parts.fragment or any(name not in _TLS_FILES for name, _ in query) or (query and not is_tls):
        raise UrlRefused(
            "Besides a database number only ?ssl_ca_certs=FILE, ssl_certfile and ssl_keyfile are "
            "understood, with rediss://."
        )
    number = parts.path.strip("/")
    if number and not (number.isascii() and number.isdigit()):
        raise UrlRefused("What stands behind the host has to be the number of a database.")
    return RedisUrl(
        host=unquote(parts.hostname),
        port=port or _PORT,
        database=int(number or 0),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        is_tls=is_tls,
        tls_files=dict(query),
    )
