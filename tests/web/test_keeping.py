"""What outlives the page: the list of chats, their messages, and an answer that was under way."""

import json
import re

from playwright.async_api import Route, expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.conftest import Open
from tests.web.site import Site


async def test_a_reload_shows_the_chat_again(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation, fresh=True)
    await page.ask("My first words")

    await page.page.reload()

    await expect(page.answers).to_contain_text('You said: "My first words"')
    answer = await page.ask("What did I say first?")
    await expect(answer).to_contain_text('You said: "My first words"')


async def test_an_answer_is_kept_to_its_last_word(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation, fresh=True)
    # All of it in one read: the hook is ready before it has shown the last of it.
    answer = await page.ask("scenario: text tokens=40 events_per_write=60")
    await expect(answer).to_contain_text("word39")

    assert "word38 word39" in await page.kept()
    await page.page.reload()
    await expect(page.answers).to_contain_text("word38 word39")


async def test_the_list_opens_older_chats_in_their_own_client(open_page: Open) -> None:
    page = await open_page("7", fresh=True)
    chats = page.page.get_by_role("navigation", name="Chats")
    await page.ask("One of seven")
    await page.page.get_by_role("radio", name=re.compile("AI SDK 4")).check(force=True)
    await expect(page.answers).to_have_count(0)
    await page.ask("One of four")
    await expect(chats.get_by_role("listitem")).to_have_count(2)

    await chats.get_by_role("button", name=re.compile("^One of seven")).click()

    await expect(page.questions).to_contain_text("One of seven")
    await expect(chats.get_by_role("listitem").first).to_contain_text("One of four")
    await expect(page.page.get_by_role("radio", name=re.compile("AI SDK 7"))).to_be_checked()
    answer = await page.ask("What did I say first?")
    await expect(answer).to_contain_text("One of seven")


async def test_what_is_written_is_there_after_a_reload(open_page: Open) -> None:
    page = await open_page(fresh=True)
    await page.field.fill("Not sent yet")
    await page.page.reload()
    await expect(page.field).to_have_value("Not sent yet")
    await page.field.press("Enter")
    await expect(page.answers).to_contain_text("Not sent yet")
    await page.is_ready()

    await page.field.fill("The next one")
    await page.page.reload()

    await expect(page.field).to_have_value("The next one")
    await page.button("New chat").click()
    await expect(page.field).to_have_value("")


async def test_a_page_that_cannot_be_shown_says_so(open_page: Open) -> None:
    page = await open_page(fresh=True)
    await page.ask("Hello")
    page.expect_complaint()  # React reports what it caught.
    await page.in_database(
        """async ({messages}, change) => {
          await change('messages', [{role: 'user'}], messages[0][0]);
          // The page keeps its chat once more when it is left.
          const full = () => {
            throw new DOMException('Full.', 'QuotaExceededError');
          };
          IDBObjectStore.prototype.put = full;
          Storage.prototype.setItem = full;
        }"""
    )

    await page.page.reload()

    await expect(page.failure).to_be_visible()
    await page.button("Begin again").click()
    await expect(page.field).to_be_visible()


async def test_a_deleted_chat_is_gone(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation, fresh=True)
    chats = page.page.get_by_role("navigation", name="Chats")
    await page.ask("Forget me")

    await chats.get_by_role("button", name="Delete the chat “Forget me”").click()

    await expect(chats.get_by_role("listitem")).to_have_count(0)
    await expect(page.answers).to_have_count(0)
    assert "Forget me" not in await page.kept()


# Fills what the page's origin may keep in `localStorage`, to the last letter.
_FILL = """() => {
  let text = 'x'.repeat(6_000_000);
  for (let number = 0; text.length > 0; number += 1) {
    try {
      localStorage.setItem(`filler ${number}`, text);
    } catch {
      text = text.slice(0, text.length / 2);
    }
  }
}"""


async def test_a_full_local_storage_loses_nothing(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation, fresh=True)
    chats = page.page.get_by_role("navigation", name="Chats")
    await page.ask("An old chat")
    await page.button("New chat").click()
    await page.page.evaluate(_FILL)

    for number in range(4):
        await page.ask(f"Question {number}\nscenario: say text=Fine.\n" + "words " * 5_000)
    await page.page.reload()

    await expect(page.answers).to_have_count(4)
    for number in range(4):
        await expect(page.questions.nth(number)).to_contain_text(f"Question {number}")
    await expect(chats.get_by_role("listitem")).to_have_count(2)
    await chats.get_by_role("button", name=re.compile("^An old chat")).click()
    await expect(page.answers).to_contain_text('You said: "An old chat"')


async def test_a_browser_without_room_says_so_and_loses_no_other_chat(open_page: Open) -> None:
    page = await open_page(fresh=True)
    chats = page.page.get_by_role("navigation", name="Chats")
    await page.ask("An old chat")
    await page.button("New chat").click()
    # As Chromium says it; its own override of the quota does not count in a private window.
    await page.page.evaluate(
        """() => {
          IDBObjectStore.prototype.put = () => {
            throw new DOMException('Full.', 'QuotaExceededError');
          };
        }"""
    )

    await page.ask("A new chat\nscenario: say text=Fine.\n" + "words " * 5_000)

    await expect(chats.get_by_role("alert")).to_contain_text("it lasts as long as the page")
    await expect(chats.get_by_role("listitem")).to_have_count(2)
    await chats.get_by_role("button", name=re.compile("^An old chat")).click()
    await expect(page.answers).to_contain_text('You said: "An old chat"')
    await chats.get_by_role("button", name=re.compile("^A new chat")).click()
    await expect(page.answers).to_contain_text("Fine.")


async def test_chats_of_an_earlier_version_of_the_page_are_taken_over(open_page: Open) -> None:
    page = await open_page(fresh=True)
    await page.ask("Words of today")
    await page.page.evaluate(
        """() => {
          const message = (id, role, text) => ({id, role, parts: [{type: 'text', text}]});
          const messages = [message('q', 'user', 'Old words'), message('a', 'assistant', 'Older')];
          const chat = {title: 'Old words', generation: '7', changedAt: 1, isOpen: false};
          localStorage['deltaline.chats'] = JSON.stringify([{id: 'chat-old', ...chat}]);
          localStorage['deltaline.chat chat-old'] = JSON.stringify(messages);
          const other = JSON.stringify([{id: 'chat-other', ...chat}]);
          localStorage['deltaline.chats https://elsewhere.example'] = other;
        }"""
    )

    await page.page.reload()

    chats = page.page.get_by_role("navigation", name="Chats")
    await expect(chats.get_by_role("listitem")).to_have_count(2)
    await chats.get_by_role("button", name=re.compile("^Old words")).click()
    await expect(page.answers).to_have_text(re.compile("^Older"))
    assert await page.page.evaluate("Object.keys(localStorage)") == []
    assert "chat-other" in await page.kept()


async def leave_midway(page: ChatPage) -> str:
    """Leave the page while an answer is under way; return the id of its message."""
    await page.send("scenario: stall after=3 seconds=30")
    await expect(page.answers).to_contain_text("word0 word1 word2")
    await page.page.goto("about:blank")
    await page.page.go_back()
    await expect(page.field).to_be_visible()
    message_id: str = await page.in_database("({messages}) => messages[0][1].at(-1).id")
    return message_id


async def test_an_answer_that_the_server_has_not_kept_is_offered_again(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation, fresh=True)

    await leave_midway(page)

    await expect(page.page.get_by_text("This answer was cut off")).to_be_visible()
    await expect(page.answers).to_contain_text("word0 word1 word2")
    await expect(page.button("Ask again")).to_be_enabled()


async def test_an_answer_that_the_server_offers_is_resumed(open_page: Open) -> None:
    page = await open_page("7", fresh=True)
    asked: list[str] = []

    async def replay(route: Route) -> None:
        asked.append(route.request.url)
        chunks = [
            {"type": "start", "messageId": "msg-kept"},
            {"type": "start-step"},
            {"type": "text-start", "id": "t1"},
            {"type": "text-delta", "id": "t1", "delta": "The whole answer"},
            {"type": "text-end", "id": "t1"},
            {"type": "finish-step"},
            {"type": "finish", "messageMetadata": {"model": "m"}},
        ]
        body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
        headers = {"x-vercel-ai-ui-message-stream": "v1"}
        await route.fulfill(
            body=f"{body}data: [DONE]\n\n", headers=headers, content_type="text/event-stream"
        )

    await page.page.route("**/api/chat/*/stream", replay)
    await leave_midway(page)

    await expect(page.answers.last).to_contain_text("The whole answer")
    await page.is_ready()
    assert len(asked) == 1
    await expect(page.page.get_by_text("This answer was cut off")).to_have_count(0)


async def test_the_older_client_resumes_as_well(open_page: Open) -> None:
    page = await open_page("4", fresh=True)

    async def replay(route: Route) -> None:
        lines = [
            'f:{"messageId":"msg-kept"}',
            '0:"The whole answer"',
            'e:{"finishReason":"stop","isContinued":false}',
            '8:[{"model":"m"}]',
            'd:{"finishReason":"stop"}',
        ]
        headers = {"x-vercel-ai-data-stream": "v1"}
        await route.fulfill(
            body="".join(f"{line}\n" for line in lines), headers=headers, content_type="text/plain"
        )

    await page.page.route("**/api/chat?chatId=*", replay)
    await leave_midway(page)

    await expect(page.answers.last).to_contain_text("The whole answer")
    await page.is_ready()
    await expect(page.page.get_by_text("This answer was cut off")).to_have_count(0)


async def test_who_leaves_a_chat_stops_its_answer(
    open_page: Open, generation: Generation, home: Site
) -> None:
    page = await open_page(generation, fresh=True)
    left = home.control.left_by_client
    await page.send("scenario: stall after=3 seconds=30")
    await expect(page.answers).to_contain_text("word0 word1 word2")

    await page.button("New chat").click()

    await home.control.until(lambda seen: seen.left_by_client > left)
    await expect(page.answers).to_have_count(0)
