"""`app.protocols.artifact`: files in the arguments of a call."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.protocols.artifact import Artifact, artifact_to_json, decode_artifacts

TEXT = {"filename": "a.txt", "content": "hé"}
BINARY = {
    "filename": "a.bin",
    "content": "AP8=",
    "is_binary": True,
    "mime_type": "application/x-a",
    "version": 2,
    "metadata": {"by": "me"},
}


def test_text_stays_text_and_base64_becomes_bytes() -> None:
    text, binary = decode_artifacts([TEXT, BINARY])

    assert text == Artifact(filename="a.txt", content="hé")
    assert binary == Artifact(
        filename="a.bin",
        content=b"\x00\xff",
        mime_type="application/x-a",
        version=2,
        metadata={"by": "me"},
    )
    assert (text.data, binary.data) == (b"h\xc3\xa9", b"\x00\xff")


def test_an_artifact_may_stand_alone() -> None:
    assert decode_artifacts(TEXT) == Artifact(filename="a.txt", content="hé")


@pytest.mark.parametrize(
    "value",
    [None, "text", {"filename": "a"}, {"content": "b"}, ["a", {"filename": "b"}], {"x": [TEXT]}],
)
def test_everything_else_stays_as_it_is(value: Any) -> None:
    assert decode_artifacts(value) == value


@pytest.mark.parametrize(
    "value",
    [
        {"filename": 1, "content": "x"},
        {"filename": "a", "content": None},
        {"filename": "a", "content": "not base64", "is_binary": True},
    ],
)
def test_a_broken_artifact_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected|base64"):
        decode_artifacts(value)


def test_pydantic_reads_and_describes_an_artifact() -> None:
    adapter: TypeAdapter[list[Artifact]] = TypeAdapter(list[Artifact])

    (read,) = adapter.validate_python([TEXT])

    assert read == Artifact(filename="a.txt", content="hé")
    assert adapter.validate_python([read]) == [read]
    assert adapter.json_schema()["items"]["required"] == ["filename", "content"]
    with pytest.raises(ValidationError):
        adapter.validate_python([1])


@pytest.mark.parametrize("value", [TEXT, BINARY])
def test_an_artifact_goes_back_into_the_json_that_it_came_from(value: Any) -> None:
    assert artifact_to_json(decode_artifacts(value)) == value
