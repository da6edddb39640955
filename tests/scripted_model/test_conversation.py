"""A request, reduced to what scenarios depend on."""

from app.scripted_model.conversation import Conversation


def test_the_last_text_is_what_the_user_said_last() -> None:
    assert Conversation(model="m", user_texts=["one", "two"]).last_text == "two"


def test_without_a_user_the_last_text_is_empty() -> None:
    assert Conversation(model="m", user_texts=[]).last_text == ""


def test_a_request_is_the_first_of_its_kind_unless_it_says_so() -> None:
    conversation = Conversation(model="m", user_texts=[])

    assert (conversation.attempt, conversation.prompt_tokens) == (1, 0)
    assert (conversation.rounds, conversation.max_tokens, conversation.schema) == ((), None, None)
