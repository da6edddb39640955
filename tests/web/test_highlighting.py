"""Code in colours: of its language, while it grows, and fetched only where there is code."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open

_PYTHON = '''async def run(turn):
    """Several
    lines."""
    return 42  # why'''

# The line breaks are the source's own, and nothing is said twice.
_SAMPLES = {
    "ts": ("const name: string = 'x';", {"keyword": "const", "string": "'x'"}),
    "tsx": ("return <p>{1}</p>;", {"keyword": "return", "number": "1"}),
    "json": ('{"a": [1, true]}', {"number": "1"}),
    "bash": ("echo 'hi'  # why", {"string": "'hi'", "comment": "# why"}),
    "sql": ("SELECT 1 FROM chats;", {"keyword": "SELECT", "number": "1"}),
    "html": ('<p class="a">x</p>', {"type": "p", "property": "class", "string": '"a"'}),
    "css": (".a { color: red; }", {"property": "color"}),
    "yaml": ("name: 1  # why", {"comment": "# why"}),
    "go": ('return "x"', {"keyword": "return", "string": '"x"'}),
    "rust": ("let x = 1;", {"keyword": "let", "number": "1"}),
    "java": ("return null;", {"keyword": "return"}),
    "c#": ("return 1;", {"keyword": "return", "number": "1"}),
    "diff": ("- old\n+ new", {"deleted": "- old", "string": "+ new"}),
    "dockerfile": ("FROM python:3.14", {"keyword": "FROM"}),
}


def fetched(page: ChatPage) -> list[str]:
    """Return, from now on, the names of the files that the page fetches."""
    names: list[str] = []
    page.page.on(
        "request",
        lambda request: names.append(re.sub(r".*/assets/|-[\w-]{8}(?=\.\w+$)", "", request.url)),
    )
    return names


def colour(answer: Locator, kind: str) -> Locator:
    return answer.locator(f"pre .code-{kind}")


async def test_code_has_the_colours_of_its_language(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)

    answer = await page.ask(f"Look.\n\n```python\n{_PYTHON}\n```\n\nDone.")

    await expect(colour(answer, "keyword")).to_have_text(["async", "def", "return"])
    await expect(colour(answer, "number")).to_have_text("42")
    await expect(colour(answer, "comment")).to_have_text("# why")
    # Of a string that goes on, the next line knows.
    await expect(colour(answer, "string").last).to_have_text('lines."""')
    assert await answer.locator("pre").text_content() == f"{_PYTHON}\n"


async def test_the_usual_languages_have_colours(open_page: Open) -> None:
    page = await open_page()
    blocks = "\n\n".join(f"```{name}\n{code}\n```" for name, (code, _) in _SAMPLES.items())

    answer = await page.ask(f"Look.\n\n{blocks}\n\nDone.")

    for number, (name, (code, colours)) in enumerate(_SAMPLES.items()):
        block = answer.locator("figure").nth(number)
        for kind, text in colours.items():
            await expect(colour(block, kind).first, name).to_have_text(text)
        assert await block.locator("pre").text_content() == f"{code}\n", name


async def test_what_colours_code_is_fetched_with_the_first_code(open_page: Open) -> None:
    page = await open_page(fresh=True)
    names = fetched(page)
    await page.page.reload()
    await page.ask("My first words, with `names` and $5.")
    assert not [name for name in names if name.startswith(("highl", "python", "temml", "form"))]

    answer = await page.ask("Look.\n\n```py\nreturn 1\n```\n\nDone.")

    await expect(colour(answer, "keyword")).to_have_text("return")
    late = names[names.index("highlighting.js") :]
    assert [name for name in late if name.endswith((".js", ".css"))] == [
        "highlighting.js",
        "python.js",
    ]


@pytest.mark.parametrize("language", ["", "klingon", "constructor"])
async def test_a_language_that_nobody_knows_is_shown_plainly(
    open_page: Open, language: str
) -> None:
    page = await open_page()

    answer = await page.ask(f"Look.\n\n```{language}\nreturn 1 < 2\n```\n\nDone.")

    await expect(answer.locator("pre")).to_have_text("return 1 < 2\n")
    await expect(answer.locator("figcaption span")).to_have_text(language or "text")
    await expect(answer.locator("pre [class^='code-']")).to_have_count(0)


async def test_code_is_in_colours_while_it_grows(open_page: Open) -> None:
    page = await open_page(viewport={"width": 900, "height": 700})
    code = "\n".join(f"return {number}" for number in range(120))

    await page.send(f"Look.\n\n```python\n{code}\n```\n\nDone.")

    await page.page.wait_for_function(
        """() => document.querySelector('.messages').dataset.status === 'streaming'
             && document.querySelectorAll('.answer pre .code-keyword').length > 50"""
    )
    await page.is_ready()
    # Lines are laid out in groups, of which the browser knows nothing when they are selected.
    await page.answers.locator("pre").evaluate("pre => getSelection().selectAllChildren(pre)")
    assert (await page.page.evaluate("String(getSelection())")).strip() == code
    assert await page.answers.locator("pre .lines").count() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_colour_can_be_read(open_page: Open, scheme: str) -> None:
    page = await open_page(color_scheme=scheme)
    blocks = "\n\n".join(f"```{name}\n{code}\n```" for name, (code, _) in _SAMPLES.items())
    answer = await page.ask(f"Look.\n\n```python\n@wrapped\n{_PYTHON}\n```\n\n{blocks}")
    await expect(colour(answer, "deleted")).to_have_count(1)
    for kind in ("keyword", "string", "number", "comment", "type", "name", "property", "meta"):
        assert await colour(answer, kind).count(), kind

    assert await page.axe(str(AXE)) == []
