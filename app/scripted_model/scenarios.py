"""The scenarios that a directive asks for by name; `directive` lists them. No I/O."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from app.scripted_model import texts
from app.scripted_model.checks import BadRequest
from app.scripted_model.conversation import Conversation
from app.scripted_model.demo import demo_script, describe_outputs
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
    RunCode,
    Say,
    Script,
    Search,
    Stall,
    Think,
    Wait,
    tokens,
)
from app.scripted_model.tool_use import call, wrong_arguments

_MOST_TOKENS = 100_000
_LONGEST_PHRASE = 80  # characters; longer texts are about something else
# Phrases that lead a newcomer to a scenario.
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


def script_for(conversation: Conversation) -> Script:
    """Return the script for the user's last text.

    Raises:
        BadRequest: a directive with an unknown scenario, or with an option it does not have.
    """
    directive = read_directive(conversation.last_text) or _in_plain_words(conversation)
    if directive is None:
        return demo_script(conversation)
    make = SCENARIOS.get(directive.name)
    if make is None:
        known = ", ".join(SCENARIOS)
        raise BadRequest(f"Unknown scenario {directive.name!r}; known are {known}.")
    options = directive.options
    delivery = options.delivery()
    times = options.whole("times", 0)
    script = make(conversation, options)
    options.refuse_unknown()
    if times and conversation.attempt > times:
        script = _say(texts.RECOVERED.format(attempt=conversation.attempt))
    return msgspec.structs.replace(script, delivery=delivery)


def _in_plain_words(conversation: Conversation) -> Directive | None:
    """Return the directive that matches a short text without one."""
    text = conversation.last_text
    if len(text) > _LONGEST_PHRASE or conversation.schema is not None:
        return None
    for pattern, directive in _PHRASES:
        if re.search(pattern, text, re.IGNORECASE):
            return read_directive(f"scenario: {directive}")
    return None


def _say(text: str) -> Script:
    return Script(blocks=[Say(tokens(text))])


def _words(count: int) -> tuple[str, ...]:
    return tuple(f"{'' if n == 0 else ' '}word{n}" for n in range(min(count, _MOST_TOKENS)))


def _text(conversation: Conversation, options: Options) -> Script:
    return Script(blocks=[Say(_words(options.whole("tokens", 20)))])


def _say_this(conversation: Conversation, options: Options) -> Script:
    return _say(options.text("text", "Yes."))


def _unicode(conversation: Conversation, options: Options) -> Script:
    return _say(texts.UNICODE)


def _markdown(conversation: Conversation, options: Options) -> Script:
    return _say(texts.MARKDOWN)


def _surrogate(conversation: Conversation, options: Options) -> Script:
    # A surrogate pair cut in two, as servers that count in UTF-16 send it, and then a lone half.
    return Script(blocks=[Say(("A pair: \ud83d", "\ude00", ", a half: ", "\ud83d", "."))])


def _reasoning(conversation: Conversation, options: Options) -> Script:
    thought = _words(options.whole("tokens", 12))
    return Script(blocks=[Think(thought), Say(tokens(texts.AFTER_REASONING))])


def _ended(finish: FinishReason) -> Callable[[Conversation, Options], Script]:
    def make(conversation: Conversation, options: Options) -> Script:
        return Script(blocks=[Say(_words(options.whole("tokens", 5)))], finish=finish)

    return make


def _refusal(conversation: Conversation, options: Options) -> Script:
    return Script(blocks=[Refuse(tokens(texts.REFUSAL))])


def _call(conversation: Conversation, options: Options) -> Script:
    name = options.text("tool") or _first_tool(conversation)
    arguments = options.text("arguments")
    count = options.whole("count", 1)
    text = options.text("text")
    gate = options.text("gate")
    if conversation.rounds:
        script = describe_outputs(conversation)
        return msgspec.structs.replace(script, before=Wait(gate)) if gate else script
    made = Call(name, tokens(arguments)) if arguments else call(conversation, name, {})
    before: Sequence[Block] = [Say(tokens(text))] if text else []
    return Script(blocks=[*before, *[made] * count], finish="tool_calls")


def _bad_arguments(conversation: Conversation, options: Options) -> Script:
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
            return describe_outputs(conversation)
        case _:
            raise BadRequest(f"kind={kind!r} is neither json nor type.")
    return Script(blocks=[block], finish="tool_calls")


def _unknown_tool(conversation: Conversation, options: Options) -> Script:
    name = options.text("name", "no_such_tool")
    if conversation.rounds:
        return describe_outputs(conversation)
    return Script(blocks=[Call(name, ("{}",))], finish="tool_calls")


def _loop(conversation: Conversation, options: Options) -> Script:
    name = options.text("tool") or _first_tool(conversation)
    return Script(blocks=[call(conversation, name, {})], finish="tool_calls")


def _error(conversation: Conversation, options: Options) -> Script:
    return Script(before=_api_error(options, 500))


def _hang(conversation: Conversation, options: Options) -> Script:
    return Script(before=_pause(options), blocks=[Say(tokens(texts.AFTER_PAUSE))])


def _stall(conversation: Conversation, options: Options) -> Script:
    return _interrupted(options, _pause(options))


def _error_inside(conversation: Conversation, options: Options) -> Script:
    return _interrupted(options, _api_error(options, 500))


def _failed(conversation: Conversation, options: Options) -> Script:
    return _interrupted(options, Failed(_api_error(options, 500)))


def _break_off(conversation: Conversation, options: Options) -> Script:
    if options.flag("before", False):
        return Script(before=BreakOff())
    return _interrupted(options, BreakOff())


def _sources(conversation: Conversation, options: Options) -> Script:
    return Script(blocks=[Say(tokens(texts.SOURCES), SOURCES)])


def _search(conversation: Conversation, options: Options) -> Script:
    query = options.text("query", "scripted model")
    return Script(blocks=[Search(query), Say(tokens(texts.SOURCES), SOURCES)])


def _run_code(conversation: Conversation, options: Options) -> Script:
    code = tokens('print("deltas" + " to " + "lines")')
    return Script(blocks=[RunCode(code, "deltas to lines\n"), Say(tokens(texts.AFTER_CODE))])


def _schema_violation(conversation: Conversation, options: Options) -> Script:
    return _say('{"unexpected": true}')


def _interrupted(options: Options, interruption: Interruption) -> Script:
    """Return ``after`` words, then ``interruption``, then ten more words."""
    after = options.whole("after", 3)
    words: tuple[Piece, ...] = _words(after + 10)
    return Script(blocks=[Say((*words[:after], interruption, *words[after:]))])


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


Scenario: TypeAlias = Callable[[Conversation, Options], Script]

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
