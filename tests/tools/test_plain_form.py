"""`app.tools.plain_form`: the JSON that stands for a validated input."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    SecretStr,
    computed_field,
)

from app.protocols.artifact import Artifact, read_artifact
from app.tools.plain_form import PlainForm, form_of_json, form_of_model


class Env(Enum):
    PROD = "prod"


class Options(BaseModel):
    model_config = ConfigDict(populate_by_name=False)

    force: bool = True
    note: str | None = None
    target: Env = Field(default=Env.PROD, alias="to")


class Box(BaseModel):
    side: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.side**2


def form(hint: Any, value: Any) -> PlainForm | None:
    class Model(BaseModel):
        field: hint

    return form_of_model({"field": value}, Model)


@pytest.mark.parametrize(
    ("hint", "value", "plain"),
    [
        (Env, "prod", "prod"),
        (bool, "yes", True),
        (int, "1", 1),
        (int, 1.0, 1),
        (float, 1, 1.0),
        (date, "2026-01-02T00:00:00", "2026-01-02"),
        (Decimal, 1.5, "1.5"),
        (UUID, "12345678123456781234567812345678", "12345678-1234-5678-1234-567812345678"),
        (tuple[int, str], ["1", "a"], [1, "a"]),
        (dict[int, Env], {"1": "prod"}, {"1": "prod"}),
        (set[str], ["c", "b", "a", "b"], ["a", "b", "c"]),
        (list[frozenset[int]], [[3, 1]], [[1, 3]]),
        (Json[dict[str, int]], '{ "a" :1}', '{"a":1}'),
        (Options, {}, {"force": True, "note": None, "to": "prod"}),
        (Box, {"side": 2, "area": 5}, {"side": 2}),
        (Any, None, None),
    ],
)
def test_the_whole_form_is_what_validation_made_in_json(hint: Any, value: Any, plain: Any) -> None:
    found = form(hint, value)

    assert found is not None
    assert found.whole == {"field": plain}
    assert type(found.whole["field"]) is type(plain)


def test_what_is_shown_leaves_out_the_nulls_that_nobody_gave() -> None:
    found = form(list[Options], [{}, {"note": None, "force": "no"}])

    assert found is not None
    assert found.given == {
        "field": [
            {"force": True, "to": "prod"},
            {"force": False, "note": None, "to": "prod"},
        ]
    }


def rounded(value: float) -> int:
    return round(value)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (SecretStr, "hunter2"),
        (Annotated[float, PlainSerializer(rounded)], 1.4),
        (Annotated[int, AfterValidator(lambda number: number + 1)], 1),
        (Annotated[str, AfterValidator(lambda text: object())], "a"),
        (Annotated[int, AfterValidator(str)], 1),
        (Iterable[int], [1]),
        (Annotated[Any, AfterValidator(lambda _: object)], 1),
        (Annotated[Any, AfterValidator(lambda _: uuid4())], None),
        (Annotated[int, Field(validation_alias="field", serialization_alias="out")], 1),
        (Any, float("inf")),
        (Any, float("nan")),
        (Any, 10**400),
        (Annotated[Any, PlainSerializer(lambda _: "a list", when_used="json")], [1]),
        (Annotated[Any, PlainSerializer(lambda _: [], when_used="json")], [1]),
    ],
)
def test_a_value_that_its_json_does_not_stand_for_has_no_form(hint: Any, value: Any) -> None:
    assert form(hint, value) is None


def test_a_form_that_is_not_valid_itself_is_no_form() -> None:
    class Model(BaseModel):
        field: Annotated[int, PlainSerializer(lambda number: f"no {number}")]

    assert form_of_model({"field": 1}, Model) is None


def taken(value: Any) -> Mapping[str, Any]:
    return MappingProxyType(value)


def test_an_input_that_is_passed_on_as_it_is_is_its_own_form() -> None:
    value = {"b": [1, 1.0, True, None], "a": {"c": "x"}}

    assert form_of_json(value, taken) == PlainForm(value, value)


@pytest.mark.parametrize("value", [{"a": object()}, {"a": float("nan")}, {1: 2}, {"a": 10**400}])
def test_what_is_not_json_has_no_form(value: dict[Any, Any]) -> None:
    assert form_of_json(value, taken) is None


def test_a_parser_that_changes_its_own_output_leaves_no_form() -> None:
    assert form_of_json({"n": 1}, lambda value: {"n": value["n"] + 1}) is None
    assert form_of_json({"n": 1}, lambda value: {"n": bool(value["n"])}) is not None


@pytest.mark.parametrize(
    "file",
    [
        {"filename": "a.txt", "content": "text"},
        {"filename": "a.bin", "content": "AAE=", "is_binary": True, "mime_type": "x/y"},
    ],
)
def test_a_file_has_the_form_in_which_it_came(file: Mapping[str, Any]) -> None:
    typed, untyped = form(Artifact, file), form(Annotated[Any, AfterValidator(read_artifact)], file)

    assert typed is not None
    assert typed == untyped
    assert typed.given == {"field": file}
