"""The addresses of the built pages."""

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from tests.chatting import NOWHERE
from tests.http.built_pages import SCRIPT, build, reading
from tests.serving import served


async def test_each_page_has_its_address_and_its_files(tmp_path: Path) -> None:
    demo, minimal = build(tmp_path / "demo"), build(tmp_path / "minimal", "small")

    async with reading(demo, minimal) as reader:
        pages = [await reader.get(path) for path in ("/", "/minimal/")]
        scripts = [await reader.get(f"{path}assets/{SCRIPT}") for path in ("/", "/minimal/")]

    assert [page.body for page in pages] == [b"plain index.html one", b"plain index.html small"]
    assert [script.body.split()[-1] for script in scripts] == [b"one", b"small"]
    assert all("content-security-policy" in page.headers for page in pages)


async def test_without_the_slash_the_browser_is_sent_on_to_where_the_files_are(
    tmp_path: Path,
) -> None:
    async with reading(build(tmp_path)) as reader:
        found = await reader.get("/minimal")
        asked = await reader.get("/minimal?api=/api/chat")

    # Relative, since a proxy may have cut something off before it.
    assert (found.status, found.headers["location"]) == (307, "minimal/")
    assert asked.headers["location"] == "minimal/?api=/api/chat"


@pytest.mark.parametrize(
    "path", ["/minimal", "/minimal/", "/minimal/assets/x.js", "/assets/x.js", "/minimalist"]
)
async def test_a_page_that_was_not_built_is_not_there(tmp_path: Path, path: str) -> None:
    async with reading(tmp_path) as reader:
        assert (await reader.get(path)).status == 404


@pytest.mark.parametrize("path", ["/minimal/index.html", "/minimalist", "/minimal//", "/minimal/x"])
async def test_a_page_has_one_address(tmp_path: Path, path: str) -> None:
    async with reading(build(tmp_path)) as reader:
        assert (await reader.get(path)).status == 404


async def test_who_takes_our_routes_takes_the_pages_along() -> None:
    outer = FastAPI()
    outer.include_router(create_app(Settings(openai_base_url=NOWHERE)).router, prefix="/ai")

    async with served(outer) as url, httpx2.AsyncClient() as client:
        missing = await client.get(f"{url}/ai/assets/none.js")
        wrong = await client.post(f"{url}/ai/assets/none.js")

    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-cache")
    assert wrong.status_code == 405


async def test_what_serves_pages_is_loaded_when_somebody_asks_for_one() -> None:
    code = (
        "import asyncio, sys\n"
        "import httpx2\n"
        "from app.main import create_lean_app\n"
        "from app.settings import Settings\n"
        "app = create_lean_app(Settings(openai_api_key='x'))\n"
        "async def main():\n"
        "    transport = httpx2.ASGITransport(app)\n"
        "    async with httpx2.AsyncClient(transport=transport, base_url='http://x') as client:\n"
        "        for path in ('/health', '/assets/none.js'):\n"
        "            await client.get(path)\n"
        "            print('app.http.built_page' in sys.modules)\n"
        "asyncio.run(main())\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )

    assert ran.stdout.split() == ["False", "True"]


def test_the_pages_need_no_token_and_are_not_documented() -> None:
    settings = Settings(openai_base_url=NOWHERE, auth_token="secret")
    paths = create_app(settings).openapi()["paths"]

    assert not [path for path in paths if "minimal" in path or "assets" in path]
    assert "head" not in paths["/"]
