"""Which bytes of a built page a client gets, and what it may do with them."""

import asyncio
import json
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.http.pages import Pages
from tests.http.built_pages import LONG_AGO, SCRIPT, app_of, build, reading, write
from tests.serving import served

_SCRIPT = f"/assets/{SCRIPT}"
_CHROME = "gzip, deflate, br, zstd"


@pytest.mark.parametrize("path", ["/", _SCRIPT])
@pytest.mark.parametrize(
    ("accepted", "coding", "how"),
    [(_CHROME, "br", b"brotli"), ("gzip", "gzip", b"gzip"), ("identity", None, b"plain")],
)
async def test_a_file_is_sent_as_it_was_compressed_when_it_was_built(
    tmp_path: Path, path: str, accepted: str, coding: str | None, how: bytes
) -> None:
    async with reading(build(tmp_path)) as reader:
        first = await reader.get(path, accept_encoding=accepted)
        second = await reader.get(path, accept_encoding=accepted)

    assert first.body.startswith(how)
    assert first.headers.get("content-encoding") == coding
    assert first.headers["content-length"] == str(len(first.body))
    assert first.headers["vary"] == "accept-encoding"
    assert (second.status, second.body) == (200, first.body)
    assert second.headers["etag"] == first.headers["etag"]


async def test_each_representation_has_a_tag_of_its_own(tmp_path: Path) -> None:
    async with reading(build(tmp_path)) as reader:
        tags = {
            (await reader.get(_SCRIPT, accept_encoding=coding)).headers["etag"]
            for coding in ("br", "gzip", "identity")
        }

    assert len(tags) == 3


async def test_what_has_a_hash_in_its_name_is_kept_for_good_and_the_page_is_not(
    tmp_path: Path,
) -> None:
    async with reading(build(tmp_path)) as reader:
        page, script = await reader.get("/"), await reader.get(_SCRIPT)

    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("path", ["/", _SCRIPT])
async def test_who_has_it_already_gets_only_the_news_that_nothing_is_new(
    tmp_path: Path, path: str
) -> None:
    async with reading(build(tmp_path)) as reader:
        had = await reader.get(path, accept_encoding="br")
        again = await reader.get(path, accept_encoding="br", if_none_match=had.headers["etag"])
        other = await reader.get(path, accept_encoding="gzip", if_none_match=had.headers["etag"])

    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == had.headers["etag"]
    assert again.headers["cache-control"] == had.headers["cache-control"]
    assert again.headers["vary"] == "accept-encoding"
    assert "content-encoding" not in again.headers
    assert (other.status, other.body[:4]) == (200, b"gzip")


@pytest.mark.parametrize("path", ["/", _SCRIPT])
async def test_head_says_what_get_would(tmp_path: Path, path: str) -> None:
    async with reading(build(tmp_path)) as reader:
        got = await reader.get(path, accept_encoding="br")
        head = await reader.get(path, "HEAD", accept_encoding="br")

    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


async def test_who_asks_for_a_part_gets_all(tmp_path: Path) -> None:
    async with reading(build(tmp_path)) as reader:
        got = await reader.get(_SCRIPT, range="bytes=2-5")

    assert (got.status, got.headers["accept-ranges"]) == (200, "none")
    assert got.body == f"plain assets/{SCRIPT} one".encode()


async def test_the_page_runs_nothing_from_elsewhere_and_stands_in_no_frame(tmp_path: Path) -> None:
    write(build(tmp_path), "assets/drawing.svg", b"<svg/>")

    async with reading(tmp_path) as reader:
        page = await reader.get("/")
        unchanged = await reader.get("/", if_none_match=page.headers["etag"])
        drawing, script = await reader.get("/assets/drawing.svg"), await reader.get(_SCRIPT)

    rules = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["font-src"] == "'self'"
    assert "unsafe" not in str(rules)
    assert page.headers["referrer-policy"] == "same-origin"
    for got in (page, unchanged, drawing):
        assert got.headers["content-security-policy"] == page.headers["content-security-policy"]
    assert {got.headers["x-content-type-options"] for got in (page, drawing, script)} == {"nosniff"}


async def test_a_page_that_was_built_without_compression_is_served(tmp_path: Path) -> None:
    write(tmp_path, "index.html", b"plain")
    write(tmp_path, f"assets/{SCRIPT}", b"script")
    write(tmp_path, f"assets/{SCRIPT}.gz", b"gzip")

    async with reading(tmp_path) as reader:
        page = await reader.get("/", accept_encoding=_CHROME)
        script = await reader.get(_SCRIPT, accept_encoding=_CHROME)

    assert (page.body, "content-encoding" in page.headers) == (b"plain", False)
    assert (script.body, script.headers["content-encoding"]) == (b"gzip", "gzip")


async def test_a_compressed_file_of_an_earlier_build_is_not_sent(tmp_path: Path) -> None:
    build(tmp_path)
    write(tmp_path, "index.html", b"a newer page", at=LONG_AGO + 1)

    async with reading(tmp_path) as reader:
        page = await reader.get("/", accept_encoding=_CHROME)

    assert page.body == b"a newer page"


async def test_a_page_that_is_built_anew_is_the_one_that_is_served(tmp_path: Path) -> None:
    folder = build(tmp_path / "dist")
    async with reading(folder) as reader:
        await reader.get("/", accept_encoding="br")
        await reader.get(_SCRIPT, accept_encoding="br")

        shutil.rmtree(folder)
        while_gone = [await reader.get("/"), await reader.get("/assets/later.js")]
        build(folder, "two", at=LONG_AGO + 60)
        write(folder, "assets/later.js", b"later")
        page = await reader.get("/", accept_encoding="br")
        script = await reader.get(_SCRIPT, accept_encoding="br")
        later = await reader.get("/assets/later.js")

    assert [got.status for got in while_gone] == [200, 404]
    assert while_gone[0].body == b"{}"
    assert page.body == b"brotli index.html two"
    assert script.body.endswith(b" two")
    assert later.body == b"later"


async def test_a_file_that_somebody_may_still_be_writing_is_kept_by_nobody(tmp_path: Path) -> None:
    # As if it had been written just now, however slow this test is.
    write(build(tmp_path), f"assets/{SCRIPT}", b"the first half", at=time.time() + 3600)

    async with reading(tmp_path) as reader:
        first = await reader.get(_SCRIPT)
        write(tmp_path, f"assets/{SCRIPT}", b"the first half, and the second")
        second = await reader.get(_SCRIPT)

    assert (first.body, first.headers["cache-control"]) == (b"the first half", "no-cache")
    assert second.body == b"the first half, and the second"
    assert second.headers["cache-control"].endswith("immutable")


async def test_a_file_that_was_read_once_is_not_read_again(tmp_path: Path) -> None:
    async with reading(build(tmp_path)) as reader:
        first = await reader.get(_SCRIPT, accept_encoding="br")
        shutil.rmtree(tmp_path / "assets")
        second = await reader.get(_SCRIPT, accept_encoding="br")

    assert second.body == first.body


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/",
        "/assets/..",
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/assets/%2fetc%2fpasswd",
        "/assets//etc/passwd",
        "/assets/secret.txt%00.js",
        "/assets/.hidden.js",
        f"{_SCRIPT}.br",
        f"{_SCRIPT}/",
        "/assets/folder.js",
        "/assets/link.js",
        "/assets/program.py",
        "/index.html",
        "/secret.txt",
    ],
)
async def test_nothing_else_can_be_read(tmp_path: Path, path: str) -> None:
    folder = build(tmp_path / "dist")
    secret = write(tmp_path, "secret.txt", b"secret")
    write(folder, "assets/program.py", b"secret")
    write(folder, "assets/.hidden.js", b"secret")
    (folder / "assets" / "folder.js").mkdir()
    (folder / "assets" / "link.js").symlink_to(secret)

    async with served(app_of(Pages(folder, folder))) as url:
        # By hand: clients tidy up dots.
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        asked = f"GET {path} HTTP/1.1\r\nhost: {address.netloc}\r\nconnection: close\r\n\r\n"
        writer.write(asked.encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()

    assert head.startswith(b"HTTP/1.1 404 ")
    assert json.loads(body)["error"].startswith("There is nothing at /")


async def test_what_is_missing_now_may_be_there_the_next_time(tmp_path: Path) -> None:
    async with reading(build(tmp_path)) as reader:
        got = await reader.get("/assets/none.js")

    assert (got.status, got.headers["cache-control"]) == (404, "no-cache")
    assert got.body == b'{"success":false,"error":"There is nothing at /assets/none.js."}'


async def test_a_page_that_is_a_link_is_served(tmp_path: Path) -> None:
    build(tmp_path / "elsewhere")
    (tmp_path / "dist").symlink_to(tmp_path / "elsewhere")

    async with reading(tmp_path / "dist") as reader:
        assert (await reader.get("/")).body == b"plain index.html one"
