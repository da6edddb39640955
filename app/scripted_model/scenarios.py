"""The scenarios: what a directive asks for by name (see the table in `__init__`). No I/O."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from app.scripted_model import texts
from app.scripted_model.checks import BadRequest
from app.scripted_model.conversation import Conversation
from app.scripted_model.demo import answer_outputs, demo_reply
from app.scripted_model.directive import Directive, Options, read_directive
from app.scripted_model.script import (
    ApiError,
    Block,
    BreakOff,
    Call,
    Citation,
    Failed,
    FinishReason,
    Interruption,
    Piece,
    Refuse,
    Reply,
    RunCode,
    Say,
    Search,
    Stall,
    Think,
    Wait,
    tokens,
)
from app.scripted_model.tool_use import call, wrong_arguments

_MOST_TOKENS = 100_000
_LONGEST_PHRASE = 80  # characters: longer texts are about something else
# Plain words for the scenarios that a newcomer may want to see.
_PHRASES = (
    (r"\brate limit", "error status=429 retry_after=1"),
    (r"\bserver error\b", "error status=500"),
    (r"\b(?:context|conversation) (?:is )?too long\b", "error status=400"),
    (r"\bfail (?:half-?way|in the middle)\b", "error-inside after=6"),
    (r"\b(?:break|cut) (?:it )?off\b", "break-off after=6"),
    (r"\b(?:stall|fall silent)\b", "stall after=6 seconds=15"),
    (r"\brefuse\b", "refusal"),
    (r"\bcontent filter\b", "content-filter"),
    (r"\brun out of tokens\b", "length"),
    (r"\b(?:bad|invalid|wrong) arguments\b", "bad-arguments"),
    (r"\bunknown tool\b", "unknown-tool"),
    (r"\b(?:keep calling|never stop)\b", "loop"),
    (r"\bsearch the web\b", "search"),
    (r"\b(?:sources|cite)\b", "sources"),
    (r"\brun (?:some )?code\b", "run-code"),
)
_ERRORS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", "context_length_exceeded", texts.TOO_LONG),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("permission_error", "insufficient_permissions", "The key may not do this."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist."),
    429: ("rate_limit_error", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is currently overloaded."),
}
SOURCES = (
    Citation("https://ai-sdk.dev/docs", "AI SDK documentation"),
    Citation("https://example.com/scripted?a=1&b=2", 'A page about "scripts"'),
)


def reply_to(conversation: Conversation) -> Reply:
    """Return the reply to the user's last text.

    Raises:
        BadRequest: a directive that names no scenario, or words that the scenario does not know.
    """
    directive = read_directive(conversation.last_text) or _natural(conversation)
    if directive is None:
        return demo_reply(conversation)
    make = SCENARIOS.get(directive.name)
    if make is None:
        known = ", ".join(SCENARIOS)
        raise BadRequest(f"Unknown scenario {directive.name!r}; known are {known}.")
    options = directive.options
    delivery = options.delivery()
    times = options.whole("times", 0)
    reply = make(conversation, options)
    options.finish()
    if times and conversation.attempt > times:
        reply = _say(texts.RECOVERED.format(attempt=conversation.attempt))
    return msgspec.structs.replace(reply, delivery=delivery)


def _natural(conversation: Conversation) -> Directive | None:
    """Return the directive that a short text asks for in plain words."""
    text = conversation.last_text
    if len(text) > _LONGEST_PHRASE or conversation.schema is not None:
        return None
    for pattern, directive in _PHRASES:
        if re.search(pattern, text, re.IGNORECASE):
            return read_directive(f"scenario: {directive}")
    return None


def _say(text: str) -> Reply:
    return Reply(blocks=[Say(tokens(text))])


def _words(count: int) -> tuple[str, ...]:
    return tuple(f"{'' if n == 0 else ' '}word{n}" for n in range(min(count, _MOST_TOKENS)))


def _text(conversation: Conversation, options: Options) -> Reply:
    return Reply(blocks=[Say(_words(options.whole("tokens", 20)))])


def _say_this(conversation: Conversation, options: Options) -> Reply:
    return _say(options.text("text", "Yes."))


def _unicode(conversation: Conversation, options: Options) -> Reply:
    return _say(texts.UNICODE)


def _markdown(conversation: Conversation, options: Options) -> Reply:
    return _say(texts.MARKDOWN)


def _surrogate(conversation: Conversation, options: Options) -> Reply:
    # A pair cut in two, as servers send it that count in UTF-16, and then a half without its other.
    return Reply(blocks=[Say(("A pair: \ud83d", "\ude00", ", a half: ", "\ud83d", "."))])


def _reasoning(conversation: Conversation, options: Options) -> Reply:
    thought = _words(options.whole("tokens", 12))
    return Reply(blocks=[Think(thought), Say(tokens(texts.AFTER_REASONING))])


def _ended(finish: FinishReason) -> Callable[[Conversation, Options], Reply]:
    def make(conversation: Conversation, options: Options) -> Reply:
        return Reply(blocks=[Say(_words(options.whole("tokens", 5)))], finish=finish)

    return make


def _refusal(conversation: Conversation, options: Options) -> Reply:
    return Reply(blocks=[Refuse(tokens(texts.REFUSAL))])


def _call(conversation: Conversation, options: Options) -> Reply:
    name = options.text("tool") or _first_tool(conversation)
    arguments = options.text("arguments")
    count = options.whole("count", 1)
    text = options.text("text")
    if conversation.rounds:
        return answer_outputs(conversation)
    made = Call(name, tokens(arguments)) if arguments else call(conversation, name, {})
    before: Sequence[Block] = [Say(tokens(text))] if text else []
    return Reply(blocks=[*before, *[made] * count], finish="tool_calls")


def _bad_arguments(conversation: Conversation, options: Options) -> Reply:
    name = options.text("tool") or _first_tool(conversation)
    kind = options.text("kind", "json")
    good = call(conversation, name, {})
    match len(conversation.rounds), kind:
        case 0, "json":
            block = Call(name, good.pieces[:-1])
        case 0, "type":
            block = Call(name, tokens(wrong_arguments(conversation.tools.get(name))))
        case 1, "json" | "type":
            block = good
        case _, "json" | "type":
            return answer_outputs(conversation)
        case _:
            raise BadRequest(f"kind={kind!r} is neither json nor type.")
    return Reply(blocks=[block], finish="tool_calls")


def _unknown_tool(conversation: Conversation, options: Options) -> Reply:
    name = options.text("name", "no_such_tool")
    if conversation.rounds:
        return answer_outputs(conversation)
    return Reply(blocks=[Call(name, ("{}",))], finish="tool_calls")


def _loop(conversation: Conversation, options: Options) -> Reply:
    name = options.text("tool") or _first_tool(conversation)
    return Reply(blocks=[call(conversation, name, {})], finish="tool_calls")


def _error(conversation: Conversation, options: Options) -> Reply:
    return Reply(before=_api_error(options, 500))


def _hang(conversation: Conversation, options: Options) -> Reply:
    return Reply(before=_pause(options), blocks=[Say(tokens(texts.AFTER_PAUSE))])


def _stall(conversation: Conversation, options: Options) -> Reply:
    return _interrupted(options, _pause(options))


def _error_inside(conversation: Conversation, options: Options) -> Reply:
    return _interrupted(options, _api_error(options, 500))


def _failed(conversation: Conversation, options: Options) -> Reply:
    return _interrupted(options, Failed(_api_error(options, 500)))


def _break_off(conversation: Conversation, options: Options) -> Reply:
    if options.flag("before", False):
        return Reply(before=BreakOff())
    return _interrupted(options, BreakOff())


def _sources(conversation: Conversation, options: Options) -> Reply:
    return Reply(blocks=[Say(tokens(texts.SOURCES), SOURCES)])


def _search(conversation: Conversation, options: Options) -> Reply:
    query = options.text("query", "scripted model")
    return Reply(blocks=[Search(query), Say(tokens(texts.SOURCES), SOURCES)])


def _run_code(conversation: Conversation, options: Options) -> Reply:
    code = tokens('print("deltas" + " to " + "lines")')
    return Reply(blocks=[RunCode(code, "deltas to lines\n"), Say(tokens(texts.AFTER_CODE))])


def _schema_violation(conversation: Conversation, options: Options) -> Reply:
    return _say('{"unexpected": true}')


def _interrupted(options: Options, event: Interruption) -> Reply:
    """Say ``after`` words, then let ``event`` happen, then say the rest of ten more."""
    after = options.whole("after", 3)
    words: tuple[Piece, ...] = _words(after + 10)
    return Reply(blocks=[Say((*words[:after], event, *words[after:]))])


def _pause(options: Options) -> Interruption:
    gate, seconds = options.text("gate"), options.seconds("seconds")
    if gate:
        return Wait(gate)
    return Stall(30.0 if seconds is None else seconds)


def _api_error(options: Options, default: int) -> ApiError:
    status = options.whole("status", default)
    kind, code, message = _ERRORS.get(status, ("server_error", None, "Something went wrong."))
    retry_after = options.seconds("retry_after")
    return ApiError(
        status=status,
        message=options.text("message", message),
        type=kind,
        code=options.text("code") or code,
        headers={} if retry_after is None else {"retry-after": f"{retry_after:g}"},
    )


def _first_tool(conversation: Conversation) -> str:
    if not conversation.tools:
        raise BadRequest("The scenario calls a tool, and the request offers none.", param="tools")
    return next(iter(conversation.tools))


Scenario: TypeAlias = Callable[[Conversation, Options], Reply]

SCENARIOS: Mapping[str, Scenario] = {
    "text": _text,
    "say": _say_this,
    "unicode": _unicode,
    "markdown": _markdown,
    "surrogate": _surrogate,
    "reasoning": _reasoning,
    "length": _ended("length"),
    "content-filter": _ended("content_filter"),
    "refusal": _refusal,
    "call": _call,
    "bad-arguments": _bad_arguments,
    "unknown-tool": _unknown_tool,
    "loop": _loop,
    "error": _error,
    "hang": _hang,
    "stall": _stall,
    "error-inside": _error_inside,
    "failed": _failed,
    "break-off": _break_off,
    "sources": _sources,
    "search": _search,
    "run-code": _run_code,
    "schema-violation": _schema_violation,
}
