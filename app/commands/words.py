"""``deltaline words``: the example handler for our Lambda runtime, in the terminal."""

import argparse

from app.examples import words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``words`` understands to a (sub)parser."""
    words.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Carry out ``words``; return the exit status."""
    return words.run(args)
