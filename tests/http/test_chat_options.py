"""`app.http.chat_options`: which model answers, and what a turn is told."""

import pytest
from pydantic import BaseModel

from app.errors import InvalidOption
from app.http.chat_options import ChatOptions
from app.http.objects import INSTRUCTION, ObjectSchema
from app.messages import ChatRequest

OPTIONS = ChatOptions(
    model="small",
    models=frozenset({"small", "large"}),
    system_prompt="Be kind.",
    temperature=0.5,
    max_output_tokens=10,
    max_steps=2,
    max_answer_bytes=3,
    status_wait_s=1,
    keep_alive_s=1,
    deadline_margin_s=1,
    max_turn_s=1,
)


def _asking(model: str | None) -> ChatRequest:
    return ChatRequest(shape="prompt", messages=(), model=model)


def test_the_model_is_the_servers_unless_an_allowed_one_is_asked_for() -> None:
    assert OPTIONS.model_for(_asking(None)) == "small"
    assert OPTIONS.model_for(_asking("large")) == "large"


def test_another_model_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidOption, match="allowed: large, small"):
        OPTIONS.model_for(_asking("huge"))


def test_a_turn_is_told_what_was_asked_for_and_what_the_server_decides() -> None:
    request = OPTIONS.turn_request(_asking(None), "small", "m1", None)

    assert (request.message_id, request.model, request.messages) == ("m1", "small", ())
    assert (request.system_prompt, request.temperature) == ("Be kind.", 0.5)
    assert (request.max_output_tokens, request.max_steps, request.max_answer_bytes) == (10, 2, 3)
    assert request.response_schema is None


def test_a_document_has_an_instruction_and_a_schema_of_its_own() -> None:
    class Recipe(BaseModel):
        title: str

    schema = ObjectSchema("recipe", Recipe)

    request = OPTIONS.turn_request(_asking(None), "small", "m1", schema)

    assert request.system_prompt == INSTRUCTION
    assert request.response_schema == schema.for_model()
