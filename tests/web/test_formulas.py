r"""Formulas: what is one, what is none, and what becomes of one that is broken.

``\( … \)`` and ``$$ … $$`` within a line, ``\[ … \]`` and ``$$ … $$`` on lines of their own. One
dollar sign is a dollar sign.
"""

import re

import pytest
from playwright.async_api import Route, expect

from tests.web.chat_page import Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open
from tests.web.site import Site

# As strict as a page can be served: no styles and no scripts but files of its own.
_STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src 'self' data:"
)

_FORMULAS = r"""One \(x^2\), two $$\frac{1}{y}$$.

\[
a
- b

= c
\]

Then
$$
\begin{aligned} d &= e \\ f &= g \end{aligned}
$$
- In a list: \[ h \]

$$i$$

Done."""

_NONE = (
    "It costs $5 or $10, US$3 and A$4.",
    "The shell knows $HOME and $PATH, and $x$ is no formula here.",
    "Three $$$ are worth more than \\$2.",
    "In `\\(names\\)` and `$$names$$` nothing is one.",
    "An opener \\( alone is none.",
)


async def test_formulas_within_a_line_and_on_their_own(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)

    answer = await page.ask(_FORMULAS)

    await expect(answer.locator("math")).to_have_count(6)
    await expect(answer.locator("p math msup")).to_have_text("x2")
    await expect(answer.locator("p math mfrac")).to_have_text("1y")
    displayed = answer.locator(".formula math")
    await expect(displayed).to_have_count(4)
    await expect(displayed.first).to_have_text(re.compile("a.*b.*c"))
    await expect(displayed.nth(1).locator("mtr")).to_have_count(2)
    await expect(answer.locator("li .formula math")).to_contain_text("h")
    await expect(displayed.last).to_contain_text("i")
    assert "\\" not in await answer.inner_text()


@pytest.mark.parametrize("text", _NONE)
async def test_what_is_no_formula_stays_text(open_page: Open, text: str) -> None:
    page = await open_page()

    # A formula beside it, so that formulas are looked for.
    answer = await page.ask(f"{text}\n\nBut \\(y\\) is.")

    await expect(answer.locator("math")).to_have_text("y")
    plain = text.replace("`", "").replace("\\$", "$").replace("\\( ", "( ")
    await expect(answer.locator(".markdown")).to_contain_text(plain)


async def test_code_holds_no_formulas(open_page: Open) -> None:
    page = await open_page()

    answer = await page.ask("Look.\n\n```tex\n\\[\nx\n\\]\n$$y$$\n```\n\n\\(z\\)")

    await expect(answer.locator("math")).to_have_text("z")
    await expect(answer.locator("pre")).to_have_text("\\[\nx\n\\]\n$$y$$\n")


@pytest.mark.parametrize(
    "source", [r"\(\frac{1}{\)", r"\[\begin{nothing} x \]", r"\(\unknown{x}\)"]
)
async def test_a_broken_formula_shows_its_source(open_page: Open, source: str) -> None:
    page = await open_page()

    answer = await page.ask(f"This {source} is broken, \\(y\\) is not.")

    await expect(answer.locator("math")).to_have_text("y")
    await expect(answer.locator(".formula-source")).to_have_text(source)


async def test_a_formula_without_an_end_is_text_in_the_end(open_page: Open) -> None:
    page = await open_page()

    answer = await page.ask("Before.\n\n\\[\nx\n\n- one\n- two\n\n**After**, \\(y\\).")

    await expect(answer.locator("li")).to_have_text(["one", "two"])
    await expect(answer.locator("strong")).to_have_text("After")
    await expect(answer.locator("math")).to_have_text("y")


async def test_a_formula_appears_whole(open_page: Open) -> None:
    page = await open_page()
    # What draws formulas is fetched with the first.
    await expect((await page.ask("Look: \\(x\\)")).locator("math")).to_have_text("x")
    await page.page.evaluate(
        """() => {
          window.marks = 0;
          new MutationObserver(() => {
            const answer = [...document.querySelectorAll('.answer')].at(-1);
            window.marks += /\\\\frac|\\\\\\(/.test(answer.textContent);
          }).observe(document.body, {subtree: true, childList: true, characterData: true});
        }"""
    )

    answer = await page.ask(r"scenario: say delay=0.03 text='The half \(\frac{1}{2}\) of it all.'")

    await expect(answer.locator("mfrac")).to_have_text("12")
    await expect(answer).to_contain_text("of it all.")
    assert await page.page.evaluate("window.marks") == 0


async def test_a_formula_leads_nowhere_and_runs_nothing(open_page: Open) -> None:
    page = await open_page()
    tex = (
        r"\(\href{javascript:window.ran=1}{a}\) \(\includegraphics{https://tell.invalid/x.png}\) "
        r"\(\text{<img src=x onerror=window.ran=1>}\) \(\class{x}{b}\) \(c\)"
    )

    answer = await page.ask(f"Look: {tex}")

    await expect(answer.locator("math").last).to_have_text("c")
    assert await answer.locator("img, script, a, [href]").count() == 0
    assert await page.page.evaluate("window.ran") is None


async def test_formulas_need_no_inline_styles(open_page: Open, home: Site) -> None:
    page = await open_page(fresh=True)

    async def serve_strictly(route: Route) -> None:
        response = await route.fetch()
        headers = {**response.headers, "content-security-policy": _STRICT}
        await route.fulfill(response=response, headers=headers)

    await page.page.route(f"{home.url}/", serve_strictly)
    await page.page.goto(home.url)
    tex = (
        r"\[\boldsymbol{x} + \sideset{_1^2}{_3^4}\sum \color{red}{y} \cancel{z} \mathscr{L} "
        r"\rule{1em}{2em} \begin{array}{l|r} a & b \\ c & d \end{array}\]"
    )

    answer = await page.ask(f"Look.\n\n{tex}\n\n```python\nreturn 1\n```\n\nDone.")

    # `open_page` fails if the browser has refused anything.
    await expect(answer.locator("math mtr")).to_have_count(2)
    red = answer.locator("math *").filter(has_text=re.compile("^y$")).last
    assert await red.evaluate("element => getComputedStyle(element).color") == "rgb(255, 0, 0)"
    await expect(answer.locator("pre .code-keyword")).to_have_text("return")


async def test_a_formula_does_not_cover_the_page(open_page: Open) -> None:
    page = await open_page(viewport={"width": 360, "height": 740})
    bomb = r"\def\a{xxxxxxxxxx}\def\b{\a\a\a\a\a\a\a\a}\def\c{\b\b\b\b\b\b\b\b}\def\d{\c\c\c\c\c\c}"

    answer = await page.ask(rf"Look: \(\rule{{900em}}{{900em}}\), \({bomb}\d\d\d\d\d\d\d\d\d\)")
    wide = await page.ask("\\[" + "+".join(f"x_{{{number}}}" for number in range(60)) + "\\]")

    await expect(wide.locator("math")).to_have_count(1)
    box = await answer.locator("math").first.bounding_box()
    assert box is not None
    assert box["height"] < 700
    assert await page.overflow() == 0
    # What is wider than the window is scrolled, by keyboard too.
    await expect(wide.get_by_role("group", name="Formula")).to_have_attribute("tabindex", "0")
    assert await page.axe(str(AXE)) == []
