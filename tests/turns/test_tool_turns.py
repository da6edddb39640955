"""Turns with tools over live HTTP: what the client reads, and what the model is told."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

import httpx2
import pytest
from pydantic import StringConstraints

from app.scripted_model.control import Control
from app.tools import Tool, ToolContext, ToolError, client_tool, tool
from tests.chatting import Chat, Reader, chatting, data_body, ui_body

SECRET = "postgres://user:hunter2@db"


@tool
async def get_weather(city: str, ctx: ToolContext) -> dict[str, Any]:
    """Look up the weather."""
    ctx.send_status(f"Looking up {city}")
    return {"city": city, "celsius": 12}


@tool
async def crash(city: str) -> str:
    """Fail with a text that nobody should see."""
    raise RuntimeError(f"cannot reach {SECRET} for {city}")


@tool
async def complain(city: str) -> str:
    """Fail with a text for the user."""
    raise ToolError(f"There is no city called {city}.")


@tool
async def improve(city: str) -> AsyncIterator[dict[str, Any]]:
    """Get better with time."""
    yield {"draft": 1}
    yield {"draft": 2}


@tool(needs_approval=True)
async def send_money(amount: int, ctx: ToolContext) -> dict[str, Any]:
    """Send money."""
    return {"sent": amount, "key": ctx.approval_id}


get_place = client_tool("get_place", "Where the user is.")


def call(name: str, arguments: Mapping[str, Any], **more: Any) -> str:
    words = "".join(f" {key}={value}" for key, value in more.items())
    return f"scenario: call tool={name} arguments='{json.dumps(arguments)}'{words}"


def chunks(response: httpx2.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    parts = response.text.removesuffix("\n\n").split("\n\n")
    assert parts[-1] == "data: [DONE]"
    return [json.loads(part.removeprefix("data: ")) for part in parts[:-1]]


def kinds(found: Sequence[Mapping[str, Any]], *, without: str = "text-") -> list[str]:
    return [chunk["type"] for chunk in found if not chunk["type"].startswith(without)]


def of_kind(found: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    (chunk,) = (chunk for chunk in found if chunk["type"] == kind)
    return chunk


def lines(response: httpx2.Response) -> list[tuple[str, Any]]:
    assert response.status_code == 200, response.text
    parts = (line.partition(":") for line in response.text.splitlines())
    return [(code, json.loads(value)) for code, _, value in parts]


def told(control: Control, request: int = -1) -> list[Any]:
    """Return what the model was told by its tools, in one of the requests."""
    messages = control.requests[request].body["messages"]
    return [message["content"] for message in messages if message["role"] == "tool"]


async def test_a_tool_runs_between_two_steps_of_one_message(model: str, control: Control) -> None:
    async with chatting(model, get_weather) as chat:
        found = chunks(await chat.post(ui_body(call("get_weather", {"city": "Oslo"}))))

    assert kinds(found, without="text-") == [
        *("start", "start-step", "tool-input-start"),
        *("tool-input-delta",) * kinds(found).count("tool-input-delta"),
        *("tool-input-available", "data-status", "data-status", "tool-output-available"),
        *("finish-step", "start-step", "finish-step", "finish"),
    ]
    assert of_kind(found, "tool-output-available")["output"] == {"city": "Oslo", "celsius": 12}
    assert of_kind(found, "finish")["finishReason"] == "stop"
    assert json.loads(told(control)[0]) == {"city": "Oslo", "celsius": 12}
    asked = control.requests[0].body
    assert [spec["function"]["name"] for spec in asked["tools"]] == ["get_weather"]
    assert len(control.requests) == 2


async def test_the_same_turn_in_the_data_stream(model: str) -> None:
    async with chatting(model, get_weather) as chat:
        found = lines(await chat.post(data_body(call("get_weather", {"city": "Oslo"}))))

    codes = [code for code, _ in found if code != "c" and code != "0"]
    assert codes == ["f", "b", "9", "8", "a", "e", "f", "e", "8", "d"]
    ids = {value["messageId"] for code, value in found if code == "f"}
    assert len(ids) == 1
    (status,) = next(value for code, value in found if code == "8")
    assert status["message"] == "Looking up Oslo"


async def test_the_same_turn_in_ndjson(model: str) -> None:
    async with chatting(model, get_weather) as chat:
        body = ui_body(call("get_weather", {"city": "Oslo"}))
        response = await chat.post(body, "/api/chat?protocol=ndjson")

    found = [json.loads(line) for line in response.text.splitlines()]
    statuses = [line["payload"]["message"] for line in found if line["type"] == "status"]
    assert "Looking up Oslo" in statuses
    assert found[-1]["type"] == "result"
    (made,) = found[-1]["payload"]["tool_calls"]
    assert made["output"] == {"city": "Oslo", "celsius": 12}
    assert [line["type"] for line in found].count("result") == 1


async def test_two_calls_of_one_step_run_side_by_side(model: str, control: Control) -> None:
    met = asyncio.Barrier(2)

    @tool
    async def meet(city: str) -> str:
        """Answer only when both calls run."""
        await met.wait()
        return city

    async with chatting(model, meet) as chat:
        text = call("meet", {"city": "Oslo"}, count=2)
        found = chunks(await chat.post(ui_body(text)))

    order = [kind for kind in kinds(found) if kind in _CALLS]
    assert order == ["tool-input-available"] * 2 + ["tool-output-available"] * 2
    assert len(told(control)) == 2


_CALLS = ("tool-input-available", "tool-output-available")


@pytest.mark.parametrize(
    ("failing", "for_user"),
    [(crash, "An error occurred."), (complain, "There is no city called Oslo.")],
    ids=["masked", "meant for the user"],
)
async def test_a_tool_that_fails_does_not_end_the_turn(
    model: str, control: Control, failing: Tool, for_user: str
) -> None:
    async with chatting(model, failing) as chat:
        text = call(failing.name, {"city": "Oslo"})
        found = chunks(await chat.post(ui_body(text)))
        legacy = lines(await chat.post(data_body(text)))

    assert of_kind(found, "tool-output-error")["errorText"] == for_user
    assert of_kind(found, "finish")["finishReason"] == "stop"
    assert [value["result"] for code, value in legacy if code == "a"] == [{"error": for_user}]
    assert "3" not in [code for code, _ in legacy]
    assert SECRET not in json.dumps(found) + json.dumps(legacy)
    assert told(control) == [for_user]


@pytest.mark.parametrize("kind", ["json", "type"])
async def test_a_model_that_sends_bad_arguments_is_told_and_repairs_them(
    model: str, control: Control, kind: str
) -> None:
    async with chatting(model, get_weather) as chat:
        text = f"scenario: bad-arguments tool=get_weather kind={kind}"
        found = chunks(await chat.post(ui_body(text)))

    ends = [k for k in kinds(found) if k in ("tool-input-error", "tool-output-available")]
    assert ends == ["tool-input-error", "tool-output-available"]
    assert len(control.requests) == 3
    assert len(told(control, 1)) == 1
    assert len(told(control, 2)) == 2


async def test_a_tool_that_nobody_offered_is_an_error_that_the_model_sees(
    model: str, control: Control
) -> None:
    async with chatting(model, get_weather) as chat:
        found = chunks(await chat.post(ui_body("scenario: unknown-tool")))

    assert of_kind(found, "tool-input-error")["toolName"] == "no_such_tool"
    assert "no_such_tool" in told(control)[0]
    assert of_kind(found, "finish")["finishReason"] == "stop"


async def test_preliminary_outputs_replace_each_other(model: str, control: Control) -> None:
    async with chatting(model, improve) as chat:
        found = chunks(await chat.post(ui_body(call("improve", {"city": "Oslo"}))))

    outputs = [chunk for chunk in found if chunk["type"] == "tool-output-available"]
    assert [chunk["output"]["draft"] for chunk in outputs][-1] == 2
    assert [chunk.get("preliminary", False) for chunk in outputs][-1] is False
    assert all(chunk["preliminary"] for chunk in outputs[:-1])
    assert json.loads(told(control)[0]) == {"draft": 2}


async def test_a_turn_ends_after_the_most_steps(model: str, control: Control) -> None:
    async with chatting(model, get_weather, max_steps=3) as chat:
        found = chunks(await chat.post(ui_body("scenario: loop tool=get_weather")))

    assert len(control.requests) == 3
    # One more, empty: a client reposts a message whose last step only has calls with outputs.
    assert kinds(found)[-3:] == ["start-step", "finish-step", "finish"]
    assert kinds(found).count("finish-step") == 4
    assert of_kind(found, "finish")["finishReason"] == "tool-calls"
    assert kinds(found).count("tool-output-available") == 3


async def test_usage_is_the_sum_of_all_steps(model: str) -> None:
    async with chatting(model, get_weather) as chat:
        found = lines(await chat.post(data_body(call("get_weather", {"city": "Oslo"}))))

    steps = [value["usage"]["completionTokens"] for code, value in found if code == "e"]
    (whole,) = (value["usage"]["completionTokens"] for code, value in found if code == "d")
    assert len(steps) == 2
    assert whole == sum(steps)


async def test_a_client_that_leaves_cancels_the_tool(model: str, control: Control) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    @tool
    async def wait(city: str) -> str:
        """Wait for ever."""
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return city

    async with chatting(model, wait) as chat:
        async with chat.stream(ui_body(call("wait", {"city": "Oslo"}))) as response:
            await Reader(response).until(b"tool-input-available")
            await started.wait()
        await cancelled.wait()

    assert len(control.requests) == 1


# Tools that the client runs


async def test_a_client_tool_ends_the_turn_and_its_result_continues_the_message(
    model: str, control: Control
) -> None:
    async with chatting(model, get_place) as chat:
        body = ui_body(call("get_place", {}))
        found = chunks(await chat.post(body))
        message_id = of_kind(found, "start")["messageId"]
        made = of_kind(found, "tool-input-available")
        executed = {
            "type": "tool-get_place",
            "toolCallId": made["toolCallId"],
            "state": "output-available",
            "input": {},
            "output": "Bergen",
        }
        again = chunks(await chat.post(continued(body, message_id, executed)))

    assert of_kind(found, "finish")["finishReason"] == "tool-calls"
    assert "tool-output-available" not in kinds(found)
    assert kinds(again) == ["start", "start-step", "finish-step", "finish"]
    assert of_kind(again, "start")["messageId"] == message_id
    assert told(control) == ["Bergen"]


def continued(
    body: Mapping[str, Any], message_id: str, *parts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the client posts next: the history with its parts for the assistant's calls."""
    assistant = {
        "id": message_id,
        "role": "assistant",
        "parts": [{"type": "step-start"}, *parts],
    }
    return {**body, "messages": [*body["messages"], assistant], "messageId": message_id}


# Tools that ask first


class Asked:
    """A turn that has asked for approval: what the client knows by then."""

    def __init__(self, body: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> None:
        self.body = body
        self.message_id = of_kind(found, "start")["messageId"]
        self.call = of_kind(found, "tool-input-available")
        self.approval_id = of_kind(found, "tool-approval-request")["approvalId"]

    def reply(self, *, approved: bool = True, **changed: Any) -> dict[str, Any]:
        """Return the request that carries the user's reply."""
        part = {
            "type": "tool-send_money",
            "toolCallId": self.call["toolCallId"],
            "state": "approval-responded",
            "input": self.call["input"],
            "approval": {"id": self.approval_id, "approved": approved},
            **changed,
        }
        return continued(self.body, self.message_id, part)


async def asked_by(chat: Chat) -> Asked:
    body = ui_body(call("send_money", {"amount": 5}))
    return Asked(body, chunks(await chat.post(body)))


async def test_an_approved_call_runs_before_the_first_step_of_the_continuation(
    model: str, control: Control
) -> None:
    async with chatting(model, send_money) as chat:
        asked = await asked_by(chat)
        found = chunks(await chat.post(asked.reply()))

    assert kinds(found) == [
        "start",
        "tool-output-available",
        "start-step",
        "finish-step",
        "finish",
    ]
    assert of_kind(found, "start")["messageId"] == asked.message_id
    output = {"sent": 5, "key": asked.approval_id}
    assert of_kind(found, "tool-output-available")["output"] == output
    assert json.loads(told(control)[0]) == output


async def test_a_denied_call_does_not_run_and_the_model_goes_on(
    model: str, control: Control
) -> None:
    async with chatting(model, send_money) as chat:
        asked = await asked_by(chat)
        approval = {"id": asked.approval_id, "approved": False, "reason": "Too much"}
        found = chunks(await chat.post(asked.reply(approval=approval)))

    assert kinds(found) == ["start", "tool-output-denied", "start-step", "finish-step", "finish"]
    assert "Too much" in told(control)[0]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"approval": {"id": "made.up.id", "approved": True}}, "not asked for by this server"),
        ({"input": {"amount": 5000}}, "not the one that was approved"),
        ({"toolCallId": "call_other"}, "not the one that was approved"),
        ({"input": {"amount": "much"}}, "amount"),
        ({"type": "tool-no_such_tool"}, "no_such_tool"),
    ],
    ids=["forged", "changed input", "another call", "bad input", "another tool"],
)
async def test_an_approval_that_does_not_count_runs_nothing(
    model: str, control: Control, changed: Mapping[str, Any], sentence: str
) -> None:
    async with chatting(model, send_money) as chat:
        asked = await asked_by(chat)
        found = chunks(await chat.post(asked.reply(**changed)))

    assert sentence in of_kind(found, "tool-output-error")["errorText"]
    assert sentence in told(control)[0]
    assert "tool-output-available" not in kinds(found)


async def test_an_approval_counts_once(model: str) -> None:
    async with chatting(model, send_money) as chat:
        asked = await asked_by(chat)
        chunks(await chat.post(asked.reply()))
        again = chunks(await chat.post(asked.reply()))

    assert "used before" in of_kind(again, "tool-output-error")["errorText"]


async def test_a_denied_call_cannot_be_approved_afterwards(model: str, control: Control) -> None:
    async with chatting(model, send_money) as chat:
        asked = await asked_by(chat)
        chunks(await chat.post(asked.reply(approved=False)))
        again = chunks(await chat.post(asked.reply()))

    assert "denied this call before" in of_kind(again, "tool-output-error")["errorText"]
    assert "denied this call before" in told(control)[0]


@tool(needs_approval=lambda tool_input: tool_input["env"] == "prod")
async def deploy(
    env: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True)],
) -> str:
    """Deploy."""
    return f"deployed to {env}"


async def test_a_spelling_that_validation_repairs_does_not_avoid_the_question(model: str) -> None:
    async with chatting(model, deploy) as chat:
        body = ui_body(call("deploy", {"env": " PROD "}))
        found = chunks(await chat.post(body))
        asked = Asked(body, found)
        done = chunks(await chat.post(asked.reply(type="tool-deploy")))
        unasked = chunks(await chat.post(ui_body(call("deploy", {"env": " Dev "}))))

    assert "tool-output-available" not in kinds(found)
    assert asked.call["input"] == {"env": "prod"}  # the user sees what will run
    assert of_kind(done, "tool-output-available")["output"] == "deployed to prod"
    assert of_kind(unasked, "tool-input-available")["input"] == {"env": " Dev "}
    assert of_kind(unasked, "tool-output-available")["output"] == "deployed to dev"


async def test_one_call_named_twice_in_the_history_runs_once(model: str) -> None:
    async with chatting(model, send_money) as chat:
        asked = await asked_by(chat)
        body = asked.reply()
        body["messages"][-1]["parts"].append(body["messages"][-1]["parts"][-1])
        found = chunks(await chat.post(body))

    assert kinds(found).count("tool-output-available") == 1


@pytest.mark.parametrize("path", ["/api/chat?sdk=5", "/api/chat?protocol=ndjson"])
async def test_a_client_that_cannot_ask_gets_a_refusal_that_the_model_can_explain(
    model: str, control: Control, path: str
) -> None:
    async with chatting(model, send_money) as chat:
        response = await chat.post(ui_body(call("send_money", {"amount": 5})), path)

    assert response.status_code == 200
    assert "tool-approval-request" not in response.text
    assert "needs the user's approval" in told(control)[0]


async def test_the_data_stream_cannot_ask_either(model: str, control: Control) -> None:
    async with chatting(model, send_money) as chat:
        found = lines(await chat.post(data_body(call("send_money", {"amount": 5}))))

    (result,) = (value["result"] for code, value in found if code == "a")
    assert "needs the user's approval" in result["error"]
    assert len(control.requests) == 2


async def test_a_message_in_one_piece_holds_what_the_stream_would_have_said(model: str) -> None:
    forever = asyncio.Event()

    @tool
    async def wait(city: str) -> str:
        """Wait for ever."""
        await forever.wait()
        return city

    async with chatting(model, wait) as chat:
        in_a_second = json.dumps({"deadline": (time.time() + 2.5) * 1000})
        response = await chat.post(
            ui_body(call("wait", {"city": "Oslo"}), stream=False),
            headers={"x-amzn-lambda-context": in_a_second},
        )

    parts = response.json()["message"]["parts"]
    (made,) = (part for part in parts if part["type"] == "tool-wait")
    assert response.status_code == 504
    assert made["state"] == "output-error"
