"""The files that pages copy so that answers survive a cut connection, with the real clients."""

import asyncio
from pathlib import Path

import pytest

from tests.conformance.running import HERE, IS_INSTALLED
from tests.conformance.site import site
from tests.cutting_relay import cutting_relay

_DEMO = Path(__file__).parent.parent / "web" / "useChat-demo"
_IS_BUNDLED = (_DEMO / "node_modules" / "rolldown").is_dir()

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (IS_INSTALLED and _IS_BUNDLED), reason="needs node, `make node-tests` and `make web`"
    ),
]


async def run(script: str, *arguments: str) -> str:
    """Run a script of the folder and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(HERE / "resuming" / script), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.parametrize("client", ["4", "5.0.0", "5", "6", "7"])
async def test_wherever_connections_are_cut_the_message_is_that_of_the_server(client: str) -> None:
    async with site() as url, cutting_relay(url) as (relay, relay_url):
        said = await run("cuts.mjs", client, url, relay_url)

        assert int(said.split()[0]) > 80
        assert sum(relay.cuts.values()) > 80


async def test_whatever_a_connection_does_no_chunk_is_lost_and_none_comes_twice() -> None:
    assert await run("cases.mjs") == "16 cases\n"
