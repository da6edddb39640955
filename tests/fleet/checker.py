"""Judges a history: every rule is a promise of docs/durability.md. No I/O."""

from collections.abc import Sequence

from tests.fleet import rules_of_chats, rules_of_streams, rules_of_turns
from tests.fleet.history import History
from tests.fleet.index import Index, Violation

RULES = (*rules_of_streams.RULES, *rules_of_chats.RULES, *rules_of_turns.RULES)


def violations(history: History) -> Sequence[Violation]:
    """Return all that must not be."""
    index = Index(history)
    return [violation for rule in RULES for violation in rule(index)]
