"""What a fuzz target is, and what most of them need."""

import itertools
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One parser that reads foreign bytes, and what has to hold whatever these bytes are.

    Attributes:
        name: as the command line and the corpus folder call it.
        reads: what the bytes are, for a person.
        check: reads one input. Raises `AssertionError` if a property does not hold; any other
            exception that comes out is a finding too.
        words: what the format is made of; mutations put them in.
        is_made: the bytes are no wire format but choices from which one is made (`Choices`).
    """

    name: str
    reads: str
    check: Callable[[bytes], None]
    words: Sequence[bytes] = ()
    is_made: bool = False


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Yield some ways to cut ``data`` into reads; the same ones whenever it is the same.

    An input is the bytes alone, so that the corpus can be read and anybody's bytes replayed.
    """
    if len(data) <= 48:
        yield [data[i : i + 1] for i in range(len(data))]
        return
    chance = random.Random(zlib.crc32(data))
    for count in (1, 8):
        edges = sorted(chance.randrange(len(data) + 1) for _ in range(count))
        yield [data[start:end] for start, end in itertools.pairwise([0, *edges, len(data)])]


class Choices:
    """Makes structured values of bytes: each byte decides one thing.

    Small changes of the bytes are small changes of the value, and once the bytes are used up
    everything decides for the first, simplest option; so what is made always ends.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def is_empty(self) -> bool:
        return self._position >= len(self._data)

    def number(self, below: int) -> int:
        """Return a number from 0 to ``below`` - 1, which is at most 65,536."""
        number = 0
        for _ in range(1 if below <= 256 else 2):
            if not self.is_empty:
                number = number * 256 + self._data[self._position]
                self._position += 1
        return number % below

    def chance(self, one_in: int) -> bool:
        """Return true once in ``one_in``, and never when the bytes are used up."""
        return self.number(one_in) == one_in - 1

    def text(self, length: int) -> str:
        """Return ``length`` of the bytes as characters, or as many as there are."""
        taken = self._data[self._position : self._position + length]
        self._position += len(taken)
        return taken.decode("latin-1")

    def rest(self) -> bytes:
        """Return the bytes that are left."""
        rest, self._position = self._data[self._position :], len(self._data)
        return rest
