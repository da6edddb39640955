"""`app.tools.docstring`: what a docstring says to the model."""

from app.tools.docstring import read_docstring


def test_a_function_may_have_no_docstring() -> None:
    def f() -> None: ...

    assert read_docstring(f) == ("", {})


def test_the_description_is_all_before_the_first_section() -> None:
    def f() -> None:
        """Look up the weather.

        Ask for one city at a time.

        Returns:
            the weather
        Raises:
            KeyError: never
        """

    assert read_docstring(f) == ("Look up the weather.\n\nAsk for one city at a time.", {})


def test_parameters_have_descriptions_of_several_lines() -> None:
    def f() -> None:
        """Do it.

        Args:
            city: name of the city,
                such as Oslo: or Bergen
            days (int, optional): how many

            *rest: the rest
            empty:

        Returns:
            city: not a parameter
        """

    assert read_docstring(f)[1] == {
        "city": "name of the city, such as Oslo: or Bergen",
        "days": "how many",
        "rest": "the rest",
        "empty": "",
    }


def test_text_behind_the_parameters_is_none_of_theirs() -> None:
    def f() -> None:
        """Do it.

        Parameters:
            a: one
        Some more text.
            b: not a parameter
        """

    assert read_docstring(f) == ("Do it.", {"a": "one"})


def test_a_section_may_hold_no_entries() -> None:
    def f() -> None:
        """Do it.

        Args:
            whatever there is
        """

    assert read_docstring(f) == ("Do it.", {})
