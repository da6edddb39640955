"""``/openapi.json``: what it promises holds for the running app."""

import asyncio
import os
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx2
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from app.main import create_app
from app.scripted_model.serving import serve_scripted
from app.settings import Settings
from tests.chatting import NOWHERE, chatting
from tests.serving import served

if TYPE_CHECKING:
    import schemathesis

# Requests to each operation in each mode; `make fuzz` sends more.
EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "30"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the app, with the scripted model behind it, in a thread of its own."""
    ready: list[str] = []
    is_ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serve_scripted(delay_s=0) as model:
            app = create_app(Settings(openai_base_url=model, max_body_bytes=100_000))
            async with served(app) as address:
                ready.append(address)
                is_ready.set()
                await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert is_ready.wait(10)
    yield ready[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture(scope="module")
def described(url: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx2.get(f"{url}/openapi.json").json()
    return answer


def test_it_describes_every_route_of_the_contract(described: dict[str, Any]) -> None:
    routes = {
        (method.upper(), path)
        for path, operations in described["paths"].items()
        for method in operations
    }

    assert routes == {
        ("GET", "/api/chats"),
        ("GET", "/api/chats/{chat_id}"),
        ("DELETE", "/api/chats/{chat_id}"),
        ("POST", "/api/chat"),
        ("POST", "/"),
        ("POST", "/events"),
        ("POST", "/api/completion"),
        ("POST", "/api/object/{schema}"),
        ("POST", "/api/tools/{name}/invoke"),
        ("POST", "/invoke"),
        ("POST", "/mcp"),
        ("POST", "/api/mcp"),
        ("GET", "/api/chat"),
        ("GET", "/api/chat/{chat_id}/stream"),
        ("POST", "/api/chat/{chat_id}/stop"),
        ("GET", "/api/me"),
        ("GET", "/api/models"),
        ("GET", "/health"),
        ("GET", "/"),
    }


def test_no_route_promises_an_answer_that_it_never_gives(described: dict[str, Any]) -> None:
    operations = [operation for path in described["paths"].values() for operation in path.values()]

    assert not [operation for operation in operations if "422" in operation["responses"]]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


def test_every_parameter_of_a_path_is_described(described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        for operation in operations.values():
            named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}

            assert named == set(re.findall(r"{(\w+)}", path))


def test_every_example_works_against_the_running_app(url: str, described: dict[str, Any]) -> None:
    tried = 0
    for path, operations in described["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {})
        described_body = content.get("application/json", {})
        for example in described_body.get("examples", {}).values():
            jsonschema.validate(example["value"], described_body["schema"])
            response = httpx2.post(url + path, json=example["value"])

            assert (path, response.status_code) == (path, 200)
            media_type = response.headers["content-type"].partition(";")[0]
            assert media_type in operations["post"]["responses"]["200"]["content"]
            tried += 1

    assert tried >= 9


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, "400"), ({"messages": [{"role": "user", "content": "x" * 200_000}]}, "413")],
)
def test_an_error_has_the_described_form(
    url: str, described: dict[str, Any], body: object, status: str
) -> None:
    response = httpx2.post(f"{url}/api/chat", json=body)

    assert str(response.status_code) == status
    promised = described["paths"]["/api/chat"]["post"]["responses"][status]
    jsonschema.validate(response.json(), promised["content"]["application/json"]["schema"])


@pytest.mark.real
@pytest.mark.timeout(540)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_that_it_allows_or_forbids_breaks_the_app(
    url: str, described: dict[str, Any], mode: str
) -> None:
    # Loaded here, since it takes half a second of every process that collects this module.
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.result import Ok
    from schemathesis.specs.openapi import checks

    promised = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    checked: set[str] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode == "negative" and not (operation.body or operation.query):
            continue  # there is nothing to get wrong: any text is a path

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
        def check(case: "schemathesis.Case[Any]") -> None:
            response = case.call()
            case.validate_response(response, checks=promised)
            checked.add(case.operation.label)

        check()

    assert checked == {
        f"{method.upper()} {path}"
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if mode == "positive"
        or "requestBody" in operation
        or any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
    }


async def test_the_pages_for_people_are_there() -> None:
    async with chatting(NOWHERE) as chat:
        docs = await chat.http.get("/docs")

    assert docs.status_code == 200
    assert "/openapi.json" in docs.text
