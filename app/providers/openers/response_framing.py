"""Where a response begins and ends, and which of its bytes are the body; does no I/O.

`httptools` reads HTTP: it is a thin layer over llhttp, the parser of Node, and uvicorn's parser
too. It calls `ResponseFraming` for what it has found. What it lacks is added here: limits on all
that is no body, the end of a body that only the end of the connection ends, interim responses,
and that what follows a response is no part of it.

Sources: RFC 9112, 6.3 and 7.1; RFC 9110, 15.2; httptools 0.9, parser.pyx; llhttp,
src/native/http.c.
"""

import re
from collections.abc import Collection, Mapping

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

# What may come before the body, in bytes, interim responses included. Servers limit the headers
# that they take to 8 to 64 KiB, and send far less.
MAX_HEAD_BYTES = 64 * 1024
# How many interim responses may come. Some servers send one every few seconds while they work.
MAX_INTERIM_RESPONSES = 100
# What may come between two bytes of the body, or behind the last: lines of chunks, which are a few
# bytes unless they are padded to keep us busy, and trailers.
MAX_FRAMING_BYTES = 64 * 1024
# What must not be in the value of a header (RFC 9110, 5.5).
_forbidden = re.compile(rb"[\r\n\0]").search


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """Status and headers of a final response; names in lower case, repeated values joined."""

    status: int
    headers: Mapping[str, str]


class ResponseFraming:
    """Reads the response to one request.

    Attributes:
        head: status and headers, as soon as they are in.
        pieces: of the body, not yet taken. Whoever takes them clears the list.
        is_complete: the body is at its end.
        fault: why the response cannot be read on; what came before it is in ``pieces``.
        keeps_alive: the response is complete and its connection may serve another request.
    """

    __slots__ = (
        "_ends_with_connection",
        "_framing_bytes",
        "_head_bytes",
        "_headers",
        "_interim_responses",
        "_parser",
        "fault",
        "head",
        "is_complete",
        "keeps_alive",
        "on_body",
        "pieces",
    )

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.pieces: list[bytes] = []
        # The list's own method: a piece costs no call of a function in Python.
        self.on_body = self.pieces.append
        self.is_complete = False
        self.fault: str | None = None
        self.keeps_alive = False
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._framing_bytes = 0  # since the last byte of the body
        self._interim_responses = 0
        self._ends_with_connection = False
        # None once there is nothing more to read: the parser refers to this object.
        parser = HttpResponseParser(self)
        # As browsers do: a header may go on in the next line, and a line may end without CR. No
        # message follows this one, so nobody could be misled about where it ends.
        parser.set_dangerous_leniencies(lenient_headers=True, lenient_optional_cr_before_lf=True)
        self._parser: HttpResponseParser | None = parser

    @property
    def has_begun(self) -> bool:
        """Whether a byte of a response has come."""
        return self.head is not None or self._framing_bytes > 0 or self._interim_responses > 0

    def forget_headers(self, but: Collection[str]) -> None:
        """Keep only these headers: servers send kilobytes of them, and a body may take long."""
        if self.head is not None:
            headers = self.head.headers
            kept = {name: headers[name] for name in but if name in headers}
            self.head = ResponseHead(self.head.status, kept)
            self._headers = {}

    def feed(self, data: bytes) -> None:
        """Take what one read has brought."""
        if self._parser is None:
            self.keeps_alive = False  # nobody asked for more
            return
        pieces_before = len(self.pieces)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._framing_bytes += len(data)
            self._break_off(_reason(error))
            return
        if self.is_complete:
            self._parser = None
        elif len(self.pieces) != pieces_before:
            self._framing_bytes = 0
        else:
            self._framing_bytes += len(data)
            if self._framing_bytes > (MAX_FRAMING_BYTES if self.head else MAX_HEAD_BYTES):
                self._break_off("the headers or the lines of chunks have no end")

    def feed_end(self) -> None:
        """Take that the server has closed its side of the connection in an orderly way."""
        self.keeps_alive = False
        if self._parser is None:
            return
        if self._ends_with_connection:
            self.is_complete = True
            self._parser = None
        elif self.has_begun:
            self._break_off("the server closed the connection before the end of the response")
        else:
            self._break_off("the server closed the connection without a response")

    def _break_off(self, reason: str) -> None:
        self._parser = None
        self.keeps_alive = False
        # A fault behind the end is not the response's.
        if not self.is_complete:
            self.fault = reason

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise _Malformed("bytes came behind the response")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head is not None:
            return  # a trailer, of which we need none
        if _forbidden(value):
            raise _Malformed("a header has a control character in it")
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _Malformed("the headers have no end")
        headers = self._headers
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        headers = self._headers
        if status < 200:
            # Below 100 llhttp would read a body up to the end of the connection.
            if status < 100 or "transfer-encoding" in headers or _has_length(headers):
                raise _Malformed("an interim response has a body")
            self._headers = {}
            return
        coding = headers.get("transfer-encoding")
        self._ends_with_connection = (
            "content-length" not in headers
            if coding is None
            else not coding.lower().endswith("chunked")
        )
        self._framing_bytes = 0
        self.head = ResponseHead(status, headers)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self.head is not None:
            self.is_complete = True
            self.keeps_alive = self._parser.should_keep_alive()
            return
        self._interim_responses += 1
        if self._interim_responses > MAX_INTERIM_RESPONSES:
            raise _Malformed("interim responses have no end")


def _has_length(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0").strip("0") != ""


class _Malformed(Exception):
    """Raised inside the parser, which says only that a callback failed and keeps the exception."""


def _reason(error: Exception) -> str:
    """Return the fault in words; none of them are the server's."""
    if isinstance(error, HttpParserUpgrade):
        return "the server switches to a protocol that nobody asked for"
    if isinstance(error.__context__, _Malformed):
        return str(error.__context__)
    return f"malformed HTTP: {error}"
