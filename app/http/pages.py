"""The routes of the built pages: the demo page at ``/``, the one to begin with at ``/minimal/``.

A page is what ``npm run build`` has made in its folder; who wants an API only has none. What serves
its files is loaded when somebody asks for one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.http.endpoint import HIDDEN, Endpoint

if TYPE_CHECKING:
    from app.http.built_page import BuiltPage

_WEB = Path(__file__).parents[2] / "web"


class Pages:
    """What serves the pages.

    Args:
        demo: folder of the built demo page, whether or not there is one.
        minimal: folder of the built page to begin with.
    """

    def __init__(
        self,
        demo: Path = _WEB / "useChat-demo" / "dist",
        minimal: Path = _WEB / "minimal" / "dist",
    ) -> None:
        self._folders = {"demo": demo, "minimal": minimal}
        self._loaded: dict[str, BuiltPage] = {}

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the routes of the pages, but that of ``/``, which is not a page's alone."""
        methods: tuple[Literal["GET", "HEAD"], ...] = ("GET", "HEAD")
        return [
            Endpoint(path, method, respond, HIDDEN, True)
            for path, respond in (
                ("/assets/{name}", self.asset),
                ("/minimal{path:path}", self.minimal),
            )
            for method in methods
        ]

    async def home(self, request: Request) -> Response | None:
        """Return the demo page; None if it was not built."""
        return await self._page("demo").start(request)

    async def asset(self, request: Request) -> Response:
        """Return a file that the demo page loads."""
        name = request.path_params["name"]
        return await self._page("demo").asset(request, name) or _nothing()

    async def minimal(self, request: Request) -> Response:
        """Return the page to begin with, or a file that it loads."""
        path = request.path_params["path"]
        page = self._page("minimal")
        if path.startswith("/assets/"):
            return await page.asset(request, path.removeprefix("/assets/")) or _nothing()
        found = await page.start(request) if path in ("", "/") else None
        if found is None:
            _nothing()
        if path == "/":
            return found
        # Its files are found relative to its address, of which the browser is told the last part
        # only: behind a proxy the rest may be another.
        query = f"?{request.url.query}" if request.url.query else ""
        return Response(status_code=307, headers={"location": f"minimal/{query}"})

    def _page(self, name: str) -> "BuiltPage":
        page = self._loaded.get(name)
        if page is None:
            from app.http.built_page import BuiltPage

            page = self._loaded[name] = BuiltPage(self._folders[name])
        return page


def _nothing() -> NoReturn:
    # It may be there the next time: pages are built while servers run.
    raise HTTPException(404, headers={"cache-control": "no-cache"})
