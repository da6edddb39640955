"""Which host a request was sent to, and the page of which site sent it.

A server that listens on this machine only, or in a private network, is reached by every page that
its user opens: a page may post to it without asking (a form, ``text/plain``), and the owner of a
name may let it point to 127.0.0.1 (DNS rebinding), so that the browser takes the page for ours.
The first shows in ``Origin``, the second in ``Host``. Pages cannot set either header.

Sources: Fetch Standard, "Origin header" and "CORS protocol"; W3C, "Fetch Metadata Request Headers".
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence

import msgspec

# A page of this machine, from any port.
LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
ANY = "*"
# What is said at the start where a server listens beyond loopback; needs the address.
OPEN_TO_ALL = (
    "listening on %s without authentication: whoever reaches this port may chat and run tools at "
    "your cost; set CHAT_AUTH_TOKEN, or publish the port on 127.0.0.1 only"
)

_DEFAULT_PORTS: Mapping[str, str] = {"http": ":80", "https": ":443"}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(:\d*)?", re.IGNORECASE)
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Sites(msgspec.Struct, frozen=True):
    """The hosts that a server has, and the origins whose pages may call it.

    Attributes:
        hosts: names without ports, lower case, IPv6 addresses without brackets; ``*`` for any.
        origins: such as ``https://example.com``; ``*`` for any. The server's own is always allowed.
        is_local_allowed: whether pages of this machine may call, from any port.
    """

    hosts: frozenset[str]
    origins: frozenset[str] = frozenset()
    is_local_allowed: bool = False

    def serves(self, hosts: Sequence[str]) -> bool:
        """Return whether the values of the header ``Host`` name one host that is served."""
        if ANY in self.hosts:
            return True
        return len(hosts) == 1 and host_name(hosts[0]) in self.hosts

    def allows(self, method: str, *, host: str, origin: str | None, fetch_site: str | None) -> bool:
        """Return whether the sender may call: no browser, our own page, or an allowed one.

        Args:
            method: of the request.
            host: the header ``Host``.
            origin: the header ``Origin``. Browsers send it with every ``POST``.
            fetch_site: the header ``Sec-Fetch-Site``, with which a browser says how the page and
                the address that it called are related. It knows that address where a proxy has
                changed ``Host`` on the way.
        """
        if method == "OPTIONS":
            return True  # a preflight, which runs nothing
        if origin is None:
            return method in _SAFE_METHODS or fetch_site != "cross-site"
        return (
            fetch_site == "same-origin"
            or origin in self.origins
            or ANY in self.origins
            or _is_origin_of(host, origin)
            or (self.is_local_allowed and re.fullmatch(LOCAL_ORIGIN, origin) is not None)
        )


def host_name(host: str) -> str | None:
    """Return the name in a ``Host`` header without its port, ``None`` if it is not one.

    In lower case, without a dot at the end, IPv6 addresses without brackets.
    """
    match = _HOST.fullmatch(host)
    return None if match is None else match[1].strip("[]").rstrip(".").lower()


def host_set(hosts: Sequence[str]) -> frozenset[str]:
    """Return `Sites.hosts` for names as people write them, with or without ports and brackets."""
    return frozenset(host_name(host) or host.lower() for host in hosts)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens on ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_origin_of(host: str, origin: str) -> bool:
    """Return whether a page of ``origin`` was loaded from the server that ``host`` names."""
    scheme, _, authority = origin.partition("://")
    default = _DEFAULT_PORTS.get(scheme, "")
    return authority != "" and authority.lower() == host.lower().removesuffix(default)
