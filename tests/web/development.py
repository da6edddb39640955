"""The page as its developers run it: React mounts everything twice, and names are whole."""

import mimetypes
import os
import re
import subprocess
from pathlib import Path

from playwright.async_api import Route

from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import DEMO


def build_for_development(folder: Path) -> Path:
    """Build the page with React's development build, which alone mounts twice."""
    vite = DEMO / "node_modules" / "vite" / "bin" / "vite.js"
    options = ("--mode", "development", "--minify", "false", "--outDir", str(folder))
    environment = {**os.environ, "NODE_ENV": "development"}
    command = ("node", str(vite), "build", *options, "--logLevel", "error")
    subprocess.run(command, cwd=DEMO, env=environment, check=True)
    scripts = "".join(path.read_text() for path in (folder / "assets").glob("*.js"))
    assert "react-dom-client.development" in scripts
    return folder


async def open_built(page: ChatPage, url: str, built: Path, generation: Generation) -> None:
    """Open a build of the page in place of the one that is served."""

    async def serve(route: Route) -> None:
        path = route.request.url.removeprefix(url).partition("?")[0].lstrip("/")
        file = built / (path or "index.html")
        await route.fulfill(
            body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or ""
        )

    await page.page.route(re.compile(rf"^{re.escape(url)}/(assets/.*)?(\?.*)?$"), serve)
    await page.open(url, generation)
