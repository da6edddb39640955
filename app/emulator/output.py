"""What an environment's processes print, the lines that Lambda adds, and where both go."""

import os
import sys
from collections.abc import Callable
from typing import TextIO

from app.known_secrets import mask

LOG_TAIL_BYTES = 4096
_READ_BYTES = 64 * 1024
# Longer lines are printed in pieces, as Lambda splits long log events.
_MAX_LINE_BYTES = 256 * 1024

_RESET, _DIM, _RED = "\x1b[0m", "\x1b[2m", "\x1b[31m"
_LABEL_COLOURS = ("\x1b[36m", "\x1b[35m", "\x1b[33m", "\x1b[34m", "\x1b[32m")


class Console:
    """Prints all log lines. Uses colours only on a terminal and if NO_COLOR is not set."""

    def __init__(self, stream: TextIO | None = None, *, colour: bool | None = None) -> None:
        self._stream = stream or sys.stderr
        wants_colour = self._stream.isatty() and not os.environ.get("NO_COLOR")
        self._colour = wants_colour if colour is None else colour

    def notice(self, text: str) -> None:
        """Print a line of the emulator itself."""
        self._write(f"{text}\n")

    def problem(self, text: str) -> None:
        """Print a line that states a problem and what to do about it."""
        self._write(f"{self._paint(_RED, text)}\n")

    def function_line(self, label: str, number: int, text: str) -> None:
        """Print a line that a function wrote. ``number`` chooses the colour of its label."""
        colour = _LABEL_COLOURS[number % len(_LABEL_COLOURS)]
        self._write(f"{self._paint(colour, label)} {text}\n")

    def platform_line(self, label: str, number: int, text: str) -> None:
        """Print a line that Lambda itself writes about a function."""
        self.function_line(label, number, self._paint(_DIM, text))

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_RESET}" if self._colour else text

    def _write(self, text: str) -> None:
        # A function has our secrets in its environment, and prints what it likes.
        self._stream.write(mask(text))
        self._stream.flush()


class FunctionLog:
    """The log of one environment. Keeps the last 4 KB since `mark`, for `LogResult`."""

    def __init__(self, console: Console, label: str, number: int) -> None:
        self._console = console
        self._label = f"{label}#{number}"
        self._number = number
        self._tail = bytearray()

    def mark(self) -> None:
        """Forget what was logged before: an invocation begins."""
        self._tail.clear()

    def tail(self) -> bytes:
        """Return the last 4 KB logged since the invocation began."""
        return bytes(self._tail)

    def function_line(self, line: bytes) -> None:
        self._remember(line)
        self._console.function_line(self._label, self._number, line.decode("utf-8", "replace"))

    def platform_line(self, text: str) -> None:
        self._remember(text.encode())
        self._console.platform_line(self._label, self._number, text)

    def problem(self, text: str) -> None:
        """Print a problem. It does not become part of the function's log."""
        self._console.problem(f"{self._label} {text}")

    def _remember(self, line: bytes) -> None:
        self._tail += line + b"\n"
        del self._tail[:-LOG_TAIL_BYTES]


class OutputPipe:
    """The pipe that all processes of an environment print to.

    It is not an asyncio stream, so that `drain` can read synchronously what was printed before the
    response ended; otherwise a function's last line could be logged after its END line. The
    emulator keeps a writing end open: without writers the pipe would count as readable for ever.
    """

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
        self._unfinished = b""
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self.closed = False

    def fileno(self) -> int:
        """Return the reading end, for the event loop."""
        return self._read_end

    def drain(self) -> None:
        """Log what has been printed so far."""
        while data := self._read():
            *lines, self._unfinished = (self._unfinished + data).split(b"\n")
            for line in lines:
                self._on_line(line.removesuffix(b"\r"))
            if len(self._unfinished) > _MAX_LINE_BYTES:
                self._flush_unfinished()

    def close(self) -> None:
        """Log the rest and close the pipe."""
        self.drain()
        self._flush_unfinished()
        self.closed = True
        os.close(self._read_end)
        os.close(self.write_end)

    def _read(self) -> bytes:
        try:
            return os.read(self._read_end, _READ_BYTES)
        except BlockingIOError:
            return b""

    def _flush_unfinished(self) -> None:
        if self._unfinished:
            self._on_line(self._unfinished)
            self._unfinished = b""
