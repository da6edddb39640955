"""``deltaline tool``: run one tool in the terminal and print its statuses as they arrive."""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from app.commands.chat_text import one_line
from app.errors import RequestError
from app.messages import ToolRequest
from app.protocols.tool_result import ToolResult, to_json
from app.settings import Settings, SettingsError, load_settings
from app.tools.loading import EXAMPLES, ToolLoadError, load_tools
from app.tools.standalone import choose_tool, run_request
from app.tools.tool import DEFAULT_TIMEOUT_S, Tool

# How long to wait for MCP servers that do not say which tools they have, in seconds. A program may
# have to be installed by its own command (npx, uvx).
_SETTLE_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``tool`` understands to a (sub)parser."""
    parser.description = (
        "Run one tool and print what it says: statuses to standard error while it works, the "
        "result as JSON to standard output. Exit status 1 if the tool failed. Without a name, list "
        "the tools."
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="a tool of CHAT_TOOL_MODULES, CHAT_APP or the servers of CHAT_MCP_SERVERS, or an "
        f"example: {', '.join(EXAMPLES)}",
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
    if args.name is None and args.url is not None:
        return _complain("Name the tool that is to run there.")
    try:
        return asyncio.run(_list() if args.name is None else _run(args))
    except (SettingsError, ToolLoadError) as error:
        return _complain(str(error))
    except RequestError as error:
        return _complain(error.public_message)


async def _list() -> int:
    settings = load_settings()
    examples = load_tools(tuple(EXAMPLES))
    async with _with_others(settings, load_tools(modules=settings.tool_modules)) as tools:
        for tool in {**examples, **tools}.values():
            where = " (runs in the chat client)" if tool.run is None else ""
            print(f"{tool.name}{where}  {one_line(tool.description)}".rstrip())
    return 0


async def _run(args: argparse.Namespace) -> int:
    request = ToolRequest(name=args.name, args=args.args, context={}, tool_config=args.config)
    async with _tools_for(args) as tools:
        result = await _result(choose_tool(tools, args.name, default=None), request)
    print(json.dumps(to_json(result), ensure_ascii=False, indent=2))
    return 1 if result.status == "error" else 0


@contextlib.asynccontextmanager
async def _tools_for(args: argparse.Namespace) -> AsyncIterator[Mapping[str, Tool]]:
    """Give the tools among which the named one is, if there is one."""
    if args.url is not None:
        from app.tools.remote import RemoteTool

        yield {args.name: RemoteTool(args.name, function_url=args.url, timeout_s=args.timeout)}
        return
    settings = load_settings()
    names = (args.name,) if args.name in EXAMPLES else ()
    tools = load_tools(names, modules=settings.tool_modules)
    if args.name in tools:
        yield tools  # a server may have to be installed first
        return
    async with _with_others(settings, tools) as all_tools:
        yield all_tools


@contextlib.asynccontextmanager
async def _with_others(
    settings: Settings, tools: Mapping[str, Tool]
) -> AsyncIterator[Mapping[str, Tool]]:
    """Give ``tools`` and those of the user's own app or of the MCP servers.

    Sessions with servers, and what the app holds open, last as long as the block.
    """
    if settings.app is not None:
        async with _of_own_app(settings, settings.app) as own:
            yield {**tools, **own}
        return
    if settings.mcp_servers is None:
        yield tools
        return
    from app.setup.mcp import make_servers, serve_tools

    served = serve_tools(tools, make_servers(settings, ()), settle_s=_SETTLE_S)
    served.start()
    try:
        await served.settle("")
        yield served.of("")
    finally:
        await served.aclose()


@contextlib.asynccontextmanager
async def _of_own_app(settings: Settings, name: str) -> AsyncIterator[Mapping[str, Tool]]:
    """Give the tools of every app that the user's factory makes, those of its servers included."""
    from app.commands.own_app import own_app
    from app.setup.serving import Serving

    server = Serving(settings)
    own_app(name, server)
    found: dict[str, Tool] = {}
    async with contextlib.AsyncExitStack() as stack:
        for made in server.made:
            await stack.enter_async_context(made.lifespan(made.app))
            await made.tools.settle("")
            found |= made.tools.of("")
        yield found


async def _result(tool: Tool, request: ToolRequest) -> ToolResult:
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
