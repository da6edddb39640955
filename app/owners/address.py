"""From where a request comes, for those of whom nothing else is known.

Behind a Lambda front the request context says it:

    REST API                 {"identity": {"sourceIp": "…"}}
    HTTP API, Function URL   {"http": {"sourceIp": "…"}}
    load balancer            {"elb": {…}}; the last entry of ``x-forwarded-for`` is its own

Sources: as `app.owners.lambda_caller`.
"""

from ipaddress import IPv6Address, ip_address
from typing import Any

import msgspec

# Who has one IPv6 address has a network of them: RFC 6177, RFC 4291 section 2.5.4.
_NETWORK_BITS = 64


def network(address: str) -> str:
    """Return what stands for a client's ``address``: itself, or its network with IPv6."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return ""  # a Unix socket, or nothing
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    first = int(known) >> (128 - _NETWORK_BITS) << (128 - _NETWORK_BITS)
    return f"{IPv6Address(first)}/{_NETWORK_BITS}"


def source_of(request_context: str | None, forwarded_for: str | None) -> str:
    """Return the address that a Lambda front has seen, or ``""``.

    Args:
        request_context: JSON, of the header that our runtime and the adapter write.
        forwarded_for: the last header ``x-forwarded-for``.
    """
    try:
        context = msgspec.json.decode(request_context or "null")
    except ValueError:
        return ""
    if not isinstance(context, dict):
        return ""
    for name in ("http", "identity"):
        inner: Any = context.get(name)
        if isinstance(inner, dict) and isinstance(inner.get("sourceIp"), str):
            return str(inner["sourceIp"])
    if "elb" in context:
        return (forwarded_for or "").rpartition(",")[2].strip()
    return ""
