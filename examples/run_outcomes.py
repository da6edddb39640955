"""Runs the three functions of `outcomes.py` in the emulator and prints how each of them ended.

    python -m examples.run_outcomes

They are invoked through the AWS SDK, because an HTTP status does not show how a stream ended.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import TextIO

from app.aws.invoke import InvokeError, invoke_streaming
from app.emulator.options import Options
from app.emulator.output import Console
from app.emulator.program import Emulator

FUNCTIONS = ("happy_path", "midstream_error", "timeout")
TIMEOUT_S = 3.0
_BOOTSTRAP = Path(__file__).resolve().parents[1] / "bootstrap"


def describe(url: str, name: str, out: TextIO) -> str:
    """Invoke one function and print what arrives; return how it ended, in one word."""
    out.write(f"{name}\n")
    try:
        for piece in invoke_streaming(name, b"{}", endpoint_url=url, timeout_s=10 * TIMEOUT_S):
            out.write(f"  arrived: {piece.decode().rstrip()}\n")
            out.flush()
    except InvokeError as error:
        ending = "timeout" if error.timed_out else "error"
        out.write(f"  ended:   {ending}: {error}\n")
        return ending
    out.write("  ended:   complete\n")
    return "complete"


async def run_outcomes(out: TextIO, log: TextIO) -> list[str]:
    """Run the functions one after another; return how they ended."""
    options = Options(
        command=(str(_BOOTSTRAP),),
        handlers={name: f"examples.outcomes.{name}" for name in FUNCTIONS},
        variables=dict(os.environ),
        timeout_s=TIMEOUT_S,
        port=0,
    )
    async with Emulator(options, Console(log)) as emulator:
        return [await asyncio.to_thread(describe, emulator.url, name, out) for name in FUNCTIONS]


def main() -> int:
    """Return 0 if each function ended in the way that its name says."""
    endings = asyncio.run(run_outcomes(sys.stdout, sys.stderr))
    return 0 if endings == ["complete", "error", "timeout"] else 1


if __name__ == "__main__":
    sys.exit(main())
