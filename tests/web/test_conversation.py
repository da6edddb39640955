"""Talking: the answer streams, and the user stops, repeats, edits and tries again."""

import asyncio
import re

from playwright.async_api import expect

from tests.web.chat_page import Generation
from tests.web.conftest import Open
from tests.web.site import Site, backend


async def test_an_answer_appears_word_by_word(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    await page.sample_lengths()

    answer = await page.ask("scenario: text tokens=60 delay=0.02")

    await expect(answer).to_contain_text("word58 word59")
    lengths = await page.sampled_lengths()
    assert len(lengths) >= 12, lengths
    assert lengths == sorted(lengths)


async def test_the_history_is_sent_along(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    await page.ask("My first words")

    answer = await page.ask("What did I say first?")

    await expect(answer).to_contain_text('You said: "My first words"')


async def test_stop_stops_the_request_to_the_model(
    open_page: Open, generation: Generation, home: Site
) -> None:
    page = await open_page(generation)
    left = home.control.left_by_client
    await page.send("scenario: stall after=3 seconds=30")
    await expect(page.answers).to_contain_text("word0 word1 word2")

    await page.button("Stop").click()

    async with asyncio.timeout(10):
        await home.control.until(lambda seen: seen.left_by_client > left)
    await page.is_ready()
    await expect(page.failure).to_have_count(0)
    await expect(page.field).to_be_focused()
    answer = await page.ask("What did I say last?")
    await expect(answer).to_contain_text("stall after=3")


async def test_a_double_click_on_send_sends(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    await page.field.fill("scenario: text tokens=60 delay=0.03")

    await page.button("Send").dblclick(delay=20)

    await expect(page.answers).to_contain_text("word58 word59")
    await page.is_ready()
    await expect(page.questions).to_have_count(1)


async def test_what_was_stopped_before_its_first_word_can_be_asked_for_again(
    open_page: Open, generation: Generation, home: Site
) -> None:
    page = await open_page(generation)
    gate = home.control.gate(f"first-word-{generation}")
    await page.send(f"scenario: hang gate=first-word-{generation}")
    await gate.reached()
    await page.field.press("Escape")
    await expect(page.page.get_by_text("There is no answer.")).to_be_visible()
    gate.open()

    await page.button("Ask again").click()

    await expect(page.answers).to_contain_text(re.compile(r"\w"))
    await page.is_ready()
    await expect(page.page.get_by_text("There is no answer.")).to_have_count(0)


async def test_a_retry_that_fails_leaves_what_was_there(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    await page.send("scenario: error-inside after=6 delay=0.01")
    await expect(page.failure).to_contain_text("failed")
    page.expect_complaint()

    await page.page.route("**/api/chat", lambda route: route.abort())
    await page.button("Try again").click()

    await expect(page.failure).to_contain_text("The server cannot be reached.")
    await expect(page.answers).to_contain_text("word0 word1 word2 word3 word4 word5")
    await page.page.unroute("**/api/chat")
    await page.button("Try again").click()
    await expect(page.failure).to_contain_text("failed")
    await expect(page.answers).to_have_count(1)


async def test_regenerate_asks_again(open_page: Open, generation: Generation, home: Site) -> None:
    page = await open_page(generation)
    await page.ask("scenario: say text='Same again'")
    last = home.control.requests[-1]

    await page.button("Regenerate").click()

    async with asyncio.timeout(10):
        await home.control.until(lambda seen: seen.requests[-1] is not last)
    await page.is_ready()
    await expect(page.answers).to_have_count(1)
    await expect(page.answers).to_contain_text("Same again")


async def test_an_edited_question_replaces_what_follows(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    await page.ask("My first words")
    await page.ask("And some more")

    await page.questions.first.get_by_role("button", name="Edit").click()
    editor = page.page.get_by_role("textbox", name="Your message")
    await expect(editor).to_be_focused()
    await editor.fill("My better words")
    await page.button("Ask again").click()

    await expect(page.answers).to_have_count(1)
    await expect(page.answers).to_contain_text('You said: "My better words"')
    await page.is_ready()
    await expect(page.questions).to_have_count(1)


async def test_an_error_before_the_answer_can_be_tried_again(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    page.expect_complaint()

    await page.send(f"For {generation}.\nscenario: error status=400 times=1")

    await expect(page.failure).to_contain_text(re.compile("conversation|too long", re.IGNORECASE))
    await page.button("Try again").click()
    await expect(page.answers).to_contain_text("Attempt 2 went well.")
    await expect(page.failure).to_have_count(0)


async def test_an_error_inside_the_answer_keeps_its_text(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)

    await page.send(f"For {generation}.\nscenario: error-inside after=6 times=1 delay=0.01")

    await expect(page.failure).to_contain_text("failed")
    await expect(page.answers).to_contain_text("word0 word1 word2 word3 word4 word5")
    await page.button("Try again").click()
    await expect(page.answers).to_contain_text("Attempt 2 went well.")
    await expect(page.answers).to_have_count(1)


async def test_a_server_that_is_not_there_is_named(
    open_page: Open, generation: Generation, home: Site
) -> None:
    page = await open_page(generation, address=f"{home.url}/?api=http://127.0.0.1:9/api/chat")
    page.expect_complaint()

    await page.send("Hello")

    await expect(page.failure).to_contain_text("The server cannot be reached.")


async def test_reasoning_is_open_while_it_is_written(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    reasoning = page.answers.get_by_role("group")

    await page.send("scenario: reasoning tokens=20 delay=0.03")

    await expect(reasoning.get_by_text("Thinking")).to_be_visible()
    await expect(reasoning.get_by_text("word3")).to_be_visible()
    await page.is_ready()
    await expect(page.answers).to_contain_text("I have thought about it: 42")
    await expect(reasoning.get_by_text("word3")).to_be_hidden()
    await reasoning.get_by_text("Thought").click()
    await expect(reasoning.get_by_text("word0 word1")).to_be_visible()


async def test_sources_are_links_below_the_answer(
    open_page: Open, generation: Generation, home: Site
) -> None:
    async with backend(home.model, api="responses") as url:
        page = await open_page(generation, address=url)

        answer = await page.ask("Cite your sources")

        link = answer.get_by_role("link", name="AI SDK documentation")
        await expect(link).to_have_attribute("href", "https://ai-sdk.dev/docs")
        await expect(link).to_have_attribute("rel", re.compile("noopener"))


async def test_markdown_is_rendered(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)

    answer = await page.ask("Show me Markdown")

    await expect(answer.get_by_role("heading", name="A little of everything")).to_be_visible()
    await expect(answer.get_by_role("cell", name="UI message stream")).to_be_visible()
    await expect(answer.locator("ol > li > ul > li")).to_have_text("and lists may nest.")
    await expect(answer.locator("pre code")).to_contain_text("async for delta in stream:")
    assert "**" not in await answer.inner_text()


async def test_markdown_never_shows_its_marks_while_it_grows(open_page: Open) -> None:
    page = await open_page()
    await page.page.evaluate(
        """() => {
          window.marks = 0;
          new MutationObserver(() => {
            const text = document.querySelector('.answer .markdown > p')?.textContent ?? '';
            window.marks += /\\*\\*|\\]\\(/.test(text);
          }).observe(document.body, {subtree: true, childList: true, characterData: true});
        }"""
    )

    text = "One **bold phrase of several words** and a [link with words](https://example.com/a)."
    answer = await page.ask(f"scenario: say delay=0.03 text='{text}'")

    await expect(answer.locator("strong")).to_have_text("bold phrase of several words")
    assert await page.page.evaluate("window.marks") == 0


async def test_what_the_model_writes_cannot_run(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    text = (
        "<img src=x onerror=window.ran=1><script>window.ran=1</script> "
        "[press](javascript:window.ran=1) ![](https://example.com/tell.png)"
    )

    answer = await page.ask(f"scenario: say text='{text}'")

    await expect(answer).to_contain_text("press")
    assert await answer.locator("img, script, a[href^='javascript']").count() == 0
    assert await page.page.evaluate("window.ran") is None
