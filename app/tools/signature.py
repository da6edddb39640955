"""Turns a function's signature into a JSON schema for the model and a parser of its input.

pydantic does both. This module is imported when the first tool is defined, never before.
"""

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from app.protocols.artifact import decode_artifacts
from app.tools.context import ToolContext
from app.tools.definition import InvalidToolInput, ToolDefinitionError
from app.tools.docstring import read_docstring
from app.tools.plain_form import PlainForm, form_of_model

_CONTEXT_NAMES = frozenset({"ctx", "context"})
_MAX_PROBLEMS = 5


class Signature(msgspec.Struct, frozen=True):
    """What a tool takes from its function's type hints and docstring.

    Attributes:
        description: the docstring's.
        schema: JSON schema of the parameters, of type object.
        context: name of the parameter that receives the `ToolContext`, if there is one.
        parse: input (JSON) → arguments by name. Raises `InvalidToolInput`.
        plain_form: valid input (JSON) → the JSON form of the arguments, if they have one.
    """

    description: str
    schema: dict[str, Any]
    context: str | None
    parse: Callable[[Any], dict[str, Any]]
    plain_form: Callable[[Any], PlainForm | None]


def read_signature(function: Callable[..., Any]) -> Signature:
    """Read ``function``'s type hints and docstring.

    Raises:
        ToolDefinitionError: JSON cannot describe a parameter or its type hint.
    """
    description, documented = read_docstring(function)
    parameters = _parameters(function)
    context = next((name for name, hint in parameters.items() if _is_context(hint)), None)
    # A parameter may be called like an attribute of pydantic's models, so its name is an alias.
    names = {name: f"p{index}" for index, name in enumerate(parameters) if name != context}
    fields: dict[str, Any] = {
        field: (_annotation(parameters[name], documented.get(name)), _default(parameters[name]))
        for name, field in names.items()
    }
    try:
        model = create_model(
            function.__name__,
            __config__=ConfigDict(extra="forbid"),
            __module__=function.__module__,
            **fields,
        )
        schema = model.model_json_schema(schema_generator=_Schema)
    except (PydanticUserError, NameError, TypeError) as error:
        raise ToolDefinitionError(
            f"The type hints of {function.__name__} have no JSON schema: {_first_line(error)}"
        ) from error
    plain_form = functools.partial(form_of_model, model=model)
    return Signature(description, _tidy(schema), context, _parser(model, names), plain_form)


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        parameters = inspect.signature(function, eval_str=True).parameters
    except NameError as error:
        raise ToolDefinitionError(
            f"A type hint of {function.__name__} cannot be found: {error}; "
            "define the type at the top of the module."
        ) from error
    for parameter in parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolDefinitionError(
                f"The parameter {parameter} of {function.__name__} has no name that a model could "
                "use; tools take plain named parameters."
            )
    return parameters


def _is_context(parameter: inspect.Parameter) -> bool:
    if parameter.name in _CONTEXT_NAMES:
        return True
    hint = parameter.annotation
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return ToolContext in options


def _annotation(parameter: inspect.Parameter, documented: str | None) -> Any:
    """Return the type hint. A description in `Annotated` wins over the docstring's."""
    hint = parameter.annotation
    if hint in (parameter.empty, Any):
        hint = Annotated[Any, AfterValidator(decode_artifacts)]
    kind, *details = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    # Not an alias generator: dataclasses inside a hint would inherit it.
    return Annotated[kind, Field(alias=parameter.name, description=documented), *details]


def _default(parameter: inspect.Parameter) -> Any:
    return ... if parameter.default is parameter.empty else parameter.default


def _parser(model: type[BaseModel], names: Mapping[str, str]) -> Callable[[Any], dict[str, Any]]:
    def parse(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise InvalidToolInput("The input is not valid: it must be an object.")
        try:
            arguments = model.model_validate(dict(value))
        except ValidationError as error:
            raise InvalidToolInput(_sentence(error)) from None
        return {name: getattr(arguments, field) for name, field in names.items()}

    return parse


def _sentence(error: ValidationError) -> str:
    """Return a sentence that tells the model what to repair."""
    problems = [
        f"{'.'.join(str(step) for step in problem['loc']) or 'input'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    rest = len(problems) - _MAX_PROBLEMS
    more = f"; and {rest} more" if rest > 0 else ""
    return f"The input is not valid: {'; '.join(problems[:_MAX_PROBLEMS])}{more}."


class _Schema(GenerateJsonSchema):
    """Leaves out the titles that pydantic makes from names, which tell a model nothing."""

    # A default that has no JSON form is left out of the schema.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 (as pydantic has it)
        "skipped-choice",
        "non-serializable-default",
    }

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    schema.pop("title", None)
    schema.setdefault("properties", {})
    for name, definition in schema.get("$defs", {}).items():
        if definition.get("title") == name:
            del definition["title"]
    return schema


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
