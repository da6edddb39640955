"""The command line: ``deltaline COMMAND``, with the commands of `COMMANDS` below.

Each command is a module with ``add_arguments(parser)`` and ``run(args)``. Only the module of the
requested command is imported: the server does not load the emulator, and ``--help`` is quick.
"""

import argparse
import contextlib
import gc
import sys
from collections.abc import Sequence
from importlib import import_module

from app import __version__

# name: (module, summary)
COMMANDS = {
    "serve": ("app.commands.serve", "run the chat backend"),
    "emulate": ("app.commands.emulate", "run a local Lambda that streams"),
    "invoke": ("app.commands.invoke", "call a streaming Lambda function and print its answer"),
    "tool": ("app.commands.tool", "run one tool in the terminal, or list them"),
    "chats": ("app.commands.chats", "list, read, save and delete stored chats"),
    "words": ("app.commands.words", "run the example handler that streams a sentence"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="deltaline",
        description="Stream chat from an OpenAI-compatible model to React useChat.",
    )
    parser.add_argument("--version", action="version", version=f"deltaline {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, (module_name, does) in COMMANDS.items():
        command = commands.add_parser(name, help=does)
        if name == asked:
            gc.disable()  # importing makes many objects and next to no garbage
            module = import_module(module_name)
            gc.enable()
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 2
    try:
        status: int = args.run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` has. Python would complain at its
        # exit about what is still buffered.
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.close()
        return 141
    return status
