"""Runs the node side and reads what became of each flow."""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tests.conformance.pace import Pace

HERE = Path(__file__).parent
IS_INSTALLED = shutil.which("node") is not None and (HERE / "node_modules" / "react").is_dir()
OK = "ok"
# How long a flow waits for something to be rendered, in seconds.
PATIENCE_S = 60.0

# A process with all its flows; a flow of its own gives up long before.
_LIMIT_S = 240


class ClientFailed(Exception):
    """The node process ended before it could say anything about its flows."""


class Job(msgspec.Struct, frozen=True, rename="camel"):
    """One flow of one client.

    Attributes:
        client: its name, as in `flows.CLIENTS`.
        site: URL at which the model's side can be asked.
        url: what stands before ``/api/chat`` and ``/parts/…``.
        is_spoilt: whether the flow should fail, most likely by waiting in vain.
    """

    client: str
    flow: str
    site: str
    url: str
    is_spoilt: bool = False


class Outcomes(msgspec.Struct, frozen=True):
    """What became of jobs, in their order, and what was thrown outside of all of them."""

    outcomes: Sequence[str]
    unhandled: str | None


async def run_client(url: str, client: str, flows: Sequence[str]) -> Mapping[str, str]:
    """Return what became of each of the ``flows``: `OK` or what went wrong.

    Args:
        url: of the site.
        client: its name, as in `flows.CLIENTS`.

    Raises:
        ClientFailed: the process failed as a whole.
    """
    ran = await run_jobs([Job(client, flow, url, url) for flow in flows])
    return {**dict(zip(flows, ran.outcomes, strict=True)), **outside(ran)}


def outside(ran: Outcomes) -> Mapping[str, str]:
    """Return what was thrown outside of all flows, as if it were one."""
    return {} if ran.unhandled is None else {"(unhandled)": ran.unhandled}


async def run_jobs(
    jobs: Sequence[Job],
    *,
    pace: Pace | None = None,
    spoilt_patience_s: float = PATIENCE_S,
) -> Outcomes:
    """Run ``jobs`` in one process.

    Args:
        pace: follows the process.
        spoilt_patience_s: how long what is spoilt waits for something to be rendered, in seconds.

    Raises:
        ClientFailed: the process failed as a whole.
    """
    variables = {
        "PATIENCE_MS": str(round(PATIENCE_S * 1000)),
        "SPOILT_PATIENCE_MS": str(round(spoilt_patience_s * 1000)),
        "NODE_ENV": "production",
    }
    pace = pace or Pace()
    process = await asyncio.create_subprocess_exec(
        "node",
        HERE / "main.mjs",
        msgspec.json.encode(jobs).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )
    names = ", ".join(dict.fromkeys(job.client for job in jobs))
    try:
        async with asyncio.timeout(_LIMIT_S):
            out, err = await asyncio.gather(_follow(process, pace), _read(process.stderr))
            await process.wait()
    except TimeoutError:
        raise ClientFailed(f"{names}: not done within {_LIMIT_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        pace.ends()
    if process.returncode != 0:
        raise ClientFailed(f"{names}: exit status {process.returncode}\n{err.decode()}")
    return msgspec.json.decode(out, type=Outcomes)


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
