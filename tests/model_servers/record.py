"""Records what the real model servers send: `python -m tests.model_servers.record`.

Into tests/traces/model_servers, one folder for each server and API. ``.stream`` is the body of a
stream, ``.refusal`` that of an error response, behind its status and a newline.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import httpx2

from app.messages import FilePart, Message, Part, StepRequest, TextPart, ToolSpec
from app.providers.openai.chat_body import chat_body
from app.providers.openai.responses_body import responses_body
from tests.model_servers.running import KEY, ROOT, Side, running
from tests.model_servers.scripts import IMAGE, SCRIPTS, TOO_LONG

Asked: TypeAlias = Mapping[str, StepRequest]

TRACES = ROOT / "tests" / "traces" / "model_servers"
CUT_AT = 20  # tokens

_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOLS = (
    ToolSpec("get_weather", "Tell the weather in a city.", _CITY),
    ToolSpec("delete_city", "Delete a city from the map.", _CITY),
)


def _request(model: str, *parts: Part, limit: int | None = None) -> StepRequest:
    messages = (Message("user", parts),)
    return StepRequest(model=model, messages=messages, tools=_TOOLS, max_output_tokens=limit)


def _asked(model: str) -> Asked:
    """Return the requests, by the names of their traces."""
    texts = {name: _request(model, TextPart(name)) for name in SCRIPTS if name != "result"}
    return {
        **texts,
        "cut": _request(model, TextPart("endless"), limit=CUT_AT),
        "too-long": _request(model, TextPart(TOO_LONG)),
        "image": _request(model, TextPart("text"), FilePart("image/png", IMAGE)),
        "unknown-model": _request("unknown", TextPart("text")),
    }


async def _record(http: httpx2.AsyncClient, side: Side) -> None:
    for name, request in _asked(side.model).items():
        for path, body in (
            ("chat/completions", chat_body(request, max_tokens="max_tokens")),
            ("responses", responses_body(request)),
        ):
            folder = TRACES / side.name / path.partition("/")[0]
            folder.mkdir(parents=True, exist_ok=True)
            headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
            url = f"{side.base_url}/{path}"
            response = await http.post(url, content=body, headers=headers, timeout=120)
            if response.status_code == 200:
                (folder / f"{name}.stream").write_bytes(response.content)
            else:
                refusal = b"%d\n%b" % (response.status_code, response.content)
                (folder / f"{name}.refusal").write_bytes(refusal)


async def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as servers,
    ):
        shutil.rmtree(TRACES, ignore_errors=True)
        async with httpx2.AsyncClient() as http:
            for side in (servers.llama, servers.proxied, servers.bridged):
                await _record(http, side)


if __name__ == "__main__":
    asyncio.run(main())
