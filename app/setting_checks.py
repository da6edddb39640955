"""What the values of some settings have to be besides of their type.

A check gets the value and the fields before it, and raises `ValueError` with the rest of a sentence
that begins with the name of the setting.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

# In CHAT_ALLOWED_ORIGINS, any port of this machine.
LOCALHOST = "localhost"
# Names and addresses of this machine.
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
# A typo must not fill the machine with processes.
MAX_WORKERS = 256
# As in the header Host: a name or an address, with or without a port; IPv6 in brackets or not.
_HOST = r"\*|[a-z0-9._-]+(:\d+)?|\[[0-9a-f:.]+\](:\d+)?|[0-9a-f.]*:[0-9a-f:.]+"
_FILE_HOST = r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[?[0-9a-f.]*:[0-9a-f:.]+\]?"
_DOTTED = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_ORIGIN = r"[a-z][a-z0-9+.-]*://[^/?#\s]+"

Check: TypeAlias = Callable[[Any, Mapping[str, Any]], None]


def _without(given: str) -> Check:
    """Return the check of a secret's ARN: the secret itself is not set too."""

    def check(_: str, earlier: Mapping[str, Any]) -> None:
        if earlier[given] is not None:
            raise ValueError("the secret itself is set too; keep one of the two")

    return check


def _without_store(_: str, earlier: Mapping[str, Any]) -> None:
    if earlier["store"] != "off":
        raise ValueError("the store itself is set too; keep one of the two")


def _is_http(value: str, _: Mapping[str, Any]) -> None:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    address = urlsplit(value)
    if not address.hostname or address.port == 0:
        raise ValueError("must name a host, and a port that exists")


def _fits_the_api(value: object, earlier: Mapping[str, Any]) -> None:
    if value and earlier["api"] != "responses":
        raise ValueError("needs CHAT_API=responses")


def _are_origins(value: tuple[str, ...], _: Mapping[str, Any]) -> None:
    """Refuse what no browser sends as an origin, such as an address with a path."""
    for origin in value:
        if origin not in ("*", LOCALHOST) and not re.fullmatch(_ORIGIN, origin):
            raise ValueError(f"must be origins such as https://example.com, not {origin!r}")


def _are_hosts(value: tuple[str, ...], _: Mapping[str, Any]) -> None:
    """Refuse what no client sends as a host, such as a URL."""
    for host in value:
        if not re.fullmatch(_HOST, host, re.I):
            raise ValueError(f"must be hosts such as chat.example.com, not {host!r}")


def _are_file_hosts(value: tuple[str, ...], _: Mapping[str, Any]) -> None:
    """Refuse what is no host of a file, such as one with a port."""
    for host in value:
        if not re.fullmatch(_FILE_HOST, host, re.I):
            raise ValueError(
                f"must be hosts such as files.example.com or *.example.com, not {host!r}"
            )


def is_protected(url: str) -> bool:
    """Return whether nobody in between can change what comes: over TLS, or from this machine."""
    address = urlsplit(url)
    if address.scheme == "http":
        return address.hostname in _LOOPBACK_NAMES
    return address.scheme == "https" and bool(address.hostname)


def _is_key_address(value: str, earlier: Mapping[str, Any]) -> None:
    """Refuse an address from which keys would come unprotected."""
    _is_http(value, earlier)
    if not is_protected(value):
        raise ValueError("must start with https:// (http:// is for this machine only)")


def _is_set_too(other: str, variable: str) -> Check:
    def check(value: object, earlier: Mapping[str, Any]) -> None:
        if value and not earlier[other]:
            raise ValueError(f"needs {variable} too")

    return check


def _is_key_set_address(value: str, earlier: Mapping[str, Any]) -> None:
    _is_key_address(value, earlier)
    _is_set_too("jwt_issuer", "CHAT_JWT_ISSUER")(value, earlier)


def _is_header(value: str, earlier: Mapping[str, Any]) -> None:
    """Refuse what is no name of a header, or one that clients need themselves."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", value):
        raise ValueError(f"must be the name of a header such as X-Forwarded-User, not {value!r}")
    if value.lower() in ("authorization", "cookie", "host", "x-chat-token"):
        raise ValueError("must be a header that only the proxy sets")
    if earlier["jwt_issuer"] is not None:
        raise ValueError("is set beside CHAT_JWT_ISSUER; keep one of the two")


def _is_callable_of_a_module(value: str, _: Mapping[str, Any]) -> None:
    """Refuse what names nothing that could be imported and called."""
    if not re.fullmatch(rf"{_DOTTED}:{_DOTTED}", value):
        raise ValueError(f"must be like my_app:create, not {value!r}")


def _has_a_token(value: bool, earlier: Mapping[str, Any]) -> None:
    """Refuse to show the metrics to everybody who may chat."""
    if value and not (earlier["auth_token"] or earlier["auth_token_arn"]):
        raise ValueError("needs CHAT_AUTH_TOKEN too; CHAT_METRICS_PORT needs none")


# By field.
CHECKS: Mapping[str, Check] = {
    "app": _is_callable_of_a_module,
    "openai_api_key_arn": _without("openai_api_key"),
    "approval_secret_arn": _without("approval_secret"),
    "auth_token_arn": _without("auth_token"),
    "store_arn": _without_store,
    "jwt_audience": _is_set_too("jwt_issuer", "CHAT_JWT_ISSUER"),
    "jwt_jwks_url": _is_key_set_address,
    "trusted_user_header": _is_header,
    "metrics": _has_a_token,
    "openai_base_url": _is_http,
    "azure_openai_endpoint": _is_http,
    "aws_endpoint_url": _is_http,
    "builtin_tools": _fits_the_api,
    "reasoning_summary": _fits_the_api,
    "allowed_origins": _are_origins,
    "allowed_hosts": _are_hosts,
    "file_hosts": _are_file_hosts,
}


def read_workers(value: object) -> int | Literal["auto"]:
    """Return a number of processes, or "auto"."""
    text = str(value).strip()
    if text == "auto":
        return "auto"
    is_number = text.isascii() and text.isdecimal() and len(text) < 9
    if not (is_number and 1 <= int(text) <= MAX_WORKERS):
        raise ValueError(f"must be auto or a number from 1 to {MAX_WORKERS}")
    return int(text)


# Fields whose sentence no type has.
READERS: Mapping[str, Callable[[object], Any]] = {"workers": read_workers}
