"""Tools: their progress and results, the browser's own tool, and the user's approval."""

import re

import pytest
from playwright.async_api import expect

from tests.web.chat_page import Generation
from tests.web.conftest import Open
from tests.web.site import Site


async def test_two_tools_show_their_results(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)

    answer = await page.ask("What is the weather in Bergen and Lisbon?")

    calls = page.tool("get_weather")
    await expect(calls).to_have_count(2)
    await expect(calls.first).to_contain_text('get_weather(city: "Bergen")')
    await expect(calls.first).to_contain_text("done")
    await expect(calls.first.locator(".weather")).to_have_text("12 °CBergenrain")
    await expect(calls.last.locator(".weather")).to_contain_text("Lisbon")
    await expect(answer.get_by_role("heading", name="get_weather: Lisbon")).to_be_visible()


async def test_a_tool_reports_while_it_works(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    call = page.tool("slow_process")

    await page.send('Run the slow process "tea" with 2 steps')

    await expect(call).to_contain_text("running")
    await expect(call).to_contain_text("Step 1/2 complete...")
    await expect(call).to_contain_text("done")
    await expect(call).to_contain_text("Processed in 2 steps")
    await expect(call).not_to_contain_text("Step")
    await page.is_ready()


async def test_a_tool_with_bad_arguments_has_failed_and_the_answer_goes_on(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)

    await page.ask("scenario: bad-arguments tool=get_weather kind=type")

    calls = page.tool("get_weather")
    await expect(calls.first).to_contain_text("failed")
    await expect(calls.last).to_contain_text("done")
    await expect(page.failure).to_have_count(0)


async def test_the_browser_tells_where_it_is(open_page: Open, generation: Generation) -> None:
    place = {"latitude": 60.39, "longitude": 5.32}
    page = await open_page(generation, geolocation=place, permissions=["geolocation"])
    await page.ask("Where am I?")
    await expect(page.tool("get_location")).to_contain_text("asks your browser")

    await page.button("Share my location").click()

    await expect(page.tool("get_location")).to_contain_text("done")
    await expect(page.answers).to_contain_text(re.compile(r"latitude: 60\.39"))
    await page.is_ready()
    await expect(page.answers).to_have_count(1)


async def test_a_browser_that_may_not_tell_gives_its_time_zone(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation, timezone_id="America/Argentina/Buenos_Aires")
    session = await page.page.context.new_cdp_session(page.page)
    denied = {"permission": {"name": "geolocation"}, "setting": "denied"}
    await session.send("Browser.setPermission", denied)
    await page.ask("Where am I?")

    await page.button("Share my location").click()

    await expect(page.answers).to_contain_text("nearbyCity: Buenos Aires")
    await page.is_ready()


async def test_the_user_may_share_only_the_time_zone(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation, timezone_id="Europe/Oslo")
    await page.ask("Where am I?")

    await page.button("Only my time zone").click()

    await expect(page.answers).to_contain_text("timeZone: Europe/Oslo")
    await page.is_ready()


async def test_the_user_may_tell_nothing(
    open_page: Open, generation: Generation, home: Site
) -> None:
    page = await open_page(generation)
    await page.ask("Where am I?")

    await page.button("Do not tell").click()

    await expect(page.tool("get_location")).to_contain_text("failed")
    await expect(page.answers.get_by_role("heading")).to_have_count(2)
    await page.is_ready()
    output = home.control.requests[-1].body["messages"][-1]
    assert output["role"] == "tool"
    assert "did not want to tell" in output["content"]


async def test_an_approved_tool_runs(open_page: Open) -> None:
    page = await open_page("7")
    await page.ask("Send an email to ada@example.com about tea")
    call = page.tool("send_email")
    await expect(call).to_contain_text("asks you first")
    await expect(call.get_by_label("Input")).to_contain_text("toada@example.com")

    await page.button("Allow").click()

    await expect(call).to_contain_text("done")
    await expect(call.get_by_label("Output")).to_contain_text('"sent":true')
    await page.is_ready()
    await expect(page.answers).to_have_count(1)
    await expect(page.button("Allow")).to_have_count(0)


async def test_a_denied_tool_does_not_run(open_page: Open, home: Site) -> None:
    page = await open_page("7")
    await page.ask("Send an email to ada@example.com about tea")

    await page.button("Deny").click()

    await expect(page.tool("send_email")).to_contain_text("denied")
    await expect(page.answers.get_by_role("heading", name="send_email").last).to_be_visible()
    await page.is_ready()
    output = home.control.requests[-1].body["messages"][-1]
    assert output["role"] == "tool"
    assert "sent" not in output["content"]


async def test_a_tool_that_asks_is_refused_where_nobody_can_be_asked(open_page: Open) -> None:
    page = await open_page("4")

    await page.ask("Send an email to ada@example.com about tea")

    await expect(page.tool("send_email")).to_contain_text("failed")
    await expect(page.button("Allow")).to_have_count(0)


@pytest.mark.parametrize("pressed", ["Allow", "Deny"])
async def test_an_approval_outlives_a_reload(open_page: Open, pressed: str) -> None:
    page = await open_page("7")
    await page.ask("Send an email to ada@example.com about tea")

    await page.page.reload()
    await page.button(pressed).click()

    expected = {"Allow": "done", "Deny": "denied"}[pressed]
    await expect(page.tool("send_email")).to_contain_text(expected)
    await page.is_ready()
