"""The tokens that OpenAI's servers count in one step, read from either API.

    Responses         {"input_tokens":3,"output_tokens":1,"output_tokens_details":{…},…}
    chat completions  {"prompt_tokens":3,"completion_tokens":1,"completion_tokens_details":{…},…}

Source: openai-python 3.52, types/responses/response_usage.py and types/completion_usage.py.
"""

import msgspec

from app.events import Usage


class InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class TokenCounts(msgspec.Struct, gc=False):
    """The counts under the names of the Responses API."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class ChatTokenCounts(TokenCounts, gc=False):
    """The same counts under the names of chat completions."""

    input_tokens: int | None = msgspec.field(default=None, name="prompt_tokens")
    output_tokens: int | None = msgspec.field(default=None, name="completion_tokens")
    input_tokens_details: InputDetails | None = msgspec.field(
        default=None, name="prompt_tokens_details"
    )
    output_tokens_details: OutputDetails | None = msgspec.field(
        default=None, name="completion_tokens_details"
    )


def step_usage(counts: TokenCounts | None) -> Usage:
    """Return the usage of a step; all of it is unknown if the server sent no ``counts``."""
    if counts is None:
        return Usage()
    cached, output = counts.input_tokens_details, counts.output_tokens_details
    return Usage(
        input_tokens=counts.input_tokens,
        output_tokens=counts.output_tokens,
        reasoning_tokens=output.reasoning_tokens if output else None,
        cached_input_tokens=cached.cached_tokens if cached else None,
    )
