"""Random changes of inputs, for where atheris has no wheel: it finds less, and runs anywhere."""

import random
from collections.abc import Sequence

_MOST_BYTES = 4096


class Mutator:
    """Changes inputs that are known into new ones.

    Args:
        known: where it begins; not empty.
        words: what it puts in.
    """

    def __init__(self, known: Sequence[bytes], words: Sequence[bytes], seed: int) -> None:
        self._known = list(known)
        self._words = [*words, *(bytes([byte]) for byte in b'{}[]":,\n\r 019-\\\0\xff')]
        self._chance = random.Random(seed)

    def next(self) -> bytes:
        """Return another input."""
        chance = self._chance
        data = chance.choice(self._known)
        for _ in range(chance.randrange(1, 6)):
            data = self._changed(data)
        return data[:_MOST_BYTES]

    def _changed(self, data: bytes) -> bytes:
        chance = self._chance
        at = chance.randrange(len(data) + 1)
        length = min(len(data) - at, chance.choice((1, 2, 4, 16, 64)))
        match chance.randrange(7):
            case 0:  # a word
                return data[:at] + chance.choice(self._words) + data[at:]
            case 1:  # a word instead of something
                return data[:at] + chance.choice(self._words) + data[at + length :]
            case 2:  # less
                return data[:at] + data[at + length :]
            case 3:  # more of the same
                return data[:at] + data[at : at + length] * chance.randrange(2, 9) + data[at:]
            case 4:  # another byte
                return data[:at] + chance.randbytes(1) + data[at + 1 :]
            case 5:  # bytes
                return data[:at] + chance.randbytes(length) + data[at + length :]
            case _:  # the end of another input
                other = chance.choice(self._known)
                return data[:at] + other[chance.randrange(len(other) + 1) :]
