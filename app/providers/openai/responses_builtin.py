"""The tools that the provider runs (web search, code interpreter and so on), as tool calls.

An item that is done holds the call and its result, so both events come together, with the executor
``provider``. Sources and logs are in the output; images are files.

Source: openai-python 3.52, types/responses/response_output_item.py.
"""

from typing import Any, TypeAlias, assert_never

from app.events import Event, File, ToolInputAvailable, ToolOutputAvailable, ToolOutputError
from app.providers.openai.arguments import parse_arguments
from app.providers.openai.responses_chunks import (
    BuiltinCall,
    CodeInterpreter,
    CodeOutput,
    FileSearch,
    ImageGeneration,
    McpCall,
    WebSearch,
)

_JSON: TypeAlias = dict[str, Any]


def builtin_name(item: BuiltinCall) -> str:
    """Return the tool's name: its type in a request, or the name that the MCP server gave it."""
    match item:
        case WebSearch():
            return "web_search"
        case FileSearch():
            return "file_search"
        case CodeInterpreter():
            return "code_interpreter"
        case ImageGeneration():
            return "image_generation"
        case McpCall():
            return item.name or "mcp"
        case _:
            assert_never(item)


def builtin_events(call_id: str, item: BuiltinCall) -> list[Event]:
    """Return the call, its result, and the files that it made."""
    name = builtin_name(item)
    call = ToolInputAvailable(call_id, name, _input(item), "provider")
    if item.status in ("failed", "incomplete") or (isinstance(item, McpCall) and item.error):
        return [call, ToolOutputError(call_id, f"The model's {name.replace('_', ' ')} failed.")]
    output = {"status": item.status or "completed", **_output(item)}
    return [call, ToolOutputAvailable(call_id, output), *_files(item)]


def _input(item: BuiltinCall) -> Any:
    match item:
        case WebSearch():
            action = item.action or {}
            return {key: value for key, value in action.items() if key != "sources"}
        case FileSearch():
            return {"queries": item.queries or []}
        case CodeInterpreter():
            return {"code": item.code or ""}
        case ImageGeneration():
            return {"prompt": item.revised_prompt} if item.revised_prompt else {}
        case McpCall():
            try:
                return parse_arguments(item.arguments or "")
            except (ValueError, RecursionError):
                return item.arguments
        case _:
            assert_never(item)


def _output(item: BuiltinCall) -> _JSON:
    """Return the output. Sources, results and outputs are in it if the request asked for them."""
    match item:
        case WebSearch():
            sources = (item.action or {}).get("sources")
            return {"sources": sources} if sources else {}
        case FileSearch():
            return {} if item.results is None else {"results": item.results}
        case CodeInterpreter():
            outputs = item.outputs
            return {} if outputs is None else {"outputs": [_shown(one) for one in outputs]}
        case ImageGeneration():
            return {}
        case McpCall():
            return {"output": item.output}
        case _:
            assert_never(item)


def _shown(output: CodeOutput) -> _JSON:
    """Return an output without the bytes of an image, which go into a `File` event."""
    url = None if (output.url or "").startswith("data:") else output.url
    fields = {"type": output.type, "logs": output.logs, "url": url}
    return {name: value for name, value in fields.items() if value is not None}


def _files(item: BuiltinCall) -> list[Event]:
    if isinstance(item, ImageGeneration) and item.result:
        kind = item.output_format or "png"
        media_type = "image/svg+xml" if kind == "svg" else f"image/{kind}"
        return [File(media_type, f"data:{media_type};base64,{item.result}")]
    if isinstance(item, CodeInterpreter):
        urls = [output.url or "" for output in item.outputs or ()]
        return [File(_media_type(url), url) for url in urls if url.startswith(("data:", "https:"))]
    return []


def _media_type(url: str) -> str:
    named = url.removeprefix("data:").partition(";")[0] if url.startswith("data:") else ""
    return named or "image/png"
