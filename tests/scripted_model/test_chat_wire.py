"""The bytes of chat completions, as the `openai` package reads them."""

import re
from typing import Any

from app.scripted_model.chat_wire import ChatWire
from app.scripted_model.script import ApiError, Call, Citation, RunCode, Say, Script, Search, Think
from tests.scripted_model.client import Side, calls_of, chat, payload_of, text_of, tool

WEATHER = tool("get_weather", city={"type": "string"})


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


async def test_the_whole_completion_says_the_same_as_the_stream(side: Side) -> None:
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


async def test_a_refusal_is_kept_apart_from_text(side: Side) -> None:
    chunks = await side.stream("scenario: refusal")

    refusal = "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks)
    assert refusal.startswith("I'm sorry")
    assert text_of(chunks) == ""


async def test_arguments_stream_in_pieces(side: Side) -> None:
    arguments = '{"city": "Oslo é😀"}'

    chunks = await side.stream(f"scenario: call arguments='{arguments}'", tools=[WEATHER])

    [call] = calls_of(chunks)
    assert call["arguments"] == arguments
    assert sum(bool(chunk.choices[0].delta.tool_calls) for chunk in chunks) > 4


async def test_usage_and_done_can_be_left_out(side: Side) -> None:
    wire = await side.raw("scenario: text usage=no done=no", stream_options={"include_usage": True})

    assert wire.count(b'"usage":null') == wire.count(b"data: ")
    assert b"[DONE]" not in wire


async def test_cited_pages_come_as_annotations(side: Side) -> None:
    chunks = await side.stream("scenario: sources")
    completion = await side.openai.chat.completions.create(**chat("search the web"))

    extra = [chunk.choices[0].delta.model_extra or {} for chunk in chunks if chunk.choices]
    [annotations] = [item["annotations"] for item in extra if "annotations" in item]
    assert annotations[0]["url_citation"]["title"] == "AI SDK documentation"
    whole = completion.choices[0].message.annotations or []
    assert whole[0].url_citation.url == "https://ai-sdk.dev/docs"


def test_what_runs_on_the_providers_side_has_no_chunk() -> None:
    wire = ChatWire(model="m", created=0, prompt_tokens=0)

    for block in (Search("deltas"), RunCode(("print()",), "")):
        assert wire.open(block) == []
        assert wire.token("print()") == []
        assert wire.close() == []


def test_a_token_outside_of_a_block_has_no_chunk() -> None:
    assert ChatWire(model="m", created=0, prompt_tokens=0).token("lost") == []


def test_a_failed_run_looks_like_any_other_error() -> None:
    wire = ChatWire(model="m", created=0, prompt_tokens=0)
    error = ApiError(status=500, message="It broke.", code="bad_luck")

    [failed], [inside] = wire.failed(error), wire.error(error)

    assert failed == inside
    assert payload_of(failed) == {
        "error": {
            "message": "It broke.",
            "type": "invalid_request_error",
            "param": None,
            "code": "bad_luck",
        }
    }


def test_the_whole_completion_has_the_shape_of_the_real_one() -> None:
    script = Script(
        blocks=[Think(("hm",)), Say(("a", " page"), [Citation("https://a.example/", "A")])]
    )

    whole = ChatWire(model="m", created=7, prompt_tokens=2).whole(script)

    assert whole.pop("id").startswith("chatcmpl-")
    assert whole == {
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "a page",
                    "refusal": None,
                    "annotations": [
                        {
                            "type": "url_citation",
                            "url_citation": {
                                "start_index": 0,
                                "end_index": 6,
                                "url": "https://a.example/",
                                "title": "A",
                            },
                        }
                    ],
                    "reasoning_content": "hm",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 2,
            "completion_tokens": 3,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 1,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
    }


def test_a_call_has_an_id_like_the_real_one() -> None:
    [added] = ChatWire(model="m", created=0, prompt_tokens=0).open(Call("f", ("{}",)))

    [call] = payload_of(added)["choices"][0]["delta"]["tool_calls"]
    assert re.fullmatch("call_[0-9a-f]{24}", call["id"])
