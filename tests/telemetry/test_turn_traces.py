"""A turn that nobody traces still says which trace its request was part of."""

from app.telemetry.turn_traces import Untraced
from app.tracing import NO_TRACE
from app.turns.outcome import TurnLabels
from app.turns.turn import TurnRequest

LABELS = TurnLabels(request_id="r1")
REQUEST = TurnRequest(message_id="m", model="m", messages=())
TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_trace_is_named_if_the_request_names_one() -> None:
    headers = [(b"traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]

    with_one = Untraced().begin_turn(headers, LABELS, REQUEST, started=0)
    without = Untraced().begin_turn([], LABELS, REQUEST, started=0)

    assert (with_one.labels.trace_id, without.labels.trace_id) == (TRACE, "")
    assert (with_one.trace, with_one.observer) == (NO_TRACE, None)
    assert Untraced().begin_tool(headers) is NO_TRACE
