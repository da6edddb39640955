"""`app.chats.user_message`: which question of a chat a request is about.

What is done with it is in `test_plan`, which counts as this module's own test too.
"""

import pytest

from app.chats.user_message import Place, find_place
from app.errors import ChatHasGoneOn
from tests.chats.stored import answer, old, posted, posted_by_4, user

U1, A1, U2, A2 = user("u1"), answer("a1"), user("u2", "And?"), answer("a2")
TALK = [U1, A1, U2, A2]


def test_only_the_last_question_may_be_a_retry() -> None:
    assert find_place(TALK, posted(U2), U2) == Place(3, adds=False, may_be_retry=True)
    with pytest.raises(ChatHasGoneOn):
        find_place(TALK, posted(U1), U1)


def test_another_answer_is_no_retry() -> None:
    asked = posted(U2, trigger="regenerate-message")

    assert find_place(TALK, asked, U2) == Place(3, adds=False)


def test_a_reload_of_ai_sdk_4_is_no_retry() -> None:
    asked = posted_by_4(old("user", "Hi"), old("user", "And?"))

    assert find_place(TALK, asked, {**U2, "id": ""}) == Place(3, adds=False)


def test_an_empty_chat_has_no_place_but_its_beginning() -> None:
    assert find_place([], posted(U1), U1) == Place(0, adds=True)
    assert find_place([], posted_by_4(old("user", "Hi")), {**U1, "id": ""}) == Place(0, adds=True)
