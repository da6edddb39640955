"""The page's part in docs/users.md: what it says to copy works in the real hooks."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import Settings
from tests.owners.issuer import running_issuer
from tests.serving import served

_HERE = Path(__file__).parent
_DOCS = _HERE.parents[1] / "docs" / "users.md"
_PACKAGES = _HERE.parent / "conformance" / "node_modules"

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(not _PACKAGES.is_dir(), reason="run: npm ci --prefix tests/conformance"),
]


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_the_fetch_of_the_docs_gets_a_new_token_in_every_major(model: str) -> None:
    [example] = [
        block
        for block in re.findall(r"```js\n(.*?)```", _DOCS.read_text(encoding="utf-8"), re.DOTALL)
        if "export async function signedFetch" in block
    ]
    async with running_issuer() as issuer:
        settings = Settings(openai_base_url=model, **issuer.settings)
        async with served(create_app(settings)) as url:
            old, new = issuer.sign("ada", exp=1_700_000_000), issuer.sign("ada")
            process = await asyncio.create_subprocess_exec(
                *("node", "page_example.mjs", url, old, new),
                cwd=_HERE,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            output, errors = await process.communicate(example.encode())

    assert process.returncode == 0, errors.decode()
    found = json.loads(output)
    assert found.pop("atOnce") == {"statuses": [200, 200, 200], "refreshes": 1}
    assert sorted(found) == ["3.4", "4", "5", "6", "7"]
    for name, seen in found.items():
        assert "scripted model" in seen["shown"], name
        assert seen["refreshes"] == 1
        assert "The token has expired; please sign in again." in seen["error"]
