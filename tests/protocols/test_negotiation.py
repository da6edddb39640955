"""Which client gets which protocol."""

from typing import Any

import pytest

from app.errors import InvalidOption
from app.protocols.negotiation import VERSIONS, ClientVersion, Dialect, encoder_for, negotiate


@pytest.mark.parametrize(
    ("shape", "query", "body", "dialect"),
    [
        ("ai-sdk-5", (None, None), (None, None), Dialect("ui")),
        ("ai-sdk-4", (None, None), (None, None), Dialect("data", "4")),
        ("ai-sdk-3.4", (None, None), (None, None), Dialect("data", "3.4")),
        ("direct", (None, None), (None, None), Dialect("data", "4")),
        ("prompt", (None, None), (None, None), Dialect("ui")),
        ("prompt", (None, None), (None, "4"), Dialect("data", "4")),
        ("ai-sdk-5", (None, "5.0"), (None, None), Dialect("ui", "5.0")),
        ("ai-sdk-5", (None, "4"), (None, None), Dialect("data", "4")),
        ("direct", (None, "7"), (None, None), Dialect("ui", "7")),
        ("ai-sdk-3.4", ("ui", None), (None, None), Dialect("ui")),
        ("ai-sdk-4", ("text", None), (None, None), Dialect("text")),
        ("ai-sdk-4", ("text", "4"), (None, None), Dialect("text", "4")),
        ("ai-sdk-4", (None, None), ("ndjson", None), Dialect("ndjson")),
        ("ai-sdk-4", ("data", None), ("ui", None), Dialect("data", "4")),
        ("ai-sdk-5", ("data", "3.4"), (None, "7"), Dialect("data", "3.4")),
    ],
)
def test_the_query_wins_then_the_body_then_the_shape(
    shape: Any, query: Any, body: Any, dialect: Dialect
) -> None:
    assert negotiate(shape, query=query, body=body) == dialect


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_reads_a_protocol(version: ClientVersion) -> None:
    dialect = negotiate("prompt", query=(None, version))

    assert dialect.version == version
    assert encoder_for(dialect, now=lambda: 0.0).media_type


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (("sse", None), "Unknown protocol 'sse'; known are data, ui, text, ndjson."),
        ((None, "8"), "Unknown sdk '8'; known are 3.4, 4, 5.0, 5, 6, 7."),
        (("ui", "4"), "AI SDK 4 does not read the protocol 'ui'."),
    ],
)
def test_an_option_that_cannot_be_met_is_refused_with_a_sentence(query: Any, sentence: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        negotiate("ai-sdk-5", query=query)

    assert caught.value.public_message == sentence


@pytest.mark.parametrize(
    ("dialect", "media_type"),
    [
        (Dialect("data", "3.4"), "text/plain; charset=utf-8"),
        (Dialect("data", "4"), "text/plain; charset=utf-8"),
        (Dialect("ui", "5.0"), "text/event-stream"),
        (Dialect("ui"), "text/event-stream"),
        (Dialect("text"), "text/plain; charset=utf-8"),
        (Dialect("ndjson"), "application/x-ndjson"),
    ],
)
def test_every_dialect_has_an_encoder(dialect: Dialect, media_type: str) -> None:
    assert encoder_for(dialect, now=lambda: 0.0).media_type == media_type


@pytest.mark.parametrize(
    ("dialect", "can"),
    [
        (Dialect("ui"), True),
        (Dialect("ui", "7"), True),
        (Dialect("ui", "5"), False),
        (Dialect("data", "4"), False),
        (Dialect("ndjson"), False),
    ],
)
def test_only_a_ui_client_from_6_on_can_be_asked_for_approval(dialect: Dialect, can: bool) -> None:
    assert dialect.can_ask_approval is can
