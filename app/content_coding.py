"""Whether the body of somebody else's response is compressed, which we never ask for."""

from collections.abc import Mapping

_CODINGS = ("gzip", "deflate", "br", "zstd", "compress")


def compression_of(headers: Mapping[str, str]) -> str | None:
    """Return the name of a body's compression, None if it has none, which is what we ask for.

    A compressed body has to be refused: a few bytes of it may expand to gigabytes.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        # Compressed on its way is compressed too (RFC 9112, 7.2).
        coding = headers.get("transfer-encoding", "").strip().lower()
        coding = coding.removesuffix("chunked").rstrip(" \t,")
    if coding in ("", "identity"):
        return None
    return coding if coding in _CODINGS else "an unknown coding"
