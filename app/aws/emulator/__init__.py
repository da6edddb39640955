"""A local Lambda that streams: Runtime API, Extensions API, and Lambda's public addresses.

    processes ── Runtime API, Extensions API ── environment ── worker ── function ── fronts ── you

`python -m app emulate` runs it; `Emulator` is the same for tests.
"""

from app.aws.emulator.arguments import add_arguments
from app.aws.emulator.options import Options
from app.aws.emulator.output import Console
from app.aws.emulator.program import Emulator, run

__all__ = ["Console", "Emulator", "Options", "add_arguments", "run"]
