"""`app.tools.toolbox`: what is done with the calls of one turn."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from app.events import (
    ToolInputAvailable,
    ToolInputError,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)
from app.messages import ApprovalReply, ToolCallPart, ToolOutputPart
from app.tools import Scene, Tool, ToolContext, client_tool, tool
from app.tools.approval import ApprovalRefusal, Approvals
from app.tools.toolbox import (
    AskUser,
    Execute,
    LeaveToClient,
    Plan,
    Refuse,
    Toolbox,
    earlier_calls,
)
from tests.tools.sink import Sink

MASKED = "An error occurred."


@tool
def count(n: int) -> int:
    """Count to n."""
    return n


@tool(needs_approval=True)
def pay(euros: int, ctx: ToolContext) -> Any:
    """Pay."""
    return [euros, ctx.approval_id]


ask = client_tool("ask", "Ask the user.")


def toolbox(
    *tools: Tool,
    can_ask: bool = True,
    approvals: Approvals | None = None,
    chat_id: str | None = "chat-1",
    owner: str = "",
) -> Toolbox:
    approvals = Approvals(b"secret") if approvals is None else approvals
    by_name = {one.name: one for one in tools}
    return Toolbox(by_name, Scene(chat_id=chat_id, owner=owner), approvals, can_ask=can_ask)


def made(name: str, call_id: str = "c1", **tool_input: Any) -> ToolInputAvailable:
    return ToolInputAvailable(call_id, name, tool_input)


def refused(plan: Plan) -> Refuse:
    assert isinstance(plan, Refuse)
    assert plan.output.is_error
    return plan


def reply(
    approval_id: str,
    *,
    approved: bool = True,
    reason: str | None = None,
    name: str = "pay",
    **tool_input: Any,
) -> ApprovalReply:
    tool_input = tool_input or {"euros": 5}
    return ApprovalReply(approval_id, approved, reason, ToolCallPart("c1", name, tool_input))


def asked(tools: Toolbox, **tool_input: Any) -> str:
    """Let the model make a call and return the approval id under which the user is asked."""
    plan = tools.plan(made("pay", **(tool_input or {"euros": 5})))
    assert isinstance(plan, AskUser)
    return plan.approval_id


def test_the_model_is_told_of_every_tool() -> None:
    tools = toolbox(count, ask)

    assert tools.specs == (count.spec(), ask.spec())


def test_a_call_of_a_tool_with_a_function_here_is_executed() -> None:
    plan = toolbox(count).plan(made("count", n=1))

    assert isinstance(plan, Execute)
    assert plan.call.announcement() == made("count", n=1)


def test_a_call_of_a_client_tool_is_left_to_the_client() -> None:
    plan = toolbox(count, ask).plan(made("ask"))

    assert isinstance(plan, LeaveToClient)
    assert plan.call.announcement() == ToolInputAvailable("c1", "ask", {}, "client")


def test_invalid_input_is_masked_for_the_client_and_told_to_the_model(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        plan = refused(toolbox(count).plan(made("count", n="many")))

    assert plan.events == (ToolInputError("c1", "count", {"n": "many"}, MASKED),)
    assert plan.output.output.startswith("The input is not valid: n: Input should be a valid")
    assert "a call of count cannot run: The input is not valid" in caplog.text


def test_an_unknown_tool_is_an_error_that_the_model_sees() -> None:
    alone = refused(toolbox().plan(made("gone")))
    beside = refused(toolbox(count, ask).plan(made("gone")))

    assert alone.events == (ToolInputError("c1", "gone", {}, MASKED),)
    assert alone.output.output == "There is no tool 'gone' to run; the tools are: none."
    assert beside.output.output == "There is no tool 'gone' to run; the tools are: ask, count."


def test_a_check_that_breaks_refuses_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def parse(value: Any) -> Mapping[str, Any]:
        raise KeyError("secret")

    broken = Tool("broken", description="", parameters={}, parse=parse, run=None)

    plan = refused(toolbox(broken).plan(made("broken")))

    assert plan.events == (ToolInputError("c1", "broken", {}, MASKED),)
    assert plan.output.output == MASKED
    assert "secret" in caplog.text


def test_arguments_that_are_no_json_are_shown_as_they_are() -> None:
    event = ToolInputError("c1", "count", "{", "The arguments are not JSON.")

    plan = toolbox(count).refuse_broken(event)

    assert plan.events == (event,)
    sentence = "The arguments are not JSON."
    assert plan.output == ToolOutputPart("c1", "count", sentence, is_error=True)


async def test_the_input_of_a_call_is_parsed_once() -> None:
    parsed: list[Any] = []
    received: list[Any] = []

    def parse(value: Any) -> Mapping[str, Any]:
        parsed.append(value)
        return {"number": len(parsed)}

    async def run(arguments: Mapping[str, Any], context: ToolContext, _: Any) -> None:
        received.append(arguments)

    one = Tool("one", description="", parameters={}, parse=parse, run=run)
    tools = toolbox(one)

    plan = tools.plan(made("one", a=1))
    assert isinstance(plan, Execute)
    await tools.run([plan.call], Sink().emit)

    assert parsed == [{"a": 1}]
    assert received == [{"number": 1}]


async def test_calls_run_side_by_side_and_their_outputs_are_for_the_model() -> None:
    tools, sink = toolbox(count), Sink()
    plans = [tools.plan(made("count", call_id, n=n)) for call_id, n in (("c1", 1), ("c2", 2))]

    parts = await tools.run([plan.call for plan in plans if isinstance(plan, Execute)], sink.emit)

    assert parts == [ToolOutputPart("c1", "count", 1), ToolOutputPart("c2", "count", 2)]
    assert {ToolOutputAvailable("c1", 1), ToolOutputAvailable("c2", 2)} == set(sink.events)


async def test_a_turn_without_calls_has_no_outputs() -> None:
    sink = Sink()

    assert await toolbox(count).run([], sink.emit) == ()
    assert sink.events == []


# Approvals


def test_a_call_that_needs_approval_asks_for_it() -> None:
    approvals = Approvals(b"secret")

    plan = toolbox(pay, approvals=approvals).plan(made("pay", euros=5))

    assert isinstance(plan, AskUser)
    assert plan.call.announcement() == made("pay", euros=5)
    call = ("chat-1", "c1", "pay", {"euros": 5})
    assert approvals.redeem(plan.approval_id, *call) is None


def test_a_predicate_decides_which_calls_need_approval() -> None:
    @tool(needs_approval=lambda tool_input: tool_input["euros"] > 100)
    def spend(euros: int) -> None: ...

    tools = toolbox(spend)

    assert isinstance(tools.plan(made("spend", euros=100)), Execute)
    assert isinstance(tools.plan(made("spend", euros=101)), AskUser)


def test_where_the_client_cannot_ask_the_call_is_refused_behind_its_announcement() -> None:
    plan = refused(toolbox(pay, can_ask=False).plan(made("pay", euros=5)))

    sentence = plan.output.output
    assert "which this chat client cannot ask for" in sentence
    assert plan.events == (made("pay", euros=5), ToolOutputError("c1", sentence))


async def test_an_approved_call_runs_and_knows_its_approval() -> None:
    tools, sink = toolbox(pay), Sink()
    approval_id = asked(tools)

    (plan,) = tools.judge_replies([reply(approval_id)])
    assert isinstance(plan, Execute)
    parts = await tools.run([plan.call], sink.emit)

    assert parts == [ToolOutputPart("c1", "pay", [5, approval_id])]


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (None, "The user did not allow this call. It was not run."),
        ("", "The user did not allow this call. It was not run."),
        ("Too much", "The user did not allow this call. It was not run. Reason: Too much"),
    ],
)
def test_a_denied_call_is_refused_whatever_it_is(reason: str | None, sentence: str) -> None:
    (plan,) = toolbox().judge_replies([reply("x", approved=False, reason=reason)])

    assert plan == Refuse(
        (ToolOutputDenied("c1"),), ToolOutputPart("c1", "pay", sentence, is_error=True)
    )


def judged(tools: Toolbox, given: ApprovalReply) -> str:
    """Return the sentence with which a reply is refused, the same for client and model."""
    (plan,) = tools.judge_replies([given])
    sentence = refused(plan).output.output
    assert isinstance(plan, Refuse)
    assert plan.events == (ToolOutputError("c1", sentence),)
    return str(sentence)


def test_an_approval_of_another_call_does_not_count() -> None:
    approvals = Approvals(b"secret")
    approval_id = asked(toolbox(pay, approvals=approvals))

    tools = toolbox(pay, approvals=approvals)
    elsewhere = toolbox(pay, approvals=approvals, chat_id="chat-2")

    foreign = toolbox(pay, approvals=approvals, owner="bob")

    assert judged(foreign, reply(approval_id)) == ApprovalRefusal.CHANGED.sentence
    assert judged(tools, reply("made.up.id")) == ApprovalRefusal.FORGED.sentence
    assert judged(tools, reply(approval_id, euros=5000)) == ApprovalRefusal.CHANGED.sentence
    assert judged(elsewhere, reply(approval_id)) == ApprovalRefusal.CHANGED.sentence


def test_an_approval_counts_once() -> None:
    tools = toolbox(pay)
    approval_id = asked(tools)
    tools.judge_replies([reply(approval_id)])

    assert judged(tools, reply(approval_id)) == ApprovalRefusal.REPLAYED.sentence


def test_a_denied_call_cannot_be_approved_afterwards() -> None:
    tools = toolbox(pay)
    approval_id = asked(tools)
    tools.judge_replies([reply(approval_id, approved=False)])

    assert judged(tools, reply(approval_id)) == ApprovalRefusal.DENIED.sentence


def test_the_user_is_shown_what_will_run_and_approves_that() -> None:
    @tool(needs_approval=True)
    def spend(euros: int, note: str | None = None, fast: bool = True) -> None: ...

    tools = toolbox(spend)
    plan = tools.plan(made("spend", euros=" 7 "))
    assert isinstance(plan, AskUser)
    shown = plan.call.announcement().input
    (judged_plan,) = tools.judge_replies([reply(plan.approval_id, name="spend", **shown)])

    assert shown == {"euros": 7, "fast": True}
    assert isinstance(judged_plan, Execute)
    assert judged_plan.call.arguments == {"euros": 7, "note": None, "fast": True}


def test_a_validator_that_panics_refuses_the_call() -> None:
    class Panic(BaseException): ...

    def parse(value: Any) -> Mapping[str, Any]:
        raise Panic

    broken = Tool("broken", description="", parameters={}, parse=parse, run=None)

    assert refused(toolbox(broken).plan(made("broken"))).output.output == MASKED


def test_an_approved_call_is_validated_like_one_of_the_model() -> None:
    tools = toolbox(pay)
    approval_id = asked(tools)

    assert "euros: Input should be" in judged(tools, reply(approval_id, euros="much"))
    gone = judged(tools, reply(approval_id, name="gone"))
    assert gone == "There is no tool 'gone' to run; the tools are: pay."


def test_a_tool_that_has_moved_to_the_client_since_is_not_executed_here() -> None:
    approvals = Approvals(b"secret")
    approval_id = asked(toolbox(pay, approvals=approvals))
    moved = client_tool("pay", "Pay.", pay.parameters)

    sentence = judged(toolbox(moved, approvals=approvals), reply(approval_id))

    assert sentence == "There is no tool 'pay' to run; the tools are: pay."


def test_only_the_first_reply_to_a_call_counts() -> None:
    tools = toolbox(pay)
    approval_id = asked(tools)
    replies = [reply(approval_id, approved=False), reply(approval_id)]

    plans = tools.judge_replies(replies)

    assert [type(plan) for plan in plans] == [Refuse]
    assert earlier_calls(replies) == {"c1": "pay"}
