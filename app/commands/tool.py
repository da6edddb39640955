"""``deltaline tool``: run one tool in the terminal and print its statuses as they arrive."""

import argparse
import asyncio
import json
import sys
from typing import Any

from app.errors import RequestError
from app.messages import ToolRequest
from app.protocols.tool_result import ToolResult, to_json
from app.settings import SettingsError, load_settings
from app.tools.loading import EXAMPLES, ToolLoadError, load_tools
from app.tools.standalone import choose_tool, run_request
from app.tools.tool import DEFAULT_TIMEOUT_S, Tool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``tool`` understands to a (sub)parser."""
    parser.description = (
        "Run one tool and print what it says: statuses to standard error while it works, the "
        "result as JSON to standard output. Exit status 1 if the tool failed."
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        help=f"a tool of CHAT_TOOL_MODULES, or an example: {', '.join(EXAMPLES)}",
    )
    parser.add_argument(
        "--args",
        type=_json_object,
        default={},
        metavar="JSON",
        help='the arguments, such as \'{"city":"Oslo"}\'',
    )
    parser.add_argument(
        "--config", type=_json_object, default={}, metavar="JSON", help="the tool's configuration"
    )
    parser.add_argument(
        "--url", metavar="URL", help="run the tool of this name there, for example a Function URL"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="S",
        help="with --url: seconds that it may take (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Carry out ``tool``; return the exit status."""
    try:
        tool = _tool(args)
    except (SettingsError, ToolLoadError) as error:
        return _complain(str(error))
    except RequestError as error:
        return _complain(error.public_message)
    request = ToolRequest(name=args.name, args=args.args, context={}, tool_config=args.config)
    result = asyncio.run(_run(tool, request))
    print(json.dumps(to_json(result), ensure_ascii=False, indent=2))
    return 1 if result.status == "error" else 0


def _tool(args: argparse.Namespace) -> Tool:
    if args.url is not None:
        from app.tools.remote import RemoteTool

        return RemoteTool(args.name, function_url=args.url, timeout_s=args.timeout)
    settings = load_settings()
    modules = settings.tool_modules
    tools = load_tools((args.name,) if args.name in EXAMPLES else (), modules=modules)
    return choose_tool(tools, args.name, default=None)


async def _run(tool: Tool, request: ToolRequest) -> ToolResult:
    def show(message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    return await run_request(tool, request, on_status=show)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be a JSON object")
    return value


def _complain(sentence: str) -> int:
    print(f"deltaline: {sentence}", file=sys.stderr)
    return 2
