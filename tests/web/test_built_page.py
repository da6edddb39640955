"""The page as it is delivered."""

import gzip
import json

import httpx2
from playwright.async_api import Browser, Request, Response, expect

from tests.web.chromium import DEMO
from tests.web.conftest import Open
from tests.web.site import Site

# Tries whatever a script or a picture of others could come in by; gives what refused it.
_MISUSE = """async (theirs) => {
  const refused = [];
  let change = () => {};
  addEventListener('securitypolicyviolation', ({effectiveDirective}) => {
    refused.push(effectiveDirective);
    change();
  });
  const until = (count) => new Promise((resolve) => {
    change = () => refused.length >= count && resolve();
    change();
  });
  const add = (name, attributes, text) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text ?? '';
    document.body.append(element);
    return element;
  };
  add('script', {}, 'window.ran = "a script"');
  add('button', {onclick: 'window.ran = "an attribute"'}).click();
  add('script', {src: `${theirs}script.js`});
  add('img', {src: `${theirs}what-was-said.png`});
  add('link', {rel: 'stylesheet', href: `${theirs}style.css`});
  add('iframe', {src: theirs});
  add('base', {href: theirs});
  await until(7);
  // Not before: what a debugger calls may evaluate texts.
  try {
    eval('window.ran = "a text"');
  } catch {}
  await until(8);
  return [refused, window.ran ?? null, document.baseURI];
}"""
_MOST_AT_FIRST = 180_000  # until the first view can be used, compressed, with headers
_MOST_BYTES = 500_000  # of all files, compressed: most of them are languages, TeX and what few use


def test_the_whole_page_is_small() -> None:
    files = [path for path in (DEMO / "dist").rglob("*") if path.suffix not in (".br", ".gz")]
    contents = [path.read_bytes() for path in files if path.is_file()]

    assert len(contents) > 3
    assert sum(len(gzip.compress(content)) for content in contents) < _MOST_BYTES


async def test_what_few_answers_need_is_not_fetched_before(open_page: Open) -> None:
    page = await open_page(fresh=True)
    urls: list[str] = []
    page.page.on("request", lambda request: urls.append(request.url))

    await page.page.reload()
    await page.ask("Hello")

    assert [url for url in urls if "/assets/Markdown" in url]
    assert not [url for url in urls if "temml" in url or "highlighting" in url]


async def test_an_answer_can_be_read_without_what_draws_it(open_page: Open) -> None:
    page = await open_page(fresh=True)
    page.expect_no_server()
    await page.page.route("**/assets/Markdown*", lambda route: route.abort())
    await page.page.reload()

    answer = await page.ask("scenario: say text='One **bold** word.'")

    await expect(answer).to_contain_text("One **bold** word.")


async def test_it_is_served_with_its_assets(home: Site) -> None:
    async with httpx2.AsyncClient(base_url=home.url) as http:
        page = await http.get("/")
        script = page.text.partition('src="./')[2].partition('"')[0]
        asset = await http.get(f"/{script}")
        nothing = await http.get("/assets/none.js")

    assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert page.headers["content-type"].startswith("text/html")
    assert asset.headers["content-type"].startswith("text/javascript")
    assert nothing.status_code == 404


async def test_every_file_of_the_build_is_served_as_it_was_compressed(home: Site) -> None:
    files = [
        path for path in (DEMO / "dist" / "assets").iterdir() if path.suffix in (".js", ".css")
    ]

    async with httpx2.AsyncClient(base_url=home.url) as http:
        for path in files:
            for coding, ending, read in (("br", ".br", None), ("gzip", ".gz", gzip.decompress)):
                asked = {"accept-encoding": coding}
                async with http.stream("GET", f"/assets/{path.name}", headers=asked) as response:
                    body = b"".join([piece async for piece in response.aiter_raw()])
                assert response.headers["content-encoding"] == coding
                assert body == path.with_name(path.name + ending).read_bytes()
                assert read is None or read(body) == path.read_bytes()

    assert len(files) > 2


async def test_no_script_and_no_picture_of_others_is_loaded(open_page: Open, home: Site) -> None:
    page = await open_page(fresh=True)
    asked: list[str] = []
    theirs = "http://elsewhere.example/"
    await page.page.route(f"{theirs}**", lambda route: asked.append(route.request.url))
    page.expect_refusals()

    # What would follow if somebody found a way to put text of his into the page.
    refused, ran, base = await page.page.evaluate(_MISUSE, theirs)

    assert ran is None
    assert base == f"{home.url}/"
    assert asked == []
    assert sorted(refused) == [
        *("base-uri", "frame-src", "img-src", "script-src", "script-src-attr"),
        *("script-src-elem", "script-src-elem", "style-src-elem"),
    ]


async def test_the_first_view_comes_in_few_bytes(browser: Browser, home: Site) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        seen: list[Response] = []
        page.on("response", lambda response: seen.append(response))

        await page.goto(home.url, wait_until="networkidle")
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        sizes = {one.url: await one.request.sizes() for one in seen if "/api/" not in one.url}

    bytes_of = {
        url.removeprefix(home.url): size["responseBodySize"] + size["responseHeadersSize"]
        for url, size in sizes.items()
        if url.startswith("http")
    }
    assert {path.rpartition(".")[2] for path in bytes_of} >= {"/", "js", "css", "woff2"}
    assert sum(bytes_of.values()) <= _MOST_AT_FIRST, bytes_of


async def test_the_browser_keeps_the_files_and_asks_for_the_page(
    open_page: Open, home: Site
) -> None:
    page = await open_page(fresh=True)
    seen: list[Response] = []
    page.page.on("response", lambda response: seen.append(response))

    await page.page.reload()
    await expect(page.field).to_be_visible()

    at_home = [one for one in seen if "/api/" not in one.url and one.url.startswith(home.url)]
    # Nothing came over the network: all of it is from what the browser keeps, of the page too,
    # after a 304. What it has read from there, the browser counts below zero.
    sizes = {one.url: (await one.request.sizes())["responseBodySize"] for one in at_home}
    assert len(sizes) > 2
    assert max(sizes.values()) <= 0


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
