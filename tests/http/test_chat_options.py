"""`app.http.chat_options`: which model answers."""

import pytest

from app.errors import InvalidOption
from app.http.chat_options import ChatOptions
from app.messages import ChatRequest

OPTIONS = ChatOptions(
    model="small",
    models=frozenset({"small", "large"}),
    system_prompt=None,
    temperature=None,
    max_output_tokens=None,
    max_steps=1,
    max_answer_bytes=1,
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
