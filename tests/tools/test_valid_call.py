"""`app.tools.valid_call`: calls whose input has been parsed."""

import enum
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    SecretStr,
    StringConstraints,
    WrapValidator,
)
from typing_extensions import TypedDict

from app.events import ToolInputAvailable
from app.tools import Tool, client_tool, tool
from app.tools.canonical_json import canonical_json
from app.tools.definition import InvalidToolInput
from app.tools.remote import RemoteTool
from app.tools.valid_call import validate


@tool
def book(day: date, seats: int = 1) -> None: ...


def test_the_input_stays_as_it_came_beside_the_parsed_arguments() -> None:
    call = validate(book, "c1", {"day": "2026-01-02"})

    assert call.input == {"day": "2026-01-02"}
    assert call.arguments == {"day": date(2026, 1, 2), "seats": 1}


def test_a_valid_call_cannot_be_changed() -> None:
    call = validate(book, "c1", {"day": "2026-01-02"})

    with pytest.raises(AttributeError):
        call.arguments = {}  # type: ignore[misc]


def test_an_approval_is_for_the_input_as_the_client_was_shown_it() -> None:
    call = validate(book, "c1", {"day": "2026-01-02"})

    assert call.for_approval == call.announcement().input == {"day": "2026-01-02"}


def test_the_announcement_says_who_executes_the_call() -> None:
    ask = client_tool("ask", "Ask the user.")

    here = validate(book, "c1", {"day": "2026-01-02"}).announcement()
    there = validate(ask, "c2", {}).announcement()

    assert here == ToolInputAvailable("c1", "book", {"day": "2026-01-02"}, "server")
    assert there == ToolInputAvailable("c2", "ask", {}, "client")


def test_an_input_that_does_not_fit_makes_no_call() -> None:
    with pytest.raises(InvalidToolInput, match="day: Input should be a valid date"):
        validate(book, "c1", {"day": "x"})


def test_an_error_inside_the_check_is_not_hidden() -> None:
    def parse(value: Any) -> Mapping[str, Any]:
        raise KeyError("broken")

    broken = Tool("broken", description="", parameters={}, parse=parse, run=None)

    with pytest.raises(KeyError):
        validate(broken, "c1", {})


# Approval. Each row: a parameter's type, what a model may send for it, and what the tool then gets,
# in JSON. Every one of the sent values differs from what a predicate would look for.


class Env(enum.Enum):
    PROD = "prod"


class Level(enum.IntEnum):
    HIGH = 3


class Options(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    force: bool = True
    env: str = Field(default="prod", alias="environment")


class Strict(TypedDict):
    env: Annotated[str, StringConstraints(strip_whitespace=True)]


@dataclass
class Place:
    env: Annotated[str, StringConstraints(to_lower=True)]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
Stripped = Annotated[str, StringConstraints(strip_whitespace=True)]
Lower = Annotated[str, StringConstraints(to_lower=True)]
Upper = Annotated[str, StringConstraints(to_upper=True)]
Folded = Annotated[str, BeforeValidator(str.casefold)]
Tidy = Annotated[str, AfterValidator(lambda text: text.strip().lower())]
Wrapped = Annotated[str, WrapValidator(lambda text, inner: inner(text.replace("-", "")))]
TidyEnv = Annotated[Env, BeforeValidator(lambda text: text.strip().lower())]
Normal = Annotated[str, AfterValidator(lambda text: unicodedata.normalize("NFKC", text))]
Capped = Annotated[int, AfterValidator(lambda number: min(number, 100))]

COERCED: list[tuple[Any, Any, Any]] = [
    (Stripped, " prod ", "prod"),
    (Stripped, "prod\n", "prod"),
    (Lower, "PROD", "prod"),
    (Upper, "prod", "PROD"),
    (Folded, "PROD", "prod"),
    (Tidy, " PROD ", "prod"),
    (Wrapped, "pr-od", "prod"),
    (Normal, "\uff50rod", "prod"),
    (TidyEnv, " PROD ", "prod"),
    (TidyEnv, "prod", "prod"),
    (Env | None, "prod", "prod"),
    (Level, 3.0, 3),
    (Level, "3", 3),
    (bool, "yes", True),
    (bool, "on", True),
    (bool, "1", True),
    (bool, 1, True),
    (bool, 1.0, True),
    (bool, "TRUE", True),
    (bool, "off", False),
    (int, "1", 1),
    (int, " 1 ", 1),
    (int, 1.0, 1),
    (int, "1.0", 1),
    (int, True, 1),
    (int, "1_000", 1000),
    (int, "+7", 7),
    (Capped, 1e6, 100),
    (float, "1e3", 1000.0),
    (float, 5, 5.0),
    (Decimal, 1.5, "1.5"),
    (date, "2026-01-02T00:00:00", "2026-01-02"),
    (date, 1767312000, "2026-01-02"),
    (datetime, "2026-01-02 03:04Z", "2026-01-02T03:04:00Z"),
    (timedelta, 90, "PT1M30S"),
    (UUID, "urn:uuid:12345678-1234-5678-1234-567812345678", "12345678-1234-5678-1234-567812345678"),
    (HttpUrl, "HTTPS://Example.ORG", "https://example.org/"),
    (IPv4Address, 2130706433, "127.0.0.1"),
    (PurePosixPath, "/etc//passwd", "/etc/passwd"),
    (list[int], ["1", 2.0], [1, 2]),
    (tuple[int, bool], ["1", "yes"], [1, True]),
    (set[str], ["b", "a", "b"], ["a", "b"]),
    (dict[str, int], {"a": "1"}, {"a": 1}),
    (int | bool, "7", 7),
    (Options, {}, {"force": True, "environment": "prod"}),
    (Options, {"force": "yes"}, {"force": True, "environment": "prod"}),
    (Options, {"env": "dev"}, {"force": True, "environment": "dev"}),
    (Options, {"more": 1}, {"force": True, "environment": "prod"}),
    (list[Options], [{"force": "0"}], [{"force": False, "environment": "prod"}]),
    (Strict, {"env": " prod"}, {"env": "prod"}),
    (Place, {"env": "PROD"}, {"env": "prod"}),
    (
        Pet,
        {"kind": "cat"},
        {"kind": "cat", "lives": 9},
    ),
    (Annotated[int, Field(ge=1)], "3", 3),
    (Json[dict[str, int]], '{"a": 1 }', '{"a":1}'),
    (Literal["prod"] | Tidy, "Prod", "prod"),
]


def one_of(hint: Any, needs_approval: Any, default: Any = ...) -> Tool:
    def act(value: Any = None) -> None: ...

    act.__annotations__["value"] = hint
    if default is ...:
        act.__defaults__ = None
    else:
        act.__defaults__ = (default,)
    return tool(needs_approval=needs_approval)(act)


def same(one: Any, other: Any) -> bool:
    return bool(one == other) and type(one) is type(other)


@pytest.mark.parametrize(("hint", "sent", "checked"), COERCED)
def test_a_predicate_sees_the_value_that_the_tool_gets(hint: Any, sent: Any, checked: Any) -> None:
    seen: list[Any] = []

    def predicate(tool_input: Mapping[str, Any]) -> bool:
        seen.append(tool_input["value"])
        return same(tool_input["value"], checked)

    call = validate(one_of(hint, predicate), "c1", {"value": sent})

    assert call.asks_approval()
    assert seen == [checked]
    assert call.input == {"value": sent}


@pytest.mark.parametrize(("hint", "sent", "checked"), COERCED)
def test_what_the_user_is_shown_is_what_runs_and_is_what_is_signed(
    hint: Any, sent: Any, checked: Any
) -> None:
    act = one_of(hint, True)
    call = validate(act, "c1", {"value": sent}).as_it_runs()

    again = validate(act, "c1", call.announcement().input)

    assert again.arguments == call.arguments == act.parse({"value": sent})
    assert again.for_approval == call.for_approval == {"value": checked}


@pytest.mark.parametrize(("hint", "sent", "checked"), COERCED)
def test_a_default_is_decided_on_like_a_value_that_was_sent(
    hint: Any, sent: Any, checked: Any
) -> None:
    default = one_of(hint, False).parse({"value": sent})["value"]
    act = one_of(hint, lambda tool_input: same(tool_input["value"], checked), default)

    assert validate(act, "c1", {}).asks_approval()


def test_a_value_that_no_json_stands_for_is_always_asked_about() -> None:
    act = one_of(SecretStr, lambda tool_input: False)

    one, other = (validate(act, "c1", {"value": text}) for text in ("a", "b"))

    assert one.asks_approval()
    assert one.as_it_runs().input == {"value": "a"}
    assert one.for_approval != other.for_approval


def test_a_predicate_cannot_change_what_is_signed() -> None:
    def predicate(tool_input: Any) -> bool:
        tool_input["value"].clear()
        return True

    call = validate(one_of(list[int], predicate), "c1", {"value": [1]})

    assert call.asks_approval()
    assert call.for_approval == {"value": [1]}
    assert call.arguments == {"value": [1]}


def test_a_nested_model_still_knows_which_fields_were_given() -> None:
    class Patch(BaseModel):
        email: str | None = None
        name: str | None = None

    act = one_of(Patch, True)

    call = validate(act, "c1", {"value": {"name": "Ann"}})
    approved = validate(act, "c1", call.as_it_runs().input)

    assert approved.arguments["value"].model_dump(exclude_unset=True) == {"name": "Ann"}
    assert call.for_approval == {"value": {"email": None, "name": "Ann"}}


def test_a_form_that_panics_or_does_not_fit_its_own_schema_is_asked_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Panic(BaseException): ...

    def formed_by(plain_form: Any) -> Tool:
        return Tool(
            "formed",
            description="",
            parameters={},
            parse=lambda value: value,
            run=None,
            needs_approval=lambda tool_input: False,
            plain_form=plain_form,
        )

    def panic(value: Any) -> None:
        raise Panic

    assert validate(formed_by(panic), "c1", {}).asks_approval()
    assert validate(formed_by(int), "c1", "x").asks_approval()
    assert validate(one_of(int, True), "c1", {"value": 1}).asks_approval()
    assert "the input of formed has no JSON form" in caplog.text


def test_an_approval_of_a_value_counts_for_no_other_that_looks_like_it() -> None:
    alike: list[Any] = ["1", 1, True, "true", [1], {"a": 1}, None, "null", "", " 1", "１", "10**0"]
    act = one_of(Any, True)

    signed = [canonical_json(validate(act, "c1", {"value": v}).for_approval) for v in alike]

    assert len(set(signed)) == len(alike)


def test_a_remote_tool_is_sent_the_value_that_the_predicate_saw() -> None:
    def signature(env: Tidy, force: bool = True) -> None: ...

    there = RemoteTool(
        "there",
        function_url="http://127.0.0.1:9/invoke",
        signature=signature,
        needs_approval=lambda tool_input: tool_input["env"] == "prod",
    )

    asked, unasked = (validate(there, "c1", {"env": env}) for env in (" PROD ", " Dev"))

    assert asked.asks_approval()
    assert not unasked.asks_approval()
    assert unasked.arguments == {"env": "dev", "force": True}


def test_an_input_too_deep_to_be_signed_does_not_fit() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]

    with pytest.raises(InvalidToolInput, match="nested too deeply"):
        validate(one_of(Any, True), "c1", {"value": deep})


def test_without_a_predicate_the_input_is_parsed_once() -> None:
    parsed: list[Any] = []

    def parse(value: Any) -> Mapping[str, Any]:
        parsed.append(value)
        return {}

    validate(Tool("one", description="", parameters={}, parse=parse, run=None), "c1", {})

    assert parsed == [{}]
