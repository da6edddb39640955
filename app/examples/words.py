"""Streams a sentence word by word: a plain handler for the Lambda runtime, and a program.

    {"delay": 0.5, "format": "json", "sentence": "Hello this is …"}      every key is optional

``json`` sends a line for the start, for each word and for the end; ``text`` sends the words,
separated by spaces. On Lambda: ``_HANDLER=examples.words.handler``. In a terminal:

    python -m app words --delay 0.1 --format text --sentence "Any words you like"
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

SENTENCE = "Hello this is a streaming Lambda function response"
DELAY_S = 0.5
FORMATS = ("json", "text")


class Context(Protocol):
    """The part of the runtime's context that is used here."""

    aws_request_id: str


def handler(event: Mapping[str, Any], context: Context) -> Iterator[bytes]:
    """Stream a sentence.

    Raises:
        ValueError: the event has a key whose value cannot be used.
    """
    delay_s = event.get("delay", DELAY_S)
    if isinstance(delay_s, bool) or not isinstance(delay_s, int | float) or not 0 <= delay_s <= 60:
        raise ValueError("delay must be a number of seconds between 0 and 60")
    output = event.get("format", "json")
    if output not in FORMATS:
        raise ValueError(f"format must be {' or '.join(FORMATS)}")
    sentence = event.get("sentence", SENTENCE)
    if not isinstance(sentence, str):
        raise ValueError("sentence must be a string")
    yield from stream_words(
        sentence, delay_s=delay_s, output=output, request_id=context.aws_request_id
    )


# True for both formats: lines of JSON are text too.
handler.content_type = "text/plain; charset=utf-8"  # type: ignore[attr-defined]


def stream_words(
    sentence: str,
    *,
    delay_s: float,
    output: str,
    request_id: str,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """Yield the pieces to send, with a pause before each word except the first.

    Args:
        sentence: its words are separated by white space.
        delay_s: length of a pause, in seconds.
        output: ``json`` or ``text``.
        request_id: part of the first line of ``json``.
        now: returns Unix time in seconds.
        sleep: waits; takes seconds.
    """
    words = sentence.split()
    total = len(words)
    if output == "json":
        start = {"status": "start", "request_id": request_id, "word_count": total}
        yield _line({**start, "timestamp": now()})
    for sequence, word in enumerate(words, 1):
        if sequence > 1:
            sleep(delay_s)
        if output == "json":
            position = {"type": "word", "data": word, "sequence": sequence, "total": total}
            yield _line({**position, "timestamp": now()})
        else:
            yield (word if sequence == 1 else f" {word}").encode("utf-8", "replace")
    if output == "json":
        yield _line({"status": "complete", "word_count": total, "timestamp": now()})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the terminal version to ``parser``."""
    parser.description = "Stream a sentence word by word, without AWS."
    parser.add_argument(
        "--delay", type=_delay, default=DELAY_S, metavar="S", help="seconds between two words"
    )
    parser.add_argument("--format", choices=FORMATS, default="json")
    parser.add_argument("--sentence", default=SENTENCE, metavar="TEXT")


def run(options: argparse.Namespace) -> int:
    """Stream to the terminal; return the exit status."""
    output = sys.stdout.buffer
    for piece in stream_words(
        options.sentence,
        delay_s=options.delay,
        output=options.format,
        request_id=f"local-test-{int(time.time())}",
    ):
        output.write(piece)
        output.flush()
    if options.format == "text":
        output.write(b"\n")
        output.flush()
    return 0


def _delay(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 60:
        raise argparse.ArgumentTypeError("must be between 0 and 60 seconds")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run in a terminal, without AWS; return the exit status."""
    parser = argparse.ArgumentParser(prog="words")
    add_arguments(parser)
    return run(parser.parse_args(arguments))
