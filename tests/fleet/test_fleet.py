"""Random requests and faults on three servers that share a store: nothing that was promised breaks.

`make fleet-test` does the same for longer, and with another seed each time it is told one.
"""

from pathlib import Path

import pytest

from tests.fleet.checker import violations
from tests.fleet.history import encode
from tests.fleet.run import run

SECONDS = 18


@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1])
async def test_three_servers_keep_every_promise(seed: int, tmp_path: Path) -> None:
    history = await run(seed, SECONDS, tmp_path)

    (tmp_path / "history.json").write_bytes(encode(history))
    found = violations(history)
    assert not found, f"{history.command}\n{tmp_path}/history.json\n{found[:10]}"
    assert {fault.kind for fault in history.faults} == {"engine", "kill", "pause", "restart"}
    turns = {call.turn for call in history.calls}
    assert len(turns) > 30
