"""``deltaline emulate``."""

from app.emulator.arguments import add_arguments
from app.emulator.program import run

__all__ = ["add_arguments", "run"]
