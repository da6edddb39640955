"""What can be done with a message: copy it, and go on where an answer has ended too soon."""

import pytest
from playwright.async_api import expect

from tests.web.chat_page import Generation
from tests.web.conftest import Open
from tests.web.site import Site, backend

_CLIPBOARD = {"fresh": True, "permissions": ["clipboard-read", "clipboard-write"]}


async def test_a_message_is_copied_as_it_was_written(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation, **_CLIPBOARD)
    answer = await page.ask("scenario: say text='One **bold** word and `two`.'")

    await answer.get_by_role("button", name="Copy answer").click()

    await expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    copied = "navigator.clipboard.readText()"
    assert await page.page.evaluate(copied) == "One **bold** word and `two`."
    await page.questions.get_by_role("button", name="Copy message").click()
    await expect(page.questions.get_by_role("button", name="Copied")).to_be_visible()
    assert (await page.page.evaluate(copied)).startswith("scenario: say text=")


@pytest.mark.parametrize("store", ["off", "memory"])
@pytest.mark.parametrize("scenario", ["length", "error-inside after=3"])
async def test_an_answer_that_ended_too_soon_is_continued(
    open_page: Open, generation: Generation, home: Site, scenario: str, store: str
) -> None:
    async with backend(home.model, store=store) as url:
        page = await open_page(generation, address=url, fresh=True)
        await page.send(f"scenario: {scenario}")

        await page.button("Continue").click()

        await expect(page.answers).to_have_count(2)
        await page.is_ready()
        await expect(page.questions.last).to_contain_text("Continue")
        *_, said, asked = home.control.requests[-1].body["messages"]
        assert said["role"] == "assistant"
        assert "word0" in said["content"]
        assert asked == {"role": "user", "content": "Continue"}
        await expect(page.button("Continue")).to_have_count(0)
        await expect(page.page.locator(".messages")).to_be_focused()


async def test_what_was_stopped_is_continued(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    await page.send("scenario: stall after=3 seconds=30")
    await expect(page.answers).to_contain_text("word0 word1 word2")
    await page.button("Stop").click()
    await page.is_ready()

    await page.button("Continue").click()

    await expect(page.answers).to_have_count(2)
    await page.is_ready()


async def test_a_withheld_answer_is_not_continued(open_page: Open) -> None:
    page = await open_page()

    answer = await page.ask("scenario: content-filter")

    await expect(answer).to_contain_text("content filter")
    await expect(page.button("Continue")).to_have_count(0)


async def test_nothing_jumps_when_the_answer_is_whole(open_page: Open, home: Site) -> None:
    page = await open_page(viewport={"width": 900, "height": 700})
    gate = home.control.gate("jump")
    await page.send("scenario: stall after=3 gate=jump")
    await expect(page.answers).to_contain_text("word0 word1 word2")
    place = page.answers.locator(".message-footer")
    before = await place.bounding_box()
    assert before is not None
    gate.open()
    await expect(page.button("Copy answer")).to_be_visible()
    await page.is_ready()
    # Its last words are on the same line.
    after = await place.bounding_box()

    assert after is not None
    assert (after["y"], after["height"]) == (before["y"], before["height"])


@pytest.mark.parametrize("size", [(1280, 800), (360, 740)])
async def test_every_button_of_the_toolbar_has_a_name_and_can_be_hit(
    open_page: Open, size: tuple[int, int]
) -> None:
    page = await open_page(viewport={"width": size[0], "height": size[1]})
    await page.ask("First")
    await page.button("Regenerate").click()
    await page.is_ready()

    buttons = page.page.locator(".messages .toolbar button")
    names = [await button.get_attribute("aria-label") for button in await buttons.all()]
    assert names == [
        "Copy message",
        "Edit",
        "Earlier version",
        "Later version",
        "Copy answer",
        "Regenerate",
    ]
    for button in await buttons.all():
        box = await button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24
