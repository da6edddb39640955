"""All that can be done with the page, without a mouse: every press below is one of a key."""

from playwright.async_api import FilePayload, expect

from tests.web.chat_page import Generation
from tests.web.conftest import Open
from tests.web.site import Site, backend
from tests.web.test_accessibility import tab_to
from tests.web.test_kept import chats_of


async def test_everything_can_be_done_by_keyboard(
    open_page: Open, generation: Generation, home: Site
) -> None:
    async with backend(home.model, store="memory") as url:
        page = await open_page(generation, address=url, fresh=True)
        keyboard = page.page.keyboard
        if generation == "4":
            await page.field.focus()

        # Send, and stop.
        await expect(page.field).to_be_focused()
        await keyboard.type("scenario: stall after=3 seconds=30")
        await keyboard.press("Enter")
        await expect(page.answers).to_contain_text("word0 word1 word2")
        await keyboard.press("Escape")
        await page.is_ready()

        # Edit, and step between the versions.
        await tab_to(page, "Edit", back=True)
        await keyboard.press("Enter")
        await keyboard.press("Control+A")
        await keyboard.type("My better words")
        await tab_to(page, "Ask again")
        await keyboard.press("Enter")
        await expect(page.answers).to_contain_text('You said: "My better words"')
        await page.is_ready()
        await tab_to(page, "Earlier version")
        await keyboard.press("Enter")
        await expect(page.answers).to_contain_text("word0 word1 word2")
        await tab_to(page, "Show the latest")
        await keyboard.press("Space")
        await expect(page.answers).to_contain_text('You said: "My better words"')

        # Copy, and ask again.
        asked = home.control.received
        await tab_to(page, "Regenerate")
        await keyboard.press("Enter")
        await expect(page.answers.get_by_role("img", name="Version 2 of 2")).to_be_visible()
        # The other version is shown at once, and is the same as the first.
        await home.control.until(lambda seen: seen.received > asked)
        await page.is_ready()

        # Attach a file, and send it with a word.
        content = b"%PDF-1.4\n%%EOF\n"
        file = FilePayload(name="note.pdf", mimeType="application/pdf", buffer=content)
        await tab_to(page, "Attach")
        await keyboard.press("Space")
        await page.choose(file)
        await expect(page.page.get_by_role("list", name="Attached")).to_be_visible()
        await tab_to(page, "Remove note.pdf", back=True)
        await keyboard.press("Enter")
        await expect(page.page.get_by_role("list", name="Attached")).to_have_count(0)

        # A tool, which asks first where it can.
        await tab_to(page, "Message")
        await keyboard.type("Send an email to ada@example.com about tea")
        await keyboard.press("Enter")
        call = page.tool("send_email")
        if generation == "7":
            await expect(call).to_contain_text("asks you first")
            await page.is_ready()
            await tab_to(page, "Allow", back=True)
            await keyboard.press("Enter")
            await expect(call).to_contain_text("done")
        await page.is_ready()

        # What a tool gave is read.
        await tab_to(page, "Message")
        await tab_to(page, "Output" if generation == "7" else "Input", back=True)
        await keyboard.press("Enter")
        await expect(call.locator("pre").last).to_contain_text("ada@example.com")

        # The wire, and away again.
        await tab_to(page, "Show this answer on the wire")
        await keyboard.press("Enter")
        await expect(page.wire).to_be_visible()
        await tab_to(page, "Close the wire panel")
        await keyboard.press("Enter")
        await expect(page.wire).to_be_hidden()
        await expect(page.button("Wire")).to_be_focused()

        # Sign in, and not.
        await tab_to(page, "Sign in", back=True)
        await keyboard.press("Enter")
        await expect(page.page.get_by_role("dialog")).to_be_visible()
        await keyboard.press("Escape")
        await expect(page.page.get_by_role("dialog")).to_have_count(0)

        # Another chat, back to the first, and away with it.
        await tab_to(page, "New chat")
        await keyboard.press("Enter")
        await expect(page.questions).to_have_count(0)
        await tab_to(page, "scenario: stall")
        await keyboard.press("Enter")
        await expect(page.questions.first).to_contain_text("My better words")
        await tab_to(page, "Delete the chat")
        await keyboard.press("Enter")
        await expect(page.questions).to_have_count(0)
        await expect(chats_of(page.page)).to_have_count(0)
