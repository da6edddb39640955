"""The table of gaps: each of its lines is about a test that there is."""

import ast
from pathlib import Path

from tests.providers.openers.every_opener import EVERY_OPENER, KNOWN_GAPS


def test_each_known_gap_names_an_opener_and_a_test() -> None:
    tests = {
        node.name
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AsyncFunctionDef)
    }

    assert {opener for opener, _ in KNOWN_GAPS} <= EVERY_OPENER.keys()
    assert {test.partition("[")[0] for _, test in KNOWN_GAPS} <= tests
