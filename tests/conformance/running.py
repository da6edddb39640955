"""Runs the node side and reads what became of each flow."""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.conformance.pace import Pace

HERE = Path(__file__).parent
IS_INSTALLED = shutil.which("node") is not None and (HERE / "node_modules" / "react").is_dir()
OK = "ok"
# How long a flow waits for something to be rendered, in seconds.
PATIENCE_S = 60.0

# One client with all its flows; a flow of its own gives up long before.
_LIMIT_S = 240


class ClientFailed(Exception):
    """The node process ended before it could say anything about its flows."""


async def run_client(
    url: str,
    client: str,
    flows: Sequence[str],
    *,
    pace: Pace | None = None,
    served_at: str | None = None,
    patience_s: float = PATIENCE_S,
    spoilt_patience_s: float = PATIENCE_S,
) -> Mapping[str, str]:
    """Return what became of each of the ``flows``: `OK` or what went wrong.

    Args:
        url: of the site.
        client: its name, as in `flows.CLIENTS`.
        flows: ``FLOW`` or ``FLOW@TRAP``.
        pace: follows the client.
        served_at: what stands before ``/api/chat`` and ``/parts/…``, if that is not the site.
        patience_s: how long a flow waits for something to be rendered, in seconds.
        spoilt_patience_s: the same for ``FLOW@TRAP``, most of which wait in vain.

    Raises:
        ClientFailed: the process failed as a whole.
    """
    variables = {
        "PATIENCE_MS": str(round(patience_s * 1000)),
        "SPOILT_PATIENCE_MS": str(round(spoilt_patience_s * 1000)),
        "NODE_ENV": "production",
    }
    pace = pace or Pace()
    if served_at is not None:
        variables["SERVED_AT"] = served_at
    process = await asyncio.create_subprocess_exec(
        "node",
        HERE / "main.mjs",
        url,
        client,
        *flows,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            out, err = await asyncio.gather(_follow(process, pace), _read(process.stderr))
            await process.wait()
    except TimeoutError:
        raise ClientFailed(f"{client} was not done within {_LIMIT_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        pace.ends()
    if process.returncode != 0:
        raise ClientFailed(f"{client}: exit status {process.returncode}\n{err.decode()}")
    results: Mapping[str, str] = json.loads(out)
    return results


async def _follow(process: asyncio.subprocess.Process, pace: Pace) -> bytes:
    """Let ``pace`` follow the process; return what it prints after its answers to that."""
    assert process.stdin is not None
    assert process.stdout is not None
    pace.begins(process.stdin)
    out = b""
    while data := await process.stdout.read(65536):
        rest = b"" if out else data.lstrip(b".")
        pace.answered(0 if out else len(data) - len(rest))
        out += data if out else rest
    pace.ends()
    return out.rstrip(b".")  # answers that it gave meanwhile


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    return await stream.read()
