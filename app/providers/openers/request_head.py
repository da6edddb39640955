"""The bytes in front of a request's body; does no I/O.

Source: RFC 9112, 3 and 5.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence

from app import __version__

_FORBIDDEN = ("\r", "\n", "\0")


def request_headers(
    api_key: str | None, organization: str | None, project: str | None, user_info: str = ""
) -> dict[str, str]:
    """Return the headers of every request to the model's server.

    Args:
        user_info: credentials of its URL, sent if there is no key.
    """
    headers = {
        "accept": "text/event-stream",
        # No compression, so that no decompressor holds back the last bytes.
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": f"deltaline/{__version__}",
    }
    if api_key:
        headers["authorization"] = f"Bearer {api_key}"
    elif user_info:
        headers["authorization"] = basic(user_info)
    if organization:
        headers["openai-organization"] = organization
    if project:
        headers["openai-project"] = project
    return headers


def request_head(
    method: str, target: str, host: str, headers: Mapping[str, str], body_bytes: int | None
) -> bytes:
    """Return the request line and the headers, with the empty line behind them.

    Args:
        body_bytes: the length of the body; None if there is none.

    Raises:
        ValueError: something in it would end its line.
    """
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}", *_lines(headers)]
    _check(lines)
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if body_bytes is None else with_length(head, body_bytes)


def with_headers(head: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a head that `request_head` has made for no body, with more headers.

    Raises:
        ValueError: as `request_head`.
    """
    lines = _lines(headers)
    _check(lines)
    return head[:-2] + "\r\n".join([*lines, "", ""]).encode()


def with_length(head: bytes, body_bytes: int) -> bytes:
    """Return a head that `request_head` has made for no body, for one of so many bytes."""
    return b"%scontent-length: %d\r\n\r\n" % (head[:-2], body_bytes)


def basic(user_info: str) -> str:
    """Return the value of an ``Authorization`` for ``user:password`` (RFC 7617)."""
    return f"Basic {b64encode(user_info.encode()).decode()}"


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


def _check(lines: Sequence[str]) -> None:
    for line in lines:
        if any(character in line for character in _FORBIDDEN):
            # Without the line: it may hold a key.
            raise ValueError("a header or an address has a line end in it")
