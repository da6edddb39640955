"""`app.tools.signature`: type hints and docstrings as schemas and checks."""

import datetime
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from app.tools import Artifact, Tool, ToolContext, ToolDefinitionError, tool
from app.tools.definition import InvalidToolInput
from app.tools.signature import read_signature


class Unit(enum.Enum):
    CELSIUS = "c"
    FAHRENHEIT = "f"


class Place(BaseModel):
    """Where on earth."""

    city: str
    country: str | None = None


@dataclass
class Window:
    start: datetime.date
    days: Annotated[int, Field(ge=1, le=7)] = 3


class Extra(TypedDict):
    note: str


class Node(BaseModel):
    value: int
    children: list["Node"]


async def run(one: Tool, **tool_input: Any) -> Any:
    async def ignore(output: object) -> None: ...

    assert one.run is not None
    return await one.run(one.parse(tool_input), ToolContext("c1"), ignore)


def test_nested_types_enums_defaults_and_descriptions_are_in_the_schema() -> None:
    @tool
    def plan(
        place: Annotated[Place, Field(description="where to")],
        window: Window,
        unit: Unit = Unit.CELSIUS,
        tags: list[str] = [],  # noqa: B006 (a default that a schema can show)
        mood: Literal["good", "bad"] | None = None,
        limit: int = Field(3, description="at most", ge=1),
    ) -> None:
        """Plan.

        Args:
            place: loses against Annotated
            unit: of the temperature
        """

    schema = plan.parameters

    properties = schema["properties"]
    assert schema["required"] == ["place", "window"]
    assert properties["place"] == {"$ref": "#/$defs/Place", "description": "where to"}
    assert properties["unit"]["description"] == "of the temperature"
    assert properties["unit"]["default"] == "c"
    assert properties["tags"] == {"type": "array", "items": {"type": "string"}, "default": []}
    limit = {"type": "integer", "default": 3, "description": "at most", "minimum": 1}
    assert properties["limit"] == limit
    assert schema["$defs"]["Place"]["description"] == "Where on earth."
    assert schema["$defs"]["Window"]["properties"]["days"]["maximum"] == 7
    assert schema["$defs"]["Unit"] == {"type": "string", "enum": ["c", "f"]}
    assert "title" not in str(schema)
    assert not plan.strict
    jsonschema.Draft202012Validator.check_schema(schema)


async def test_arguments_arrive_as_what_the_hints_say() -> None:
    @tool
    def look(place: Place, window: Window, extra: Extra, unit: Unit = Unit.CELSIUS) -> Any:
        return (place, window, extra, unit)

    arguments = await run(
        look,
        place={"city": "Oslo"},
        window={"start": "2026-01-02"},
        extra={"note": "x"},
        unit="f",
    )

    window = Window(datetime.date(2026, 1, 2), 3)
    assert arguments == (Place(city="Oslo"), window, {"note": "x"}, Unit.FAHRENHEIT)


async def test_any_name_will_do_for_a_parameter() -> None:
    @tool
    def odd(schema: int, copy: int, model_config: int, json: int, title: int, self: int) -> Any:
        return [schema, copy, model_config, json, title, self]

    names = ["schema", "copy", "model_config", "json", "title", "self"]

    assert odd.parameters["required"] == names
    assert await run(odd, **{name: index for index, name in enumerate(names)}) == list(range(6))


def test_a_type_may_refer_to_itself() -> None:
    @tool
    def walk(root: Node) -> int:
        return root.value

    assert walk.strict
    leaf = {"value": 2, "children": []}
    assert walk.parse({"root": {"value": 1, "children": [leaf]}})["root"].children[0].value == 2


def test_hints_may_be_text() -> None:
    def later(place: "Place", ctx: "ToolContext | None" = None) -> None: ...

    later.__annotations__["place"] = "Annotated[Place, Field(description='where')]"

    assert list(tool(later).parameters["properties"]) == ["place"]


@pytest.mark.parametrize(
    ("tool_input", "message"),
    [
        ({"city": 5}, "city: Input should be a valid string; days: Field required."),
        ({"city": "x", "days": 1, "more": 2}, "more: Extra inputs are not permitted."),
        ({"city": "x", "days": "many"}, "days: Input should be a valid integer"),
        (None, "it must be an object."),
        ([], "it must be an object."),
        ("{}", "it must be an object."),
    ],
)
def test_input_that_does_not_fit_is_refused_with_reasons(tool_input: Any, message: str) -> None:
    @tool
    def look(city: str, days: int) -> None: ...

    with pytest.raises(InvalidToolInput) as caught:
        look.parse(tool_input)

    assert str(caught.value).startswith("The input is not valid: ")
    assert message in str(caught.value)


def test_not_more_than_five_reasons_are_given() -> None:
    @tool
    def look(a: int, b: int, c: int, d: int, e: int, f: int, g: int) -> None: ...

    with pytest.raises(InvalidToolInput, match=r"e: Field required; and 2 more\.$"):
        look.parse({})


def test_a_validator_of_ones_own_speaks_to_the_model() -> None:
    class Even(BaseModel):
        n: int

        @field_validator("n")
        @classmethod
        def check(cls, n: int) -> int:
            if n % 2:
                raise ValueError("n must be even")
            return n

    @tool
    def halve(number: Even) -> None: ...

    with pytest.raises(InvalidToolInput, match=r"number\.n: Value error, n must be even"):
        halve.parse({"number": {"n": 3}})


json_inputs = st.dictionaries(
    st.sampled_from(["city", "days", "unit", "other"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
)


@settings(deadline=None)  # pydantic makes a model for each example
@given(json_inputs)
def test_whatever_fits_the_schema_is_accepted(tool_input: dict[str, Any]) -> None:
    @tool
    def look(city: str, days: Annotated[int, Field(ge=0)], unit: Unit = Unit.CELSIUS) -> None: ...

    if jsonschema.Draft202012Validator(look.parameters).is_valid(tool_input):
        assert look.parse(tool_input)["city"] == tool_input["city"]


@pytest.mark.parametrize("name", ["ctx", "context"])
async def test_the_context_is_injected_by_name(name: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def f(n: int, {name}):\n    return n, {name}.tool_call_id", scope)

    one = tool(scope["f"])

    assert list(one.parameters["properties"]) == ["n"]
    assert await run(one, n=1) == (1, "c1")


async def test_the_context_is_injected_by_type() -> None:
    @tool
    def plain(about: ToolContext) -> str:
        return about.tool_call_id

    @tool
    def optional(about: Annotated[ToolContext | None, "x"] = None) -> str:
        return about.tool_call_id if about else ""

    assert plain.parameters["properties"] == optional.parameters["properties"] == {}
    assert await run(plain) == await run(optional) == "c1"


async def test_the_model_cannot_set_the_context() -> None:
    @tool
    def look(ctx: ToolContext) -> None: ...

    with pytest.raises(InvalidToolInput, match="ctx: Extra inputs are not permitted"):
        look.parse({"ctx": {}})


async def test_files_are_decoded_where_the_hint_says_so() -> None:
    @tool
    def read(file: Artifact, files: list[Artifact], raw: dict[str, Any]) -> Any:
        return file.data, [one.content for one in files], raw

    binary = {"filename": "a", "content": "aGk=", "is_binary": True}

    assert read.parameters["properties"]["file"]["required"] == ["filename", "content"]
    assert await run(read, file=binary, files=[binary], raw=binary) == (b"hi", [b"hi"], binary)
    with pytest.raises(InvalidToolInput, match="not valid base64"):
        read.parse({"file": {**binary, "content": "!"}, "files": [], "raw": {}})


class Strange: ...


def _positional(n: int, /) -> None: ...


def _many(*n: int) -> None: ...


def _named(**n: int) -> None: ...


def _strange(n: Strange) -> None: ...


def _callback(n: Callable[[], None]) -> None: ...


def _unknown(n: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def _nested_unknown(n: list["Nowhere"]) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def test_a_default_that_is_no_json_is_just_not_shown() -> None:
    marker: Any = object()

    @tool
    def look(n: int = marker) -> None: ...

    assert look.parameters["properties"]["n"] == {"type": "integer"}
    assert look.parse({})["n"] is marker


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_positional, "no name that a model could use"),
        (_many, "no name that a model could use"),
        (_named, "no name that a model could use"),
        (_strange, "The type hints of _strange have no JSON schema: Unable to generate"),
        (_callback, "The type hints of _callback have no JSON schema: Cannot generate"),
        (_unknown, "cannot be found: name 'Nowhere' is not defined"),
        (_nested_unknown, "Nowhere"),
    ],
)
def test_a_signature_that_json_cannot_express_is_refused(
    function: Callable[..., Any], message: str
) -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        tool(function)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_signature_says_what_the_function_does_and_where_its_context_goes() -> None:
    def look(city: str, about: ToolContext) -> None:
        """Look up the weather.

        Args:
            city: such as Oslo
        """

    signature = read_signature(look)

    assert signature.description == "Look up the weather."
    assert signature.context == "about"
    assert signature.schema["properties"] == {
        "city": {"type": "string", "description": "such as Oslo"}
    }
    assert signature.parse({"city": "Oslo"}) == {"city": "Oslo"}


def test_a_title_that_a_type_was_given_on_purpose_stays() -> None:
    class Spot(BaseModel, title="A spot on the map"):
        x: int

    def look(spot: Spot) -> None: ...

    assert read_signature(look).schema["$defs"]["Spot"]["title"] == "A spot on the map"


def test_a_parameter_without_a_hint_takes_anything_and_decodes_files() -> None:
    scope: dict[str, Any] = {}
    exec("def look(thing): ...", scope)

    parse = read_signature(scope["look"]).parse

    assert parse({"thing": [1]}) == {"thing": [1]}
    assert parse({"thing": {"filename": "a", "content": "b"}}) == {
        "thing": Artifact(filename="a", content="b")
    }
