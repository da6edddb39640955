"""The log: one line per request, without any content; JSON unless text is asked for.

A line holds no message text, no key and no header, so that logs may be kept and shipped. What other
libraries and Python itself report becomes such a line too, and known secrets are masked in all.
"""

import contextlib
import hashlib
import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from app.known_secrets import mask
from app.telemetry.tracebacks import shown
from app.telemetry.uncaught import report_uncaught
from app.turns.outcome import TurnLabels, TurnOutcome

logger = logging.getLogger("deltaline")

Form: TypeAlias = Literal["json", "text"]
Alone: TypeAlias = Callable[[], contextlib.AbstractContextManager[object]]


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """The log line of one request. Times in milliseconds since it came in.

    ``owner`` is his `owner_mark`, ``trace_id`` that of a W3C trace. Unknown values, such as the
    tokens of a turn that was cut off, are left out. docs/observability.md describes each.
    """

    request_id: str
    chat_id: str | None = None
    trace_id: str = ""
    owner: str = ""
    protocol: str = ""
    shape: str = ""
    model: str = ""
    tool: str = ""
    status: int = 200
    finish_reason: str | None = None
    error_code: str | None = None
    steps: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    first_token_ms: float | None = None
    duration_ms: float = 0.0
    client_left: bool = False


def log_request(line: RequestLine) -> None:
    """Write the line of a request that is over."""
    level = logging.WARNING if line.error_code else logging.INFO
    if not logger.isEnabledFor(level):
        return
    facts = msgspec.structs.asdict(line)
    known = {name: value for name, value in facts.items() if value is not None and value != ""}
    # As `Logger.log` does it, which would look through the stack for the place below.
    place = log_request.__code__
    make = logging.getLogRecordFactory()
    line_number = place.co_firstlineno
    what = "chat request"
    record = make(logger.name, level, place.co_filename, line_number, what, (), None, place.co_name)
    record.fields = known
    logger.handle(record)


def log_turn(labels: TurnLabels, outcome: TurnOutcome) -> None:
    """Write the line of a turn that is over."""
    log_request(
        RequestLine(
            request_id=labels.request_id,
            chat_id=labels.chat_id,
            trace_id=labels.trace_id,
            owner=owner_mark(labels.owner),
            protocol=labels.protocol,
            shape=labels.shape,
            model=labels.model,
            status=outcome.status,
            finish_reason=outcome.finish_reason,
            error_code=None if outcome.error is None else outcome.error.code,
            steps=outcome.steps,
            input_tokens=outcome.usage.input_tokens,
            output_tokens=outcome.usage.output_tokens,
            first_token_ms=outcome.first_token_ms,
            duration_ms=outcome.duration_ms,
            client_left=outcome.client_left,
        )
    )


def owner_mark(owner: str) -> str:
    """Return what stands for an owner in the log: the same for all his lines, and not his name.

    Who knows a name can find its lines; who has only the lines finds no name, unless names are
    easily guessed.
    """
    if not owner:
        return ""
    return hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def elapsed_ms(started: float) -> float:
    """Return the milliseconds since ``started``, a value of `time.perf_counter`."""
    return round((time.perf_counter() - started) * 1000, 3)


# Of the types of JSON, what holds no text.
_NUMBERS = (int, float, type(None))
# The same as a set, for what is asked of each value of each line.
_NUMBER_TYPES = frozenset((*_NUMBERS, bool))

_to_ascii = json.JSONEncoder(separators=(",", ":")).encode
_to_utf8 = msgspec.json.Encoder().encode


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (Unix seconds), level, logger, message, and our fields.

    Args:
        worker: the number of this process, if it is one of several.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._own = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._own,
            **getattr(record, "fields", {}),
        }
        # All values at once: nearly no line holds a secret, or what is neither text nor number.
        texts = [value for value in line.values() if type(value) not in _NUMBER_TYPES]
        if _may_need_masking(texts):
            line = {name: _masked(value) for name, value in line.items()}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = shown(record.exc_info[1])
        return _json(line)


def _may_need_masking(values: list[Any]) -> bool:
    """Return whether a secret is in one of ``values``, or one of them is no text."""
    try:
        joined = "\n".join(values)
    except TypeError:
        return True
    return mask(joined) != joined


def _json(line: dict[str, Any]) -> str:
    """Return ``line`` in ASCII, since the encoding of standard error is unknown."""
    try:
        text = _to_utf8(line)
    except (UnicodeEncodeError, TypeError):  # a lone surrogate, or a subclass of a JSON type
        return _to_ascii(line)
    # Nearly every line is ASCII as it is, and so made in a tenth of the time.
    return text.decode() if text.isascii() else _to_ascii(line)


def _masked(value: Any) -> Any:
    return value if isinstance(value, _NUMBERS) else mask(str(value))


class _Handler(logging.StreamHandler[Any]):
    """Writes lines to standard error.

    Args:
        alone: held while a line is written.
    """

    def __init__(self, alone: Alone) -> None:
        super().__init__(sys.stderr)
        self._alone = alone

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + self.terminator
            with self._alone():
                self.stream.write(line)
                self.flush()
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that a record cannot be written. Python would print its arguments as they are."""
        error = sys.exception()
        if error is None or isinstance(error, OSError) or getattr(self.stream, "closed", True):
            return  # nobody can be told
        with contextlib.suppress(OSError):
            what = {"level": "error", "logger": record.name, "message": "a log line is broken"}
            line = {**what, "place": f"{record.pathname}:{record.lineno}"}
            self.stream.write(_to_ascii(line) + self.terminator)


def configure_logging(
    level: int = logging.INFO,
    *,
    form: Form = "json",
    has_no_colour: bool = False,
    worker: int | None = None,
    alone: Alone = contextlib.nullcontext,
) -> None:
    """Send all that is reported to standard error, a line each. For entry points only.

    That is the log, warnings, and the exceptions that end the process, a thread or an object.

    Args:
        level: of the lines that are written.
        form: JSON, or text for people, which has colours on a terminal.
        has_no_colour: whether it has none there either.
        worker: the number of this process, if it is one of several: each line says it.
        alone: what is held while a line is written, if other processes write there too. The system
            keeps a line whole by itself only up to 4096 bytes.
    """
    # Whose thread and process it was is in no line of ours, and takes a sixth of making one.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = _Handler(alone)
    if form == "text":
        from app.telemetry.text_lines import TextFormatter  # by those who read it themselves

        is_coloured = sys.stderr.isatty() and not has_no_colour
        handler.setFormatter(TextFormatter(worker, is_coloured=is_coloured))
    else:
        handler.setFormatter(JsonFormatter(worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logger.setLevel(level)
    logging.captureWarnings(True)
    report_uncaught(logger)
