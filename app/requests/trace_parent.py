"""The trace that a request is part of, as its headers say; does no I/O.

    traceparent      00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
    tracestate       vendor=value,other=value
    x-amzn-trace-id  Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1

Sources: W3C Trace Context, 3.2 and 3.3; the X-Ray Developer Guide, "Tracing header". An X-Ray id is
a trace id with its time and its rest told apart (OpenTelemetry, propagators/opentelemetry-python
"AWS X-Ray").
"""

import re
from collections.abc import Iterable

import msgspec

# The one version that there is. A later one may have more behind it.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_AMAZON_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
# What vendors have to pass on at least is what we pass on at most (3.3.1.5), in characters.
_LONGEST_STATE = 512
_LONGEST_HEADER = 1024


class TraceParent(msgspec.Struct, frozen=True):
    """The span of somebody else that a request belongs to.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        is_sampled: whether he keeps the trace.
        state: what systems on the way have said, for those that come after us.
    """

    trace_id: str
    span_id: str
    is_sampled: bool
    state: str = ""


def read_trace_parent(headers: Iterable[tuple[bytes, bytes]]) -> TraceParent | None:
    """Return the trace that a request names; None if it names none, or none that can be read.

    Args:
        headers: the names in lower case, as ASGI has them.
    """
    parents: list[str] = []
    states: list[str] = []
    amazon = ""
    for name, value in headers:
        # Most names are told apart by their first letter.
        if name == b"traceparent":
            parents.append(value.decode("latin-1").strip(" \t"))
        elif name == b"tracestate":
            states.append(value.decode("latin-1").strip(" \t"))
        elif name == b"x-amzn-trace-id":
            amazon = value.decode("latin-1")
    if len(parents) == 1 and (found := _w3c(parents[0], ",".join(filter(None, states)))):
        return found
    return _of_amazon(amazon) if amazon else None


def _w3c(text: str, state: str) -> TraceParent | None:
    read = _TRACEPARENT.fullmatch(text) if len(text) <= _LONGEST_HEADER else None
    if read is None:
        return None
    version, trace_id, span_id, flags, more = read.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    is_passed_on = len(state) <= _LONGEST_STATE and state.isascii() and state.isprintable()
    return _valid(trace_id, span_id, int(flags, 16) & 1 == 1, state if is_passed_on else "")


def _of_amazon(text: str) -> TraceParent | None:
    if len(text) > _LONGEST_HEADER:
        return None
    fields = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    root = _AMAZON_ROOT.fullmatch(fields.get("Root", ""))
    parent = fields.get("Parent", "")
    if root is None or not _SPAN_ID.fullmatch(parent):
        return None  # a load balancer names no span, and nothing can be below none
    return _valid(root[1] + root[2], parent, fields.get("Sampled") == "1")


def _valid(trace_id: str, span_id: str, is_sampled: bool, state: str = "") -> TraceParent | None:
    if not (trace_id.strip("0") and span_id.strip("0")):
        return None
    return TraceParent(trace_id, span_id, is_sampled, state)
