"""Citations: each page and file becomes one source."""

from collections.abc import Mapping
from itertools import count

from app.events import Event, Source
from app.providers.joining import Joiner
from app.providers.openai.citations import Citations


def sources_of(*cited: Mapping[str, str | None]) -> list[Event]:
    numbers = count()
    citations = Citations(lambda prefix: f"{prefix}_{next(numbers)}")
    out = Joiner()
    for one in cited:
        citations.add(out, **{"url": None, **one})
    return out.take()


def test_a_page_is_a_source_with_its_address_and_title() -> None:
    assert sources_of({"url": "https://a.b", "title": "A"}, {"url": "https://c.d"}) == [
        Source("source_0", url="https://a.b", title="A"),
        Source("source_1", url="https://c.d"),
    ]


def test_an_empty_title_is_none() -> None:
    assert sources_of({"url": "https://a.b", "title": ""}) == [
        Source("source_0", url="https://a.b")
    ]


def test_a_file_is_a_source_with_its_name_or_else_its_id() -> None:
    assert sources_of({"file_id": "f1", "filename": "a.pdf"}, {"file_id": "f2"}) == [
        Source("source_0", title="a.pdf", filename="a.pdf"),
        Source("source_1", title="f2"),
    ]


def test_what_is_cited_again_is_no_other_source() -> None:
    page, file = {"url": "https://a.b", "title": "A"}, {"file_id": "f1"}

    assert len(sources_of(page, file, page, file, {"url": "https://a.b", "title": "B"})) == 2


def test_a_citation_of_nothing_is_left_out() -> None:
    assert sources_of({}, {"url": "", "title": "No address"}, {"file_id": ""}) == []
