"""Text that grows by small pieces and may become long."""

# How many pieces are kept before they are packed, and from how many characters on a piece is
# packed at once.
_PIECES = 1024
_LONG = 4096


class GrowingText:
    """Collects pieces of text.

    A string of two letters takes 51 bytes and its place in a list 8 more, and one emoji makes every
    character of its string take four: a list of pieces may take many times the memory of the text.
    So pieces are packed into UTF-8.
    """

    __slots__ = ("_packed", "_pieces")

    def __init__(self) -> None:
        self._packed: bytearray | None = None  # nothing has been packed
        self._pieces: list[str] = []

    def __bool__(self) -> bool:
        """Whether a piece has been added."""
        return bool(self._pieces or self._packed)

    def __str__(self) -> str:
        """Return the text, joined."""
        if self._packed is None:
            return "".join(self._pieces)
        return self._pack().decode("utf-8", "surrogatepass")

    def append(self, piece: str) -> None:
        """Add a piece at the end."""
        pieces = self._pieces
        pieces.append(piece)
        if len(pieces) >= _PIECES or len(piece) >= _LONG:
            self._pack()

    def clear(self) -> None:
        """Forget the text."""
        self._packed = None
        self._pieces.clear()

    def _pack(self) -> bytearray:
        if self._packed is None:
            self._packed = bytearray()
        self._packed += "".join(self._pieces).encode("utf-8", "surrogatepass")
        self._pieces.clear()
        return self._packed


def utf8_bytes(text: str) -> int:
    """Return the length of ``text`` in UTF-8, in bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
