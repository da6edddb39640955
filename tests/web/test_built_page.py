"""The page as it is delivered."""

import gzip
import json

import httpx2
from playwright.async_api import Request, expect

from tests.web.chromium import DEMO
from tests.web.conftest import Open
from tests.web.site import Site

_MOST_BYTES = 250_000  # of all files, compressed


def test_the_whole_page_is_small() -> None:
    files = [path for path in (DEMO / "dist").rglob("*") if path.is_file()]

    assert len(files) > 3
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < _MOST_BYTES


async def test_it_is_served_with_its_assets(home: Site) -> None:
    async with httpx2.AsyncClient(base_url=home.url) as http:
        page = await http.get("/")
        script = page.text.partition('src="./')[2].partition('"')[0]
        asset = await http.get(f"/{script}")
        nothing = await http.get("/assets/none.js")

    assert page.headers["content-type"].startswith("text/html")
    assert asset.headers["content-type"].startswith("text/javascript")
    assert nothing.status_code == 404


async def test_it_paints_without_waiting_for_the_backend(open_page: Open, home: Site) -> None:
    page = await open_page(viewport={"width": 1100, "height": 500})
    requests: list[Request] = []
    page.page.on("request", lambda request: requests.append(request))
    asked: list[str] = []
    # Never answered.
    await page.page.route("**/api/**", lambda route: asked.append(route.request.url))

    await page.page.reload()
    heading = page.page.get_by_role("heading", name="The Python backend behind")
    await expect(heading).to_be_in_viewport()

    urls = {request.url.partition("#")[0] for request in requests}
    paths = {url.removeprefix(home.url) for url in urls.difference(asked)}
    # The second by the page that was there before.
    assert set(asked) <= {f"{home.url}/api/chats?limit=200", f"{home.url}/api/models"}
    assert "/" in paths
    assert all(path == "/" or path.startswith(("/assets/", "data:")) for path in paths), paths


def test_the_lock_file_holds_no_download_addresses() -> None:
    lock = json.loads((DEMO / "package-lock.json").read_text())

    assert len(lock["packages"]) > 50
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
