"""How many tool calls a model may make in one step, and how long their arguments may be."""

from app.growing_text import GrowingText, utf8_bytes

# Each call is a part of the message and of every later request. The models of today make tens.
MAX_CALLS = 1024
# Bytes of UTF-8, of one call and of a step's calls together, names and ids included. Parsed, JSON
# takes up to twenty times as much memory. No model of today writes more than a megabyte in a step.
MAX_ARGUMENTS_BYTES = 1024 * 1024
MAX_STEP_ARGUMENTS_BYTES = 2 * 1024 * 1024


class CallsTooLarge(ValueError):
    """The model's calls go beyond these limits."""


class CallSizes:
    """Counts the calls of one step."""

    def __init__(self) -> None:
        self._calls = 0
        self._bytes = 0

    def begin(self) -> None:
        """Count a call.

        Raises:
            CallsTooLarge: it is one too many.
        """
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise CallsTooLarge(f"more than {MAX_CALLS} tool calls in one step")

    def add(self, size: int) -> None:
        """Count bytes of any call.

        Raises:
            CallsTooLarge: all calls together are too long.
        """
        self._bytes += size
        if self._bytes > MAX_STEP_ARGUMENTS_BYTES:
            raise CallsTooLarge(
                f"the tool calls of one step are longer than {MAX_STEP_ARGUMENTS_BYTES} bytes"
            )

    def grow(self, before: int, after: int) -> int:
        """Count one call, which was ``before`` bytes long; return how long it is now.

        A server may repeat the whole arguments at their end, or send them there only.

        Raises:
            CallsTooLarge: it is too long with ``after`` bytes, or all calls together are.
        """
        if after > MAX_ARGUMENTS_BYTES:
            raise CallsTooLarge(f"a tool call is longer than {MAX_ARGUMENTS_BYTES} bytes")
        if after <= before:
            return before
        self.add(after - before)
        return after


class Arguments:
    """The arguments of one call while the model writes them.

    Attributes:
        size: their length in bytes.
    """

    def __init__(self, sizes: CallSizes) -> None:
        self.size = 0
        self._sizes = sizes
        self._text = GrowingText()

    def __bool__(self) -> bool:
        return self.size > 0

    def __str__(self) -> str:
        return str(self._text)

    def write(self, text: str) -> None:
        """Add a piece.

        Raises:
            CallsTooLarge: these arguments are too long, or those of all calls together.
        """
        self.size = self._sizes.grow(self.size, self.size + utf8_bytes(text))
        self._text.append(text)
