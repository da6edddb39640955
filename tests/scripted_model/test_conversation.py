"""A request, reduced to what scenarios depend on."""

from app.scripted_model.conversation import Conversation


def test_the_last_text_is_what_the_user_said_last() -> None:
    assert Conversation(model="m", user_texts=["one", "two"]).last_text == "two"


def test_without_a_user_the_last_text_is_empty() -> None:
    assert Conversation(model="m", user_texts=[]).last_text == ""
