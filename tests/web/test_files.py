"""Files of the user: by the button, pasted and dropped."""

import base64
from typing import Any

import pytest
from playwright.async_api import FilePayload, expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.conftest import Open
from tests.web.site import Site

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n%%EOF\n"
PICTURE = FilePayload(name="dot.png", mimeType="image/png", buffer=PNG)
PAPER = FilePayload(name="paper.pdf", mimeType="application/pdf", buffer=PDF)

# Hands files to the page as the browser does for `kind`: a paste or a drop.
_HAND_OVER = """([kind, files]) => {
  const transfer = new DataTransfer();
  for (const {name, type, data} of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, {type}));
  }
  const field = document.querySelector('.composer textarea');
  const init = {bubbles: true, cancelable: true};
  if (kind === 'paste') {
    field.dispatchEvent(new ClipboardEvent('paste', {...init, clipboardData: transfer}));
  } else {
    const target = document.querySelector('.messages');
    for (const type of ['dragenter', 'dragover', 'drop']) {
      target.dispatchEvent(new DragEvent(type, {...init, dataTransfer: transfer}));
    }
  }
}"""


async def attach(page: ChatPage, way: str, *files: FilePayload) -> None:
    """Give files to the page: by the ``button``, by a ``paste`` or by a ``drop``."""
    if way == "button":
        async with page.page.expect_file_chooser() as choosing:
            await page.button("Attach a picture or a PDF").click()
        await (await choosing.value).set_files(list(files))
        return
    handed = [
        {
            "name": file["name"],
            "type": file["mimeType"],
            "data": base64.b64encode(file["buffer"]).decode(),
        }
        for file in files
    ]
    await page.page.evaluate(_HAND_OVER, [way, handed])


@pytest.mark.parametrize("way", ["button", "paste", "drop"])
async def test_a_picture_and_a_pdf_reach_the_model(
    open_page: Open, generation: Generation, home: Site, way: str
) -> None:
    page = await open_page(generation)
    await attach(page, way, PICTURE, PAPER)
    await expect(page.page.get_by_role("list", name="Attached")).to_contain_text("paper.pdf")

    answer = await page.ask("What is this?")

    await expect(answer).to_contain_text("I received 2 files")
    await expect(page.questions.get_by_role("img", name="dot.png")).to_be_visible()
    await expect(page.questions).to_contain_text("paper.pdf")
    content: list[dict[str, Any]] = home.control.requests[-1].body["messages"][-1]["content"]
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert [part["image_url"]["url"] for part in content if part["type"] == "image_url"] == [url]
    assert [part["file"]["filename"] for part in content if part["type"] == "file"] == ["paper.pdf"]


async def test_a_file_needs_no_words(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    await attach(page, "button", PICTURE)

    await page.button("Send").click()

    await expect(page.answers).to_contain_text("I received 1 file")


async def test_a_file_can_be_taken_back(open_page: Open) -> None:
    page = await open_page()
    await attach(page, "button", PICTURE)

    await page.button("Remove dot.png").click()

    await expect(page.button("Remove dot.png")).to_have_count(0)
    await expect(page.button("Send")).to_be_disabled()


async def test_other_files_are_refused_with_a_reason(open_page: Open) -> None:
    page = await open_page()

    await attach(page, "drop", FilePayload(name="a.zip", mimeType="application/zip", buffer=b"PK"))
    await expect(page.failure).to_have_text("a.zip is neither a picture nor a PDF.")

    for name, kind in (("a.heic", "image/heic"), ("a.svg", "image/svg+xml")):
        await attach(page, "paste", FilePayload(name=name, mimeType=kind, buffer=b"<svg/>"))
        await expect(page.failure).to_have_text(
            f"{name}: models read PNG, JPEG, GIF and WebP only."
        )
    await attach(page, "drop", FilePayload(name="a.png", mimeType="image/png", buffer=b""))
    await expect(page.failure).to_have_text("a.png is empty.")

    big = FilePayload(name="big.png", mimeType="image/png", buffer=bytes(4_000_000))
    await attach(page, "button", big)
    await expect(page.failure).to_have_text("That is too much: up to 3 MB of files will do.")


async def test_an_edited_question_keeps_its_files(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    await attach(page, "paste", PAPER)
    await page.ask("What is this?")

    await page.questions.get_by_role("button", name="Edit").click()
    await page.page.get_by_role("textbox", name="Your message").fill("And now?")
    await page.button("Ask again").click()

    await expect(page.questions).to_contain_text("And now?")
    await expect(page.answers).to_contain_text("I received 1 file")
    await page.is_ready()
    await expect(page.answers).to_have_count(1)
