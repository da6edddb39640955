"""Files of the user: by the button, pasted and dropped."""

import base64
import json
from typing import Any

import pytest
from playwright.async_api import FilePayload, Route, expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.conftest import Open
from tests.web.pictures import half_red_jpeg, noise_png, paper, with_orientation
from tests.web.site import Site, backend

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
        await page.button("Attach a picture or a PDF").click()
        await page.choose(*files)
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

    # Some systems do not know the type.
    await attach(page, "drop", FilePayload(name="b.HEIC", mimeType="", buffer=b"ftypheic"))
    await expect(page.failure).to_have_text("b.HEIC: models read PNG, JPEG, GIF and WebP only.")
    broken = FilePayload(name="broken.png", mimeType="image/png", buffer=bytes(400))
    await attach(page, "button", broken)
    await expect(page.failure).to_have_text("broken.png cannot be read as a picture. Is it whole?")

    await attach(page, "button", paper("big.pdf", 4_000_000))
    await expect(page.failure).to_have_text("That is too much: up to 3 MB of files will do.")


async def test_what_the_server_takes_at_most_is_said_before_anything_is_sent(
    open_page: Open, home: Site
) -> None:
    async with backend(home.model, max_body_bytes=400_000) as url:
        page = await open_page(address=url)
        await expect(page.page.get_by_text("Chats are kept in this browser only.")).to_be_visible()
        await page.page.wait_for_load_state("networkidle")

        await attach(page, "button", paper("long.pdf", 350_000))

        await expect(page.failure).to_have_text("That is too much: up to 0.27 MB of files will do.")


def sent_file(home: Site) -> tuple[str, bytes]:
    """Return the type and the bytes of the picture that the model was sent last."""
    content: list[dict[str, Any]] = home.control.requests[-1].body["messages"][-1]["content"]
    url: str = next(part["image_url"]["url"] for part in content if part["type"] == "image_url")
    head, _, data = url.partition(",")
    return head, base64.b64decode(data)


# Draws a picture and tells its size and the colour of a point in its upper and its lower half.
_LOOK = """async ([head, data]) => {
  const picture = new Image();
  picture.src = `${head},${data}`;
  await picture.decode();
  const {width, height} = picture;
  const canvas = Object.assign(document.createElement('canvas'), {width, height});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(picture, 0, 0);
  const colour = (part) => [...context.getImageData(width / 2, height * part, 1, 1).data];
  return [[width, height], colour(0.25), colour(0.75)];
}"""


async def look_at(page: ChatPage, sent: tuple[str, bytes]) -> Any:
    head, data = sent
    return await page.page.evaluate(_LOOK, [head, base64.b64encode(data).decode()])


async def test_a_large_picture_is_scaled_before_it_is_sent(open_page: Open, home: Site) -> None:
    page = await open_page()
    screenshot = FilePayload(
        name="screenshot.png", mimeType="image/png", buffer=noise_png(2600, 1300)
    )
    await attach(page, "button", screenshot)
    await expect(page.button("Remove screenshot.jpg")).to_be_visible()

    await page.ask("What is this?")

    sent = sent_file(home)
    [width, height], *_ = await look_at(page, sent)
    assert len(screenshot["buffer"]) > 10_000_000
    assert sent[0] == "data:image/jpeg;base64"
    assert len(sent[1]) <= 700 * 1024
    assert width <= 2048 and width == 2 * height
    await expect(page.questions.get_by_role("img", name="screenshot.jpg")).to_be_visible()


async def test_a_photograph_is_upright_and_does_not_say_where_it_was_taken(
    open_page: Open, home: Site
) -> None:
    page = await open_page()
    # Held upright: what stands left in the file is above.
    held = with_orientation(await half_red_jpeg(page.page, 80, 40), 6, b"at 59.91 N, 10.75 E")
    await attach(page, "button", FilePayload(name="photo.jpg", mimeType="image/jpeg", buffer=held))

    await expect(page.button("Remove photo.jpg")).to_be_visible()
    await page.ask("What is this?")

    sent = sent_file(home)
    size, above, below = await look_at(page, sent)
    assert size == [40, 80]
    assert above[0] > 200 and above[2] < 60
    assert below[2] > 200 and below[0] < 60
    assert b"Exif" not in sent[1]
    assert b"59.91" not in sent[1]


async def test_an_animation_is_sent_as_it_is_up_to_a_limit(open_page: Open, home: Site) -> None:
    page = await open_page()
    picture = b"!\xf9\x04\0\x0a\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0"
    gif = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0" + picture * 2 + b";"
    large = gif[:-1] + picture * 50_000 + b";"

    await attach(page, "drop", FilePayload(name="a.gif", mimeType="image/gif", buffer=large))
    await expect(page.failure).to_have_text(
        "a.gif moves, so it is sent as it is, and 1 MB is the most for that."
    )
    await attach(page, "drop", FilePayload(name="a.gif", mimeType="image/gif", buffer=gif))
    await page.ask("What is this?")

    assert sent_file(home) == ("data:image/gif;base64", gif)


def files_asked(home: Site) -> list[list[str]]:
    """Return the files of each of the user's messages in the model's last request."""
    messages = home.control.requests[-1].body["messages"]
    return [
        [part["file"]["filename"] for part in message["content"] if part["type"] == "file"]
        if isinstance(message["content"], list)
        else []
        for message in messages
        if message["role"] == "user"
    ]


async def test_older_files_are_left_out_when_the_request_would_be_too_large(
    open_page: Open, generation: Generation, home: Site
) -> None:
    async with backend(home.model, max_body_bytes=800_000) as url:
        page = await open_page(generation, address=url, fresh=True)
        for number in range(3):
            await attach(page, "button", paper(f"paper-{number}.pdf", 200_000))
            await page.ask(f"Question {number}")
            await expect(page.failure).to_have_count(0)

        assert files_asked(home) == [[], ["paper-1.pdf"], ["paper-2.pdf"]]
        asked = json.dumps(home.control.requests[-1].body["messages"][0])
        assert "Question 0" in asked and "Here was a file: paper-0.pdf" in asked
        await expect(page.page.get_by_text("An older file was not sent again")).to_be_visible()
        assert "data:application/pdf" not in await page.page.evaluate(
            "JSON.stringify({...localStorage})"
        )

        await page.page.reload()

        await expect(page.answers).to_have_count(3)
        for number in range(3):
            await expect(page.questions.nth(number)).to_contain_text(f"paper-{number}.pdf")
        await page.ask("And without a file?")
        assert files_asked(home)[1:] == [["paper-1.pdf"], ["paper-2.pdf"], []]


async def test_a_request_that_a_proxy_takes_for_too_large_goes_out_without_older_files(
    open_page: Open, generation: Generation, home: Site
) -> None:
    page = await open_page(generation, fresh=True)

    async def proxy(route: Route) -> None:
        # As nginx does with `client_max_body_size`.
        if len(route.request.post_data_buffer or b"") < 400_000:
            await route.continue_()
            return
        html = "<html><head><title>413 Request Entity Too Large</title></head></html>"
        await route.fulfill(status=413, content_type="text/html", body=html)

    await page.page.route("**/api/chat", proxy)
    page.expect_complaint()
    await attach(page, "button", paper("old.pdf", 200_000))
    await page.ask("The first")
    await attach(page, "button", paper("new.pdf", 200_000))
    await page.send("The second")
    await expect(page.failure).to_contain_text(
        "larger than the server, or a proxy before it, takes"
    )

    await page.button("Leave older files out and send again").click()

    await expect(page.answers).to_have_count(2)
    await page.is_ready()
    await expect(page.failure).to_have_count(0)
    assert files_asked(home) == [[], ["new.pdf"]]
    await page.ask("The third")
    assert files_asked(home) == [[], [], []]


async def test_a_server_that_keeps_chats_is_sent_no_file_twice(
    open_page: Open, generation: Generation, home: Site
) -> None:
    async with backend(home.model, store="memory") as url:
        page = await open_page(generation, address=url, fresh=True)
        await expect(page.page.get_by_text("Chats are kept by the server.")).to_be_visible()
        sizes: list[int] = []
        page.page.on("request", lambda request: sizes.append(len(request.post_data_buffer or b"")))

        for number in range(3):
            await attach(page, "button", paper(f"paper-{number}.pdf", 2_000_000))
            await page.ask(f"Question {number}")

        assert files_asked(home) == [["paper-0.pdf"], ["paper-1.pdf"], ["paper-2.pdf"]]
        assert max(sizes) < 3_000_000


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
