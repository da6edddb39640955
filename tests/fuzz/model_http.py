"""The HTTP of the model's server, read by `ResponseFraming`; h11 is the second opinion."""

from collections.abc import Sequence

import h11

from app.providers.openers.response_framing import ResponseFraming
from tests.fuzz.target import Target, cuts

# What is no body is limited in bytes, which a cut may find exceeded earlier.
_LARGE_BYTES = 32 * 1024


def check_model_http(data: bytes) -> None:
    """Any cut reads the same; nothing but line ends is behind a response that keeps alive."""
    whole = _read([data])
    _check(whole, data)
    for reads in cuts(data) if len(data) < _LARGE_BYTES else ():
        cut = _read(reads)
        assert _told(cut) == _told(whole)
    whole.feed_end()
    told = _told(whole)
    assert whole.is_complete or whole.fault is not None
    # Whatever comes afterwards is not the response's.
    whole.feed(data)
    whole.feed_end()
    assert _told(whole) == told
    assert not whole.keeps_alive


def _read(reads: Sequence[bytes]) -> ResponseFraming:
    framing = ResponseFraming()
    for data in reads:
        framing.feed(data)
    return framing


def _told(framing: ResponseFraming) -> object:
    return framing.head, b"".join(framing.pieces), framing.is_complete, framing.fault is None


def _check(framing: ResponseFraming, data: bytes) -> None:
    assert not (framing.is_complete and framing.fault)
    assert framing.is_complete or not framing.keeps_alive
    assert sum(map(len, framing.pieces)) <= len(data)
    if framing.head is None:
        assert framing.pieces == []
    else:
        assert 200 <= framing.head.status <= 999
    second = _second_opinion(data)
    if second is None or not framing.is_complete:
        return
    status, body, behind = second
    assert framing.head is not None
    assert framing.head.status == status
    assert b"".join(framing.pieces) == body
    assert not framing.keeps_alive or not behind.strip(b"\r\n")


def _second_opinion(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Return status, body and what is behind them, if h11 too reads it to an end."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=2**20)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, body = 0, b""
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return None
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError:
        return None
    return status, body, connection.trailing_data[0]


TARGETS = (
    Target(
        "model-http",
        "HTTP of the model's server",
        check_model_http,
        (
            *(
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.0 ",
                b"HTTP/1.1 103 X\r\n\r\n",
                b" 204 ",
                b"\r\n\r\n",
            ),
            *(b"transfer-encoding: chunked\r\n", b"content-length: ", b"connection: close\r\n"),
            *(b"upgrade: x\r\n", b"0\r\n\r\n", b"3\r\nabc\r\n", b";x=y", b"\n", b"\r", b" ", b"\0"),
        ),
    ),
)
