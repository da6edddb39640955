"""`@tool` makes a plain Python function something that a model can call."""

import contextlib
import functools
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias, overload

from app.messages import ToolSpec
from app.threads import run_in_thread
from app.tools.context import ToolContext
from app.tools.definition import InvalidToolInput, ToolDefinitionError, ToolError, check_name
from app.tools.plain_form import PlainForm, form_of_json

__all__ = ["InvalidToolInput", "Tool", "ToolDefinitionError", "ToolError", "client_tool", "tool"]

logger = logging.getLogger("deltaline.tools")

DEFAULT_TIMEOUT_S = 120.0

# Awaited with each preliminary output.
OnPreliminary: TypeAlias = Callable[[Any], Awaitable[None]]
# Takes the arguments, the context and what to do with preliminary outputs; returns the output.
Implementation: TypeAlias = Callable[
    [Mapping[str, Any], ToolContext, OnPreliminary], Awaitable[Any]
]
# A predicate is given the JSON form of the validated input, defaults included.
NeedsApproval: TypeAlias = bool | Callable[[Mapping[str, Any]], bool]
# Input (JSON) → the JSON form of the arguments that `parse` makes of it; `None`: they have none.
MakePlainForm: TypeAlias = Callable[[Any], PlainForm | None]


class Tool:
    """Something that the model may call.

    Args:
        name: what the model calls it.
        description: when and how to use it, for the model.
        parameters: JSON schema of the input, of type object.
        parse: input (JSON) → arguments by name. Raises `InvalidToolInput`.
        run: awaited with the arguments, the context and a function that takes preliminary outputs;
            returns the output. `None`: a client tool, which the browser executes.
        strict: whether to use OpenAI's strict mode, which has to accept the schema.
        needs_approval: whether the user is asked before a call runs, or a predicate on the plain
            form of the input.
        plain_form: the JSON form of the arguments; default: what ``parse`` returns, if that is
            JSON. Only called where a user may have to approve.
        timeout_s: how long a call may take, in seconds.
        function: the Python function, for calling it without a model.
    """

    def __init__(
        self,
        name: str,
        *,
        description: str,
        parameters: Mapping[str, Any],
        parse: Callable[[Any], Mapping[str, Any]],
        run: Implementation | None,
        strict: bool = False,
        needs_approval: NeedsApproval = False,
        plain_form: MakePlainForm | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        function: Callable[..., Any] | None = None,
    ) -> None:
        if timeout_s <= 0:
            raise ToolDefinitionError(f"The time-out of {name} must be more than 0 seconds.")
        self.name = check_name(name)
        self.description = description
        self.parameters = parameters
        self.parse = parse
        self.run = run
        self.strict = strict
        self.needs_approval = needs_approval
        self.plain_form: MakePlainForm = (
            functools.partial(form_of_json, parse=parse) if plain_form is None else plain_form
        )
        self.timeout_s = timeout_s
        self.function = function

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"

    def spec(self) -> ToolSpec:
        """Return the tool as the model sees it."""
        return ToolSpec(self.name, self.description, self.parameters, self.strict)

    def asks_approval(self, plain: Mapping[str, Any]) -> bool:
        """Return whether the user has to approve a call.

        Args:
            plain: the JSON form of the call's validated input, all defaults included.
        """
        if isinstance(self.needs_approval, bool):
            return self.needs_approval
        try:
            return bool(self.needs_approval(plain))
        except BaseException:
            # In doubt the user decides. Of a panic or an exit too, which would end the server.
            logger.exception("the approval predicate of %s failed", self.name)
            return True


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    needs_approval: NeedsApproval = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    strict: bool | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    needs_approval: NeedsApproval = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    strict: bool | None = None,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a function.

    The function's name, docstring and type hints become the tool's name, description and JSON
    schema. ``Annotated[…, Field(description=…)]`` or the docstring's ``Args:`` describe the
    parameters. A parameter of type `ToolContext`, or one named ``ctx`` or ``context``, receives the
    context and is not shown to the model.

    - An ``async def`` runs on the event loop.
    - A plain ``def`` runs in a thread and may block. It should return once
      `ToolContext.send_status` says that the call is over: a thread keeps its place
      (``CHAT_TOOL_THREADS``) until it ends.
    - An ``async def`` that yields shows each value as a preliminary output; the last is the output.

    The return value must have a JSON form (as pydantic models, dataclasses, dates and the like do)
    or be a `ToolResult`.

    Args:
        name: instead of the function's.
        description: instead of the docstring's.
        needs_approval: ask the user before each call, or before those for which a predicate returns
            true. The predicate is given what the tool will get, in JSON: the input after
            validation, defaults included, by the schema's keys. Where the validated input has no
            JSON form that stands for it (a `SecretStr`, say), the user is asked.
        timeout_s: how long a call may take, in seconds.
        strict: whether to use OpenAI's strict mode; default: wherever the schema allows it.

    Raises:
        ToolDefinitionError: the function cannot be a tool; the message says why.
    """

    def make(function: Callable[..., Any]) -> Tool:
        # Imported here, so that a server without tools never waits for pydantic.
        from app.tools.signature import read_signature

        if not inspect.isroutine(function):
            raise ToolDefinitionError(f"{function!r} is no function; wrap it in one.")
        if inspect.isgeneratorfunction(function):
            raise ToolDefinitionError(f"{function.__name__} yields; make it an `async def`.")
        signature = read_signature(function)
        parameters, is_strict = _strict(function.__name__, signature.schema, strict)
        return Tool(
            function.__name__ if name is None else name,
            description=signature.description if description is None else description,
            parameters=parameters,
            parse=signature.parse,
            run=functools.partial(_run, function, signature.context),
            strict=is_strict,
            needs_approval=needs_approval,
            plain_form=signature.plain_form,
            timeout_s=timeout_s,
            function=function,
        )

    return make if function is None else make(function)


def client_tool(
    name: str,
    description: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    signature: Callable[..., Any] | None = None,
) -> Tool:
    """Make a tool that has no function here: the browser executes its calls.

    Args:
        parameters: JSON schema of the input, of type object; default: no parameters.
        signature: instead of ``parameters``, a function whose type hints describe the input. It is
            never called.

    Raises:
        ToolDefinitionError: both are given, or the given one cannot be used.
    """
    schema, parse, _ = describe_input(name, parameters, signature)
    schema, is_strict = _strict(name, schema, None)
    return Tool(
        name, description=description, parameters=schema, parse=parse, run=None, strict=is_strict
    )


def describe_input(
    name: str,
    parameters: Mapping[str, Any] | None,
    signature: Callable[..., Any] | None,
) -> tuple[Mapping[str, Any], Callable[[Any], Mapping[str, Any]], MakePlainForm]:
    """Return the input's JSON schema, parser and plain form for a tool whose function is elsewhere.

    With a JSON schema the parser only checks that the input is an object with all required
    properties. The other side checks the rest.
    """
    if signature is not None:
        if parameters is not None:
            raise ToolDefinitionError(f"{name} has both parameters and a signature; give one.")
        from app.tools.signature import read_signature

        read = read_signature(signature)
        return read.schema, functools.partial(_checked, read.parse), read.plain_form
    if parameters is None:
        parameters = {"type": "object", "properties": {}, "additionalProperties": False}
    if parameters.get("type") != "object":
        raise ToolDefinitionError(f"The parameters of {name} must be a schema of type object.")
    parse = functools.partial(_with_required, tuple(parameters.get("required", ())))
    return parameters, parse, functools.partial(form_of_json, parse=parse)


def _checked(parse: Callable[[Any], Any], tool_input: Any) -> Mapping[str, Any]:
    parse(tool_input)
    checked: Mapping[str, Any] = tool_input  # not the parsed values: it is sent on as JSON
    return checked


def _with_required(required: tuple[str, ...], tool_input: Any) -> Mapping[str, Any]:
    if not isinstance(tool_input, Mapping):
        raise InvalidToolInput("The input is not valid: it must be an object.")
    missing = [key for key in required if key not in tool_input]
    if missing:
        raise InvalidToolInput(f"The input is not valid: {', '.join(missing)} is missing.")
    return tool_input


def _strict(
    name: str, schema: Mapping[str, Any], wanted: bool | None
) -> tuple[Mapping[str, Any], bool]:
    from app.tools.strict_schema import strict_schema

    strict = None if wanted is False else strict_schema(schema)
    if strict is not None:
        return strict, True
    if wanted:
        raise ToolDefinitionError(
            f"OpenAI's strict mode cannot express the parameters of {name}: it knows no optional "
            "parameters, no free-form objects and only some formats."
        )
    return schema, False


async def _run(
    function: Callable[..., Any],
    context_name: str | None,
    arguments: Mapping[str, Any],
    context: ToolContext,
    on_preliminary: OnPreliminary,
) -> Any:
    given = dict(arguments) if context_name is None else {**arguments, context_name: context}
    if inspect.isasyncgenfunction(function):
        return await _last(function(**given), on_preliminary)
    call = functools.partial(function, **given)
    if inspect.iscoroutinefunction(function):
        return await call()
    run = run_in_thread if context.threads is None else context.threads.run
    output = await run(call, name=f"tool {function.__name__}")
    # A foreign decorator may hide that a function is async.
    return await output if inspect.isawaitable(output) else output


async def _last(outputs: AsyncGenerator[Any, None], on_preliminary: OnPreliminary) -> Any:
    output = None
    async with contextlib.aclosing(outputs):
        async for output in outputs:
            await on_preliminary(output)
    return output
