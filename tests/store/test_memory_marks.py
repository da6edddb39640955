"""`app.store.memory_marks`."""

from app.store.memory_marks import Marks


def test_only_the_first_call_in_a_while_is_the_first() -> None:
    marks = Marks()

    assert [marks.once("k", 10.0, now) for now in (0.0, 9.0, 10.0, 11.0)] == [
        True,
        False,
        True,
        False,
    ]


def test_what_is_over_is_forgotten_and_nothing_else() -> None:
    marks = Marks()
    marks.once("old", 10.0, 0.0)
    marks.once("new", 11.0, 0.0)

    marks.forget_before(10.0)

    assert list(marks._once) == ["new"]
    assert not marks.once("new", 1.0, 10.0)
