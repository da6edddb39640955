"""A page as it was built: ``index.html``, and files below ``assets`` that it loads.

The build has put a hash of its content into the name of each file below ``assets``, so browsers and
this process keep them for good, and has laid a compressed one beside each that shrinks
(``web/useChat-demo/compress.ts``). ``index.html`` has one name for ever: browsers ask each time
whether it is still the same, and this process looks whether the page was built anew meanwhile.

Nothing outside the folder can be asked for: a name is one word of letters, digits and ``-_.``
whose ending is known here, and only files are served, no links.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.http.page_headers import ASK_FIRST, CONTENT_SECURITY_POLICY, IMMUTABLE, REFERRER_POLICY
from app.requests.representation import coding_for, has
from app.threads import Aside

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(\.[a-z0-9]+)")
# What the build may make. The machine's own table of types may be wrong, or empty.
_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
# These can hold scripts, and can be opened by themselves.
_DOCUMENTS = frozenset({".html", ".svg"})
# The endings of the compressed files, the smallest first.
_CODINGS: Mapping[str, str] = {"br": ".br", "gzip": ".gz"}
# How long a file has to be unchanged until it is taken for whole, in seconds.
_SETTLED_S = 2.0


class _File(msgspec.Struct, frozen=True):
    """A file, with what lies beside it.

    Attributes:
        mark: changes with the file.
        codings: those in which it lies there.
        is_settled: whether it is certain that nobody is still writing it.
    """

    path: Path
    mark: tuple[int, int, int]
    codings: tuple[str, ...]
    is_settled: bool


class _Body(msgspec.Struct, frozen=True):
    content: bytes
    entity_tag: str


class BuiltPage:
    """Serves a page that was built, also while it is built anew.

    Args:
        folder: where it is, if it is.
    """

    def __init__(self, folder: Path) -> None:
        self._start = folder / "index.html"
        self._assets = folder / "assets"
        self._aside = Aside("page")  # one at a time, so that no flood of requests makes threads
        self._known_start: _File | None = None
        self._kept: dict[Path, _File] = {}
        self._bodies: dict[tuple[Path, str | None], _Body] = {}

    async def start(self, request: Request) -> Response | None:
        """Return the page itself; None if there is none."""
        return await self._response(request, self._start, ".html")

    async def asset(self, request: Request, name: str) -> Response | None:
        """Return the file of this name below ``assets``; None if there is none."""
        named = _NAME.fullmatch(name)
        if named is None or named[1] not in _TYPES:
            return None
        return await self._response(request, self._assets / name, named[1])

    async def _response(self, request: Request, path: Path, ending: str) -> Response | None:
        accepted = ", ".join(request.headers.getlist("accept-encoding"))
        found = self._remembered(path, accepted)
        if found is None:
            # Not here: a disk may be slow, and others' tokens are on their way.
            found = await self._aside.run(lambda: self._read(path, accepted), size=0)
        if found is None:
            return None
        file, coding, body = found
        is_for_good = file.is_settled and path != self._start
        headers = {
            "cache-control": IMMUTABLE if is_for_good else ASK_FIRST,
            "etag": body.entity_tag,
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if ending in _DOCUMENTS:
            headers["content-security-policy"] = CONTENT_SECURITY_POLICY
            headers["referrer-policy"] = REFERRER_POLICY
        if has(", ".join(request.headers.getlist("if-none-match")), body.entity_tag):
            return Response(status_code=304, headers=headers)
        headers["content-type"] = _TYPES[ending]
        headers["accept-ranges"] = "none"  # who asks for a part of it gets all
        headers["content-length"] = str(len(body.content))
        if coding is not None:
            headers["content-encoding"] = coding
        return Response(b"" if request.method == "HEAD" else body.content, headers=headers)

    def _remembered(self, path: Path, accepted: str) -> tuple[_File, str | None, _Body] | None:
        file = self._kept.get(path)
        if file is None:
            return None
        coding = coding_for(accepted, file.codings)
        body = self._bodies.get((path, coding))
        return None if body is None else (file, coding, body)

    def _read(self, path: Path, accepted: str) -> tuple[_File, str | None, _Body] | None:
        """Read a file, in a thread; None if it is not there."""
        file = _look(path)
        if path == self._start and file != self._known_start:
            # The page was built anew: what it loads has other names now.
            self._kept.clear()
            self._bodies.clear()
            self._known_start = file
        if file is None:
            return None
        coding = coding_for(accepted, file.codings)
        body = self._bodies.get((path, coding))
        if body is None:
            try:
                content = _beside(path, coding).read_bytes()
            except FileNotFoundError:
                return None  # it went away just now
            body = _Body(content, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
            if file.is_settled:
                self._bodies[path, coding] = body
        if file.is_settled and path != self._start:
            self._kept[path] = file
        return file, coding, body


def _beside(path: Path, coding: str | None) -> Path:
    """Return where a file lies in this coding."""
    return path if coding is None else path.with_name(path.name + _CODINGS[coding])


def _look(path: Path) -> _File | None:
    found = _status(path)
    if found is None:
        return None
    beside = {coding: _status(_beside(path, coding)) for coding in _CODINGS}
    return _File(
        path,
        (found.st_mtime_ns, found.st_size, found.st_ino),
        # One that is older is of an earlier build.
        tuple(
            coding
            for coding, one in beside.items()
            if one is not None and one.st_mtime_ns >= found.st_mtime_ns
        ),
        time.time() - found.st_mtime > _SETTLED_S,
    )


def _status(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None
