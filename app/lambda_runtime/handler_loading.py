"""Loads the handler that ``_HANDLER`` names.

app.main:create_app      an ASGI app, or a function without arguments that makes one
examples.words.handler   a plain function; Lambda also writes examples/words.handler
"""

import importlib
from typing import Any, Protocol

from app.callables import takes
from app.lambda_runtime.asgi_call import AsgiHandler
from app.lambda_runtime.invocation_response import InvocationResponse
from app.lambda_runtime.lambda_call import FunctionConfig, LambdaCall
from app.lambda_runtime.plain_handler import PlainHandler


class Handler(Protocol):
    """What the runtime calls: `start` once, then the handler itself for each invocation."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def end_turns(self) -> None:
        """Let what runs end itself at once, if it can."""
        ...

    async def __call__(self, call: LambdaCall, response: InvocationResponse) -> None: ...


class HandlerNotFound(Exception):
    """``_HANDLER`` does not name a handler; the message says why."""


def load_handler(name: str, config: FunctionConfig, *, base_path: str = "") -> Handler:
    """Import the handler that ``name`` stands for.

    Its parameters decide what it is: ``(event, context)`` makes it a plain handler, ``(scope,
    receive, send)`` an ASGI app, none a factory of an ASGI app. Exceptions of its module are passed
    on.

    Raises:
        HandlerNotFound: there is no such module or attribute, or it is none of the three.
    """
    found = _find(name)
    if takes(found, 2):
        return PlainHandler(found, config)
    if not takes(found, 3) and takes(found, 0):
        found = found()
    if takes(found, 3):
        return AsgiHandler(found, config, base_path=base_path)
    raise HandlerNotFound(
        f"{name} is neither handler(event, context), nor an ASGI app, nor a factory of one."
    )


def _find(name: str) -> Any:
    module_name, colon, attributes = name.partition(":")
    if not colon:
        module_name, _, attributes = name.replace("/", ".").rpartition(".")
    if not module_name or not attributes:
        raise HandlerNotFound(
            f"_HANDLER is {name!r}; it must be like module:app or module.handler."
        )
    try:
        found: Any = importlib.import_module(module_name.replace("/", "."))
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise HandlerNotFound(f"There is no module {module_name} (_HANDLER is {name}).") from error
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise HandlerNotFound(f"{module_name} has no {attributes} (_HANDLER is {name}).")
        found = getattr(found, attribute)
    return found
