"""`app.protocols.page_url`: no URL that runs in the page reaches it."""

import json

import pytest

from app.events import (
    Event,
    File,
    Finish,
    Source,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
)
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect, ProtocolName, encoder_for
from app.protocols.page_url import is_harmless
from app.turns.transcript import Transcript

_PAGES = ["https://acme.com/", "http://acme.com/", "HTTPS://ACME.com/javascript:x"]
_NO_PAGES = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "vbscript:x",
    "data:text/html,<script>alert(1)</script>",
    "data:image/png;base64,AAAA",
    "blob:https://acme.com/1",
    "file:///etc/passwd",
    "//acme.com/",
    "/path",
    "",
]
_FILES = [("image/png", "data:image/png;base64,AAAA"), ("application/pdf", "https://acme.com/a")]
_NO_FILES = [
    ("image/png", "javascript:alert(1)"),
    ("image/png", "data:text/html;base64,AAAA"),
    ("image/png", "DATA:Text/HTML,x"),
    ("image/png", "data:text/html"),
    ("image/png", "data:application/xhtml+xml,x"),
    ("image/svg+xml", "data:image/svg+xml,x"),
    ("image/png", "data:image/svg+xml;base64,AAAA"),
    ("text/html", "data:image/png;base64,AAAA"),
    ("text/html", "https://acme.com/a"),
    ("image/png", "blob:https://acme.com/1"),
]


def test_web_pages_and_documents_pass() -> None:
    assert all(is_harmless(Source("s", url=url)) for url in _PAGES)
    assert is_harmless(Source("s", title="A paper", media_type="application/pdf"))
    assert all(is_harmless(File(*file)) for file in _FILES)


@pytest.mark.parametrize("url", _NO_PAGES)
def test_a_source_that_is_no_web_page_does_not_pass(url: str) -> None:
    assert not is_harmless(Source("s", url=url))


@pytest.mark.parametrize("file", _NO_FILES)
def test_a_file_that_runs_does_not_pass(file: tuple[str, str]) -> None:
    assert not is_harmless(File(*file))


@pytest.mark.parametrize("protocol", ["ui", "data", "text", "ndjson"])
def test_no_protocol_sends_what_does_not_pass_and_the_transcript_has_not_seen_it(
    protocol: ProtocolName,
) -> None:
    bad: list[Event] = [Source(f"s{n}", url=url) for n, url in enumerate(_NO_PAGES)]
    bad += [File(*file) for file in _NO_FILES]
    good: list[Event] = [Source("good", url=_PAGES[0]), File(*_FILES[0])]
    framer = Framer(encoder_for(Dialect(protocol), now=lambda: 0.0))
    transcript = Transcript("m1")
    framer.observe(transcript.add)

    turn: list[Event] = [Start("m1"), StepStart(), TextDelta("See."), *bad, *good]
    sent = framer.frame([*turn, StepEnd("stop"), Finish("stop")]).decode()

    for text in (sent, json.dumps(transcript.message())):
        assert not any(word in text for word in ("script:", "text/html", "svg", "blob:", "s0"))
    assert [part["type"] for part in transcript.parts] == [
        "step-start",
        "text",
        "source-url",
        "file",
    ]
