"""JSON as JavaScript writes it."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given

from app.protocols.json_text import dumps
from tests.protocols.test_every_encoder import json_values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, "é", None, True]}, '{"a":[1,"é",null,true]}'),
        ('\x00\x08\x1f\x7f\u2028/"\\\n', '"\\u0000\\b\\u001f\x7f\u2028/\\"\\\\\\n"'),
        ("\ud83d", '"\\ud83d"'),
        ([float("nan"), float("inf")], "[null,null]"),
        (["\ud83d", float("nan"), {"\udc00": -1.5}], '["\\ud83d",null,{"\\udc00":-1.5}]'),
        (("\ud83d", (float("nan"),)), '["\\ud83d",[null]]'),
    ],
)
def test_a_value_is_written_compactly_and_validly(value: Any, text: str) -> None:
    assert dumps(value).decode() == text


def test_what_is_deeply_nested_is_written_with_surrogates_too() -> None:
    value: Any = "\ud83d"
    for _ in range(700):
        value = [value]

    assert dumps(value) == b"[" * 700 + b'"\\ud83d"' + b"]" * 700


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError):
        dumps(object())


@given(json_values)
def test_any_value_is_valid_json(value: Any) -> None:
    json.loads(dumps(value), parse_constant=pytest.fail)


@pytest.mark.real
@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_strings_are_written_as_json_stringify_writes_them() -> None:
    characters = [*map(chr, range(0x300)), "\u2028", "\ud800", "\udfff", "\ufeff", "😀"]
    script = "for(const s of JSON.parse(process.argv[1]))console.log(JSON.stringify(s))"

    done = subprocess.run(
        ["node", "-e", script, json.dumps(characters)], capture_output=True, check=True, timeout=15
    )

    assert [dumps(character) for character in characters] == done.stdout.split(b"\n")[:-1]
