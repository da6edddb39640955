"""The npm clients under test: the same ones are installed, asked and documented."""

import json
import re
from pathlib import Path

from tests.conformance.flows import CLIENTS

_ROOT = Path(__file__).parent.parent


def _installed() -> dict[str, str]:
    """Return the version of `@ai-sdk/react` by the client's name."""
    text = (_ROOT / "tests/conformance/package.json").read_text(encoding="utf-8")
    packages: dict[str, str] = json.loads(text)["dependencies"]
    return {
        name.removeprefix("react-"): package.rpartition("@")[2]
        for name, package in packages.items()
        if package.startswith("npm:@ai-sdk/react@")
    }


def test_every_client_that_is_installed_is_asked() -> None:
    assert list(_installed()) == list(CLIENTS)


def test_the_page_about_protocols_names_every_client() -> None:
    page = (_ROOT / "docs/protocols.md").read_text(encoding="utf-8")
    _, _, named = page.partition("**Clients that read our bytes in `make test`**")
    named = " ".join(named.partition("\n\n")[0].split())

    assert re.findall(r"([\d.]+) \(", named) == list(_installed().values())
