"""The log: its tail, its colours, and the lines that processes print."""

import io
import os

import pytest

from app.emulator.output import Console, FunctionLog, OutputPipe
from app.known_secrets import remember


def test_the_log_tail_is_its_last_four_kilobytes() -> None:
    log = FunctionLog(Console(io.StringIO()), "name", 1)
    log.function_line(b"before")

    log.mark()
    for _ in range(100):
        log.function_line(b"x" * 99)

    assert log.tail() == (b"x" * 95 + b"\n") + (b"x" * 99 + b"\n") * 40


def test_colours_are_for_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    file, terminal, plain = io.StringIO(), Terminal(), Terminal()
    Console(file).problem("text")
    Console(terminal).problem("text")
    monkeypatch.setenv("NO_COLOR", "1")
    Console(plain).problem("text")

    assert file.getvalue() == plain.getvalue() == "text\n"
    assert terminal.getvalue() == "\x1b[31mtext\x1b[0m\n"


def test_output_is_cut_into_lines_and_none_is_lost() -> None:
    lines: list[bytes] = []
    output = OutputPipe(lines.append)

    os.write(output.write_end, b"one\r\ntw")
    output.drain()
    assert lines == [b"one"]
    os.write(output.write_end, b"o\n\nthree")
    output.close()

    assert lines == [b"one", b"two", b"", b"three"]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines: list[bytes] = []
    output = OutputPipe(lines.append)

    for _ in range(10):
        os.write(output.write_end, b"x" * 60_000)
        output.drain()
    output.close()

    assert [len(line) for line in lines] == [300_000, 300_000]


def test_a_known_secret_is_masked_whoever_printed_it() -> None:
    remember(key := "sk-0123456789-output")
    stream = io.StringIO()

    Console(stream, colour=False).function_line("f#1", 0, f"key={key}")

    assert stream.getvalue() == "f#1 key=[secret]\n"
