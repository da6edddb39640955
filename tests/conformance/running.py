"""Runs the node side and reads what became of each flow."""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
IS_INSTALLED = shutil.which("node") is not None and (HERE / "node_modules" / "react").is_dir()
OK = "ok"
# How long a flow waits for something to be rendered, in seconds.
PATIENCE_S = 20.0

# One client with all its flows; a flow of its own gives up long before.
_LIMIT_S = 90


class ClientFailed(Exception):
    """The node process ended before it could say anything about its flows."""


async def run_client(
    url: str,
    client: str,
    flows: Sequence[str],
    *,
    served_at: str | None = None,
    patience_s: float = PATIENCE_S,
) -> Mapping[str, str]:
    """Return what became of each of the ``flows``: `OK` or what went wrong.

    Args:
        url: of the site.
        client: its name, as in `flows.CLIENTS`.
        flows: ``FLOW`` or ``FLOW@TRAP``.
        served_at: what stands before ``/api/chat`` and ``/parts/…``, if that is not the site.
        patience_s: how long a flow waits for something to be rendered, in seconds.

    Raises:
        ClientFailed: the process failed as a whole.
    """
    variables = {"PATIENCE_MS": str(round(patience_s * 1000)), "NODE_ENV": "production"}
    if served_at is not None:
        variables["SERVED_AT"] = served_at
    process = await asyncio.create_subprocess_exec(
        "node",
        HERE / "main.mjs",
        url,
        client,
        *flows,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            out, err = await process.communicate()
    except TimeoutError:
        raise ClientFailed(f"{client} was not done within {_LIMIT_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ClientFailed(f"{client}: exit status {process.returncode}\n{err.decode()}")
    results: Mapping[str, str] = json.loads(out)
    return results
