"""The URLs of files in messages: ``data:`` URLs (RFC 2397) and web addresses.

The provider fetches web addresses; this server never does. Every other scheme is refused, and so
are addresses that are not public (see `web_address`).
"""

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Collection
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from app.messages import FilePart, TextPart
from app.requests.web_address import check_web_address

_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
_UNKNOWN_MEDIA_TYPE = "application/octet-stream"


class FileUrl(msgspec.Struct, frozen=True, gc=False):
    """The parts of a URL.

    Attributes:
        web_address: None for a data URL.
        media_type: the one that a data URL names; "" if it names none.
        base64: the content of a data URL; "" for a web address.
    """

    web_address: str | None
    media_type: str = ""
    base64: str = ""


def read_url(url: str, hosts: Collection[str] = ()) -> FileUrl:
    """Return the parts of ``url``.

    Args:
        hosts: as for `check_web_address`.

    Raises:
        ValueError: its text says what is wrong, as the rest of a sentence.
    """
    scheme, _, rest = url.partition(":")
    match scheme.lower():
        case "https":
            check_web_address(url, hosts)
            return FileUrl(url)
        case "data":
            return _read_data_url(rest)
    raise ValueError("must be an https or data URL")


def read_base64(base64: str) -> FileUrl:
    """Return the file of bare base64 as if it came in a data URL. Raises as `read_url` does."""
    try:
        a2b_base64(base64, strict_mode=True)
    except ValueError:
        raise ValueError("must be base64") from None
    return FileUrl(None, "", base64)


def file_part(file: FileUrl, declared_media_type: str, filename: str | None) -> FilePart | TextPart:
    """Return the part for the model: text with the file's name for a text file in a data URL."""
    media_type = _media_type(declared_media_type, file.media_type)
    if file.web_address is not None:
        return FilePart(media_type, file.web_address, filename)
    if media_type.startswith("text/"):
        # Not every text file is UTF-8. A few wrong characters do less harm than a refused request.
        text = a2b_base64(file.base64).decode("utf-8-sig", "replace")
        return TextPart(f"{filename}:\n\n{text}" if filename else text)
    return FilePart(media_type, f"data:{media_type};base64,{file.base64}", filename)


def _read_data_url(rest: str) -> FileUrl:
    head, comma, content = rest.partition(",")
    if not comma:
        raise ValueError("is a broken data URL")
    media_type, *parameters = head.lower().split(";")
    is_base64 = bool(parameters) and parameters[-1].strip() == "base64"
    try:
        if not is_base64:
            content = b2a_base64(unquote_to_bytes(content), newline=False).decode()
        elif "%" in content:
            content = unquote(content)
        a2b_base64(content, strict_mode=True)
    except ValueError:
        raise ValueError("is a broken data URL") from None
    return FileUrl(None, media_type.strip(), content)


def _media_type(declared: str, own: str) -> str:
    """Return what the client declares, unless the data URL itself is more exact."""
    declared = declared.partition(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(declared):
        return declared
    if _MEDIA_TYPE.fullmatch(own):
        return own
    # AI SDK 7 may declare only the kind: "image" or "image/*".
    kind = declared.removesuffix("/*")
    return f"{kind}/*" if kind in ("image", "audio", "video", "text") else _UNKNOWN_MEDIA_TYPE
