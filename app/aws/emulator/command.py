"""``deltaline emulate``."""

from app.aws.emulator.arguments import add_arguments
from app.aws.emulator.program import run

__all__ = ["add_arguments", "run"]
