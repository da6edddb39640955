"""Which web addresses of files are passed to the model, whose server fetches them.

That server may stand in a network where more can be reached than from outside: this machine, a
cloud's metadata, a database. So an address has to be ``https`` and its host public, however it is
spelled: what browsers and HTTP clients would read differently from each other is refused. A public
name may still point to a private address: only whoever looks it up can see that.

Sources: WHATWG URL Standard, "host parsing" (numbers as addresses, tabs, backslashes); IANA's
registries of special-purpose IPv4 and IPv6 addresses; RFC 6761 and 6762; ICANN's reservation of
``internal``.
"""

import ipaddress
import re
from collections.abc import Collection

_ADDRESS = re.compile(
    r"https://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?#].*)?",
    re.IGNORECASE | re.ASCII,
)
# Browsers take a name whose last label is one for an IPv4 address, in whatever notation.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")

# Names that never are public, with all below them.
_PRIVATE_NAMES = (
    *("localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home"),
    *("lan", "arpa", "test", "onion", "svc", "metadata.goog"),
)
# What `ipaddress` takes for public: 6to4 relays, special purposes, Azure's metadata.
_PRIVATE_4 = [
    ipaddress.IPv4Network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")
]
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
# Teredo and other tunnels, documentation, 6to4: they hold or stand for other addresses.
_PRIVATE_6 = [
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]


def check_web_address(url: str, hosts: Collection[str] = ()) -> None:
    """Check that the model may be given ``url``.

    Args:
        url: as a client wrote it.
        hosts: if not empty, the only hosts that are allowed, public or not: lower-case names and
            addresses, IPv6 without brackets; ``*.example.com`` for all below a name.

    Raises:
        ValueError: its text says what is wrong, as the rest of a sentence.
    """
    match = _ADDRESS.fullmatch(url)
    if match is None or not url.isprintable() or int(match["port"] or 443) not in range(1, 65536):
        raise ValueError(
            "must be an https address with a plain host (ASCII, without a user) or a data URL"
        )
    host = match["host"].lower().strip("[]").removesuffix(".")
    if hosts:
        if not _is_named(host, hosts):
            raise ValueError("names a host that is not in CHAT_FILE_HOSTS")
    elif not is_public(host):
        raise ValueError("must name a public host")


def is_public(host: str) -> bool:
    """Return whether a host can be one of the public internet, as far as its spelling tells.

    Args:
        host: in lower case, IPv6 addresses without brackets.
    """
    if ":" in host:
        return _is_public_6(host)
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _is_public_4(host)
    return (
        len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and not any(_is_below(host, name) for name in _PRIVATE_NAMES)
    )


def _is_public_4(host: str) -> bool:
    try:
        address = ipaddress.IPv4Address(host)  # four decimal numbers, nothing else
    except ValueError:
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _PRIVATE_4)
    )


def _is_public_6(host: str) -> bool:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return (
        address in _PUBLIC_6
        and address.is_global
        and not any(address in network for network in _PRIVATE_6)
    )


def _is_named(host: str, hosts: Collection[str]) -> bool:
    return any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in hosts)


def _is_below(host: str, name: str) -> bool:
    return host == name or host.endswith(f".{name}")
