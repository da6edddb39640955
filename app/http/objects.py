"""Structured output: the answer is one JSON document that fits a named schema (`useObject`).

The schemas are pydantic models, registered with ``create_app(schemas={"recipe": Recipe})``. The
model is given the JSON schema, the client the growing JSON text, and at the end the whole text is
checked, since not every model keeps to its schema.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from app.errors import NotFound
from app.events import Emit, Error, Event, Finish
from app.messages import Message, TextPart

if TYPE_CHECKING:
    from pydantic import BaseModel

INSTRUCTION = "Answer with one JSON document that fits the given schema, and with nothing else."


class ObjectSchema(msgspec.Struct, frozen=True):
    """A schema by its name."""

    name: str
    model: "type[BaseModel]"

    def for_model(self) -> tuple[str, Mapping[str, Any]]:
        """Return the name and JSON schema, as the model's API wants them."""
        return self.name, self.model.model_json_schema()

    def check(self, text: str) -> Error | None:
        """Return what is wrong with the model's whole answer, if anything is."""
        from pydantic import ValidationError  # at the start it would be a third of all imports

        try:
            self.model.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the document"
            return Error(
                "schema_mismatch",
                f"The model's answer does not fit the schema {self.name!r}: "
                f"{place}: {first['msg'][:200]}.",
            )
        return None


class Schemas:
    """The registered schemas.

    Args:
        models: returns pydantic models by the name in ``POST /api/object/{name}``; called when the
            first is asked for.
    """

    def __init__(self, models: "Callable[[], Mapping[str, type[BaseModel]]]") -> None:
        self._load = models
        self._models: Mapping[str, type[BaseModel]] | None = None

    def __getitem__(self, name: str) -> ObjectSchema:
        """Return the schema of this name.

        Raises:
            NotFound: there is none; names those that there are.
        """
        if self._models is None:
            self._models = self._load()
        model = self._models.get(name)
        if model is None:
            known = ", ".join(sorted(self._models)) or "none"
            raise NotFound(f"There is no schema {name[:60]!r}; known are: {known}.")
        return ObjectSchema(name, model)


def question(value: Any) -> Message:
    """Return what ``submit(value)`` of `useObject` posted, as the user's message."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Message("user", (TextPart(text),))


def checked(emit: Emit, schema: ObjectSchema, text: Callable[[], str]) -> Emit:
    """Return an ``emit`` that ends a turn with an error if its answer breaks the schema.

    Args:
        text: gives the answer's text so far.
    """

    async def emit_checked(events: Sequence[Event]) -> None:
        if not isinstance(events[-1], Finish):
            await emit(events)
            return
        await emit(events[:-1])  # now all of the text is known
        await emit([schema.check(text()) or events[-1]])

    return emit_checked
