"""``deltaline words``: the example handler for our Lambda runtime, in the terminal."""

from app.examples.words import add_arguments, run

__all__ = ["add_arguments", "run"]
