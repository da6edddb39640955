"""The page as its user sees it: by the names that a screen reader says."""

import asyncio
import re
from pathlib import Path
from typing import Any, Literal, TypeAlias

from playwright.async_api import ConsoleMessage, FileChooser, FilePayload, Locator, Page, expect

Generation: TypeAlias = Literal["7", "4"]

# How long the page may take for anything, in milliseconds; only a failing test waits that long.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

# The addresses of the list of chats and of what the server offers.
_LIST = re.compile(r"/api/(?:chats\?limit=\d+|models)(?:'| |$)")

# Calls `act(stores, done)` with all that the page's database has, as [name, keys, values].
_STORES = """async (act) => {
  const opening = indexedDB.open('deltaline');
  opening.onupgradeneeded = () => opening.transaction.abort();  // the page has not made it yet
  const database = await new Promise((resolve, reject) => {
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(new Error('There is no database.'));
  });
  const given = (request) => new Promise((resolve) => {
    request.onsuccess = () => resolve(request.result);
  });
  const stores = {};
  for (const name of database.objectStoreNames) {
    const store = database.transaction(name).objectStore(name);
    const [keys, values] = await Promise.all([given(store.getAllKeys()), given(store.getAll())]);
    stores[name] = keys.map((key, index) => [key, values[index]]);
  }
  const change = async (name, value, ...key) => {
    await given(database.transaction(name, 'readwrite').objectStore(name).put(value, ...key));
  };
  const result = await act(stores, change);
  database.close();
  return result;
}"""

# Notes how long the answer's text is, every 30 ms, until it is over.
_SAMPLE = """() => {
  window.lengths = [];
  const sampler = setInterval(() => {
    const {status} = document.querySelector('.messages').dataset;
    const text = [...document.querySelectorAll('.answer')].at(-1)?.textContent ?? '';
    if (status === 'streaming') window.lengths.push(text.length);
    else if (status !== 'submitted' && window.lengths.length) clearInterval(sampler);
  }, 30);
}"""


class ChatPage:
    """A chat in a browser.

    Attributes:
        page: Playwright's own view of it.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)
        self._console: list[str] = []
        self._expected = 0
        self._known: re.Pattern[str] | None = None
        page.on("console", self._on_console)
        # Listened for from the beginning: told at the click, Chromium may have opened its own.
        self._choosers: asyncio.Queue[FileChooser] = asyncio.Queue()
        page.on("filechooser", self._choosers.put_nowait)
        page.on("pageerror", lambda error: self._console.append(str(error)))
        self.field = page.get_by_role("textbox", name="Message", exact=True)
        self.questions = page.get_by_role("article", name="You")
        self.answers = page.get_by_role("article", name="Answer")
        self.failure = page.get_by_role("alert")
        self.wire = page.get_by_role("complementary", name="Wire")

    def _on_console(self, message: ConsoleMessage) -> None:
        # The page asks each server what it has; browsers note it where the response is no.
        asked = f"{message.location.get('url', '')} {message.text}"
        if message.type in ("error", "warning") and not _LIST.search(asked):
            self._console.append(message.text)

    def assert_quiet(self) -> None:
        """Fail if the console holds an error or a warning that the test did not expect."""
        known = self._known
        found = [text for text in self._console if known is None or not known.search(text)]
        assert len(found) == self._expected, found

    def expect_complaint(self) -> None:
        """Say that the browser will note a failed request in its console."""
        self._expected += 1

    def expect_no_server(self) -> None:
        """Say that there will be no server for a while, however often the page asks for it."""
        self._known = re.compile("net::ERR_")

    def expect_refusals(self) -> None:
        """Say that the page's policy will keep something from being loaded or run."""
        self._known = re.compile("Content Security Policy")

    def expect_no_store(self) -> None:
        """Say the same of a server that cannot reach its store for a while."""
        self._known = re.compile(r"net::ERR_|status of 503")

    def expect_no_such_chat(self) -> None:
        """Say that the page will ask for a chat that there is not, once for each time it loads.

        How often that is written to the console depends on how soon the next load comes.
        """
        self._known = re.compile(r"status of 404 \(Not Found\)")

    async def open(self, address: str, generation: Generation) -> None:
        """Load the page, agree to a server elsewhere, and choose the client."""
        await self.page.goto(address)
        if "?api=http" in address:
            await self.agree()
        if generation == "4":
            await self.page.get_by_role("radio", name=re.compile("AI SDK 4")).check(force=True)
        await expect(self.field).to_be_visible()

    async def agree(self) -> None:
        """Agree to the server that the page's address names."""
        await self.page.get_by_role("button", name=re.compile("^Use ")).click()

    def button(self, name: str) -> Locator:
        """Return the button of this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def tool(self, name: str) -> Locator:
        """Return the calls of a tool."""
        return self.page.get_by_role("region", name=f"Tool {name}")

    async def send(self, text: str) -> None:
        """Write ``text`` and send it."""
        await self.field.fill(text)
        await self.field.press("Enter")

    async def ask(self, text: str) -> Locator:
        """Send ``text`` and return the answer once it is whole."""
        number = await self.answers.count()
        await self.send(text)
        answer = self.answers.nth(number)
        await expect(answer).to_be_visible()
        await self.is_ready()
        return answer

    async def is_ready(self) -> None:
        """Wait until nothing is under way."""
        await expect(self.page.locator(".messages")).to_have_attribute("data-status", "ready")

    async def choose(self, *files: FilePayload) -> None:
        """Give files to the page, which has asked for some or is about to."""
        chooser = await self._choosers.get()
        await chooser.set_files(list(files))

    async def sample_lengths(self) -> None:
        """Begin to note the length of the answer's text."""
        await self.page.evaluate(_SAMPLE)

    async def sampled_lengths(self) -> list[int]:
        """Return the distinct lengths that the text had while it was streaming."""
        lengths: list[int] = await self.page.evaluate("[...new Set(window.lengths)]")
        return lengths

    async def kept(self) -> str:
        """Return all that this browser keeps of the page's chats, as JSON."""
        act = "(stores) => JSON.stringify([stores, {...localStorage}])"
        return str(await self.in_database(act))

    async def in_database(self, act: str) -> Any:
        """Run ``act(stores, change)`` in the page.

        ``stores`` has the chats, messages and files that are kept, as pairs of key and value;
        ``change(store, value, key)`` keeps another value.
        """
        return await self.page.evaluate(f"() => ({_STORES})({act})")

    async def axe(self, path: str) -> list[str]:
        """Return what axe-core finds that is serious or worse; ``path`` is its script."""
        # The page's own policy runs no script that others put into it.
        await self.page.evaluate(_source(path))
        found: list[dict[str, Any]] = await self.page.evaluate(
            "async () => (await axe.run()).violations"
        )
        return [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
            for violation in found
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        wider: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider


def _source(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")
