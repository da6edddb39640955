"""The scripted model's scenarios, through the `openai` package and as bytes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from app.scripted_model.demo import cities
from tests.scripted_model.client import Side, chat, finish_of, scripted_side, text_of, tool

WEATHER = tool("get_weather", city={"type": "string"})


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    async with scripted_side() as running:
        yield running


def calls_of(chunks: list[ChatCompletionChunk]) -> list[dict[str, str]]:
    """Join the deltas of every call: id, name, arguments."""
    calls: list[dict[str, str]] = []
    for chunk in chunks:
        for choice in chunk.choices:
            for delta in choice.delta.tool_calls or ():
                assert delta.function is not None
                if delta.index == len(calls):
                    calls.append({"id": delta.id or "", "name": delta.function.name or ""})
                    calls[-1]["arguments"] = ""
                calls[delta.index]["arguments"] += delta.function.arguments or ""
    return calls


def answered(text: str, call: dict[str, str], output: str) -> list[dict[str, Any]]:
    """Return a history that ends with the output of a call."""
    function = {"name": call["name"], "arguments": call["arguments"]}
    return [
        {"role": "user", "content": text},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call["id"], "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call["id"], "content": output},
    ]


async def writes(side: Side, text: str) -> list[bytes]:
    """Say ``text`` and return the server's writes: each is one chunk of HTTP's chunked coding."""
    body = json.dumps({**chat(text), "stream": True}).encode()
    url = side.http.base_url
    head = f"POST {url.path}chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
    await reader.readuntil(b"\r\n\r\n")
    found: list[bytes] = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        found.append((await reader.readexactly(size + 2))[:-2])
    writer.close()
    await writer.wait_closed()
    return found


async def test_a_stream_has_the_shape_of_the_real_one(side: Side) -> None:
    chunks = await side.stream("scenario: text tokens=3", stream_options={"include_usage": True})

    first, *words, finish, usage = chunks
    assert first.choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in words] == ["word0", " word1", " word2"]
    assert finish.choices[0].finish_reason == "stop"
    assert usage.choices == []
    assert usage.usage is not None
    assert usage.usage.completion_tokens == 3
    assert usage.usage.prompt_tokens > 3
    assert {chunk.usage for chunk in chunks[:-1]} == {None}
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert first.system_fingerprint
    assert first.object == "chat.completion.chunk"


async def test_a_stream_ends_with_done_and_has_no_usage_unasked(side: Side) -> None:
    wire = await side.raw("scenario: text tokens=2")

    assert wire.endswith(b"\n\ndata: [DONE]\n\n")
    assert b"usage" not in wire


async def test_the_whole_answer_says_the_same_as_the_stream(side: Side) -> None:
    tools: Any = [WEATHER]
    text = "scenario: call text='Let me look.' count=2"
    streamed = await side.stream(text, tools=tools)

    whole = await side.openai.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": text}], tools=tools
    )

    message = whole.choices[0].message
    assert message.content == text_of(streamed) == "Let me look."
    assert whole.choices[0].finish_reason == "tool_calls"
    assert whole.usage is not None
    functions = [call.function for call in message.tool_calls or () if call.type == "function"]
    assert [(function.name, function.arguments) for function in functions] == [
        (call["name"], call["arguments"]) for call in calls_of(streamed)
    ]


async def test_reasoning_comes_before_the_text(side: Side) -> None:
    chunks = await side.stream("Think about it", stream_options={"include_usage": True})
    whole = await side.http.post("chat/completions", json=chat("scenario: reasoning tokens=2"))

    kinds = [
        "reasoning" if "reasoning_content" in chunk.choices[0].delta.model_extra else "text"
        for chunk in chunks[1:-2]
        if chunk.choices[0].delta.model_extra is not None
    ]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"reasoning", "text"}
    usage = chunks[-1].usage
    assert usage is not None and usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == kinds.count("reasoning")
    message = whole.json()["choices"][0]["message"]
    assert message["reasoning_content"] == "word0 word1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("scenario: length", "length"),
        ("scenario: content-filter", "content_filter"),
        ("Please run out of tokens", "length"),
    ],
)
async def test_a_finish_reason_can_be_asked_for(side: Side, text: str, reason: str) -> None:
    chunks = await side.stream(text)

    assert finish_of(chunks) == [reason]


async def test_the_limit_on_tokens_is_obeyed(side: Side) -> None:
    chunks = await side.stream("scenario: text tokens=9", max_completion_tokens=2)
    older = await side.stream("scenario: text tokens=9", max_tokens=3)
    thought = await side.stream("scenario: reasoning tokens=4", max_completion_tokens=4)
    searched = await side.stream("scenario: search", max_completion_tokens=2)

    assert (text_of(chunks), finish_of(chunks)) == ("word0 word1", ["length"])
    assert text_of(older) == "word0 word1 word2"
    assert (text_of(thought), finish_of(thought)) == ("", ["length"])
    assert text_of(searched) == "Streams are"


async def test_a_refusal_is_kept_apart_from_text(side: Side) -> None:
    chunks = await side.stream("scenario: refusal")

    refusal = "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks)
    assert refusal.startswith("I'm sorry")
    assert text_of(chunks) == ""


async def test_two_cities_are_two_calls_and_their_outputs_the_answer(side: Side) -> None:
    text = "What's the weather in New York and Oslo today?"
    calls = calls_of(await side.stream(text, tools=[WEATHER]))
    history = answered(text, calls[0], '{"temperature": 12, "sky": "clear"}')
    history[1]["tool_calls"] += answered(text, calls[1], "")[1]["tool_calls"]
    history.append({"role": "tool", "tool_call_id": calls[1]["id"], "content": "no data"})

    chunks = await side.stream(text, messages=history, tools=[WEATHER])

    arguments = [json.loads(call["arguments"]) for call in calls]
    assert arguments == [{"city": "New York"}, {"city": "Oslo"}]
    assert len({call["id"] for call in calls}) == 2
    answer = text_of(chunks)
    assert "New York" in answer and "- **temperature**: 12" in answer
    assert "Oslo" in answer and "no data" in answer
    assert finish_of(chunks) == ["stop"]


@pytest.mark.parametrize(
    ("text", "offered", "arguments"),
    [
        ("Weather?", WEATHER, {"city": "Bergen"}),
        (
            "Run the slow process 'tea time' with 5 steps",
            tool("slow_process", message={"type": "string"}, steps={"type": "integer"}),
            {"message": "tea time", "steps": 5},
        ),
        ("Where am I?", tool("get_location"), {}),
        (
            "Send an email to ada@example.com about tea saying 'It is ready.'",
            tool(
                "send_email",
                to={"type": "string"},
                subject={"type": "string"},
                body={"type": "string"},
            ),
            {"to": "ada@example.com", "subject": "tea", "body": "It is ready."},
        ),
        ("use my_own_tool", tool("my_own_tool", n={"type": "integer"}), {"n": 1}),
        ("weather in Rome", tool("get_weather", location={"type": "string"}), {"location": "Rome"}),
        (
            "weather in Rome",
            {"type": "function", "function": {"name": "get_weather"}},
            {"city": "Rome"},
        ),
    ],
)
async def test_plain_words_call_the_tool_that_they_mean(
    side: Side, text: str, offered: Any, arguments: Any
) -> None:
    chunks = await side.stream(text, tools=[offered])

    [call] = calls_of(chunks)
    assert call["name"] == offered["function"]["name"]
    assert json.loads(call["arguments"]) == arguments
    assert finish_of(chunks) == ["tool_calls"]


async def test_a_tool_that_is_not_offered_is_not_called(side: Side) -> None:
    chunks = await side.stream("What is the weather in Oslo?")

    assert "`get_weather`" in text_of(chunks)
    assert calls_of(chunks) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How is the weather in Paris, Texas?", ["Paris, Texas"]),
        ("weather for tomorrow in São Paulo", ["São Paulo"]),
        ("Forecast for Oslo, Rome & Bern, please.", ["Oslo", "Rome", "Bern"]),
        ("weather in a and b and c and d and e", ["a", "b", "c", "d"]),
        ("weather in ?", ["Bergen"]),
    ],
)
def test_cities_are_read_as_people_write_them(text: str, expected: list[str]) -> None:
    assert cities(text) == expected


async def test_arguments_stream_in_pieces(side: Side) -> None:
    arguments = '{"city": "Oslo é😀"}'

    chunks = await side.stream(f"scenario: call arguments='{arguments}'", tools=[WEATHER])

    [call] = calls_of(chunks)
    assert call["arguments"] == arguments
    assert sum(bool(chunk.choices[0].delta.tool_calls) for chunk in chunks) > 4


@pytest.mark.parametrize("kind", ["json", "type"])
async def test_bad_arguments_are_repaired_after_the_error(side: Side, kind: str) -> None:
    text = f"scenario: bad-arguments kind={kind}"
    [bad] = calls_of(await side.stream(text, tools=[WEATHER]))
    history = answered(text, bad, "city must be a string")
    [good] = calls_of(await side.stream(text, messages=history, tools=[WEATHER]))
    history += answered(text, good, "rain")[1:]
    last = await side.stream(text, messages=history, tools=[WEATHER])

    if kind == "json":
        with pytest.raises(ValueError, match="line 1"):
            json.loads(bad["arguments"])
    else:
        assert not isinstance(json.loads(bad["arguments"])["city"], str)
    assert isinstance(json.loads(good["arguments"])["city"], str)
    assert "rain" in text_of(last)


async def test_an_unknown_tool_is_called_once(side: Side) -> None:
    text = "scenario: unknown-tool name=fly"
    [call] = calls_of(await side.stream(text))
    last = await side.stream(text, messages=answered(text, call, "There is no such tool."))

    assert call["name"] == "fly"
    assert "There is no such tool." in text_of(last)


async def test_a_loop_calls_again_whatever_the_tool_says(side: Side) -> None:
    text = "scenario: loop"
    [call] = calls_of(await side.stream(text, tools=[WEATHER]))

    again = await side.stream(text, messages=answered(text, call, "rain"), tools=[WEATHER])

    assert calls_of(again)[0]["name"] == "get_weather"


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, openai.BadRequestError, "context_length_exceeded"),
        (401, openai.AuthenticationError, "invalid_api_key"),
        (403, openai.PermissionDeniedError, "insufficient_permissions"),
        (404, openai.NotFoundError, "model_not_found"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, None),
        (503, openai.InternalServerError, None),
    ],
)
async def test_an_error_before_the_stream_is_the_one_asked_for(
    side: Side, status: int, error: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(error) as raised:
        await side.stream(f"scenario: error status={status} retry_after=7")

    assert raised.value.code == code
    assert raised.value.response.headers["retry-after"] == "7"


async def test_an_error_can_go_away_when_the_request_comes_again(side: Side) -> None:
    client = side.openai.with_options(max_retries=2)

    answer = await client.chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "scenario: error status=503 times=1"}],
    )

    assert answer.choices[0].message.content == "Attempt 2 went well."
    assert len(side.control.requests) == 2


@pytest.mark.parametrize("name", ["error-inside", "failed"])
async def test_an_error_inside_the_stream_comes_behind_the_text(side: Side, name: str) -> None:
    text = f"scenario: {name} after=2 message='It broke.' code=bad_luck"

    with pytest.raises(openai.APIError, match="It broke") as raised:
        await side.stream(text)
    wire = await side.raw(text)

    assert raised.value.code == "bad_luck"
    assert wire.count(b'"content":"') == 3  # the empty one beside the role, and two words
    assert json.loads(wire.strip().splitlines()[-1].removeprefix(b"data: "))["error"]


@pytest.mark.parametrize("when", ["after=2", "before=yes"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_breaks_off(
    side: Side, when: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await side.raw(f"scenario: break-off {when}", stream=stream)
    await side.control.until(lambda seen: seen.open_streams == 0)

    assert side.control.left_by_client == 0
    assert [record for record in caplog.records if "scripted" in record.name] == []


async def test_a_break_off_leaves_other_answers_alone(side: Side) -> None:
    other = await side.openai.chat.completions.create(
        **chat("scenario: stall after=1 gate=other"), stream=True
    )
    await side.control.gate("other").reached()

    with pytest.raises(httpx2.RemoteProtocolError):
        await side.raw("scenario: break-off")

    side.control.gate("other").open()
    assert finish_of([chunk async for chunk in other]) == ["stop"]


async def test_a_stall_lasts_until_its_gate_opens(side: Side) -> None:
    gate = side.control.gate("middle")
    stream = await side.openai.chat.completions.create(
        **chat("scenario: stall after=2 gate=middle"), stream=True
    )
    before = [await anext(stream) for _ in range(3)]

    await gate.reached()
    gate.open()
    behind = [chunk async for chunk in stream]

    assert text_of(before) == "word0 word1"
    assert text_of(behind).startswith(" word2")


async def test_a_client_that_leaves_a_stall_is_seen(side: Side) -> None:
    stream = await side.openai.chat.completions.create(
        **chat("scenario: stall after=1 gate=never"), stream=True
    )
    await side.control.gate("never").reached()

    await stream.close()

    await side.control.client_left()
    assert side.control.open_streams == 0


async def test_a_hang_sends_no_headers_until_its_gate_opens(side: Side) -> None:
    with pytest.raises(openai.APITimeoutError):
        await side.openai.with_options(timeout=0.05).chat.completions.create(
            **chat("scenario: hang gate=start")
        )
    await side.control.client_left()

    side.control.gate("start").open()
    chunks = await side.stream("scenario: hang gate=start")

    assert "here I am" in text_of(chunks)


async def test_a_pause_of_some_seconds_ends_by_itself(side: Side) -> None:
    chunks = await side.stream("scenario: stall after=1 seconds=0.01")

    assert text_of(chunks).count("word") == 11


async def test_usage_and_done_can_be_left_out(side: Side) -> None:
    wire = await side.raw("scenario: text usage=no done=no", stream_options={"include_usage": True})

    assert wire.count(b'"usage":null') == wire.count(b"data: ")
    assert b"[DONE]" not in wire


async def test_line_ends_and_comments_can_be_awkward(side: Side) -> None:
    wire = await side.raw("scenario: text tokens=2 crlf=yes comments=yes")
    chunks = await side.stream("scenario: text tokens=2 crlf=yes comments=yes")

    assert wire.count(b"\n") == wire.count(b"\r\n")
    assert b": scripted\r\n\r\ndata: " in wire
    assert text_of(chunks) == "word0 word1"


async def test_several_events_can_share_a_write_and_one_event_have_several(side: Side) -> None:
    together = await writes(side, "scenario: text tokens=4 events_per_write=3")
    apart = await writes(side, "scenario: text tokens=4 bytes_per_write=7")

    # Role, four words, finish and [DONE]: seven events.
    assert [write.count(b"data: ") for write in together] == [3, 3, 1]
    assert max(map(len, apart)) == 7
    assert b"".join(apart).count(b"data: ") == 7


async def test_half_a_surrogate_pair_is_sent_as_an_escape(side: Side) -> None:
    wire = await side.raw("scenario: surrogate")
    chunks = await side.stream("scenario: surrogate")

    assert rb'"A pair: \ud83d"' in wire
    assert rb'"\ude00"' in wire
    assert text_of(chunks) == "A pair: \ud83d\ude00, a half: \ud83d."


async def test_cited_pages_come_as_annotations(side: Side) -> None:
    chunks = await side.stream("scenario: sources")
    answer = await side.openai.chat.completions.create(**chat("search the web"))

    extra = [chunk.choices[0].delta.model_extra or {} for chunk in chunks if chunk.choices]
    [annotations] = [item["annotations"] for item in extra if "annotations" in item]
    assert annotations[0]["url_citation"]["title"] == "AI SDK documentation"
    whole = answer.choices[0].message.annotations or []
    assert whole[0].url_citation.url == "https://ai-sdk.dev/docs"


async def test_a_conversation_is_followed(side: Side) -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": 'A parrot said "é\\n漢字😀"'},
        {"role": "assistant", "content": "Did it?"},
        {"role": "user", "content": [{"type": "text", "text": "Yes\nit did"}]},
    ]
    asked = [*history, {"role": "user", "content": "What did I say first?"}]
    asked_last = [*history, {"role": "user", "content": "What did I say last?"}]

    echo = text_of(await side.stream("", messages=history))
    first = text_of(await side.stream("", messages=asked))
    last = text_of(await side.stream("", messages=asked_last))
    nothing = text_of(await side.stream("What did I say first?"))

    assert 'You said: "Yes\nit did"' in echo and "turn 2" in echo
    assert 'A parrot said "é\\n漢字😀"' in first and "turn 3" in first
    assert "Yes\nit did" in last
    assert "nothing" in nothing


async def test_received_files_are_described(side: Side) -> None:
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAAAA==", "format": "wav"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        },
        {"type": "file", "file": {"file_id": "file-1"}},
    ]

    answer = text_of(await side.stream("", messages=[{"role": "user", "content": content}]))

    assert "**5 files**" in answer
    assert "`image/png`, 3 bytes" in answer
    assert "https://example.com/a.png" in answer
    assert "`audio/wav`, 4 bytes" in answer
    assert "`application/pdf`, 1 bytes, a.pdf" in answer
    assert "file-1" in answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello", "**scripted model**"),
        ("What can you do?", "| Say | and you see |"),
        ("Show me Markdown", "```python"),
        ("Some unicode please", "漢字"),
        ("A long text", "Paragraph 10 of 10"),
        ("Thanks!", "welcome"),
        ("scenario: say text='two words'", "two words"),
        ("scenario: unicode", "한글"),
        ("scenario: markdown", "| protocol | client |"),
        ("Search the web", "deltas"),
        ("Run some code", "Python"),
    ],
)
async def test_a_newcomer_sees_something_useful(side: Side, text: str, expected: str) -> None:
    answer = text_of(await side.stream(text))

    assert expected in answer


async def test_tool_outputs_of_every_shape_are_shown(side: Side) -> None:
    text = "scenario: call tool=t arguments=nonsense"
    [call] = calls_of(await side.stream(text))

    shown = [
        text_of(await side.stream(text, messages=answered(text, call, output)))
        for output in ('["a", 1]', "", "17")
    ]

    assert "- a\n- 1" in shown[0]
    assert "nothing back" in shown[1]
    assert "17" in shown[2]
