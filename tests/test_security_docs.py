"""`docs/security.md` names tests that exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_it_names_exists(file: str, name: str) -> None:
    source = (TESTS / file).read_text(encoding="utf-8")

    assert re.search(rf"^(?:async )?def {name}\(", source, re.MULTILINE)


def test_every_row_says_what_shows_it() -> None:
    table = PAGE.partition("| who | tries to |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]

    assert len(rows) > 20
    assert [row for row in rows if "::test_" not in row.rpartition("| `")[2]] == []
