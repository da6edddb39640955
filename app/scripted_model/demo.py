"""Scripts for people: chosen by keywords in what the user wrote. No I/O."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from app.scripted_model import texts
from app.scripted_model.conversation import Conversation, FinishedCall
from app.scripted_model.sample import sample
from app.scripted_model.script import Call, Say, Script, Think, tokens
from app.scripted_model.tool_use import call

_Values: TypeAlias = Mapping[str, Any]


def demo_script(conversation: Conversation) -> Script:
    """Return the script for a text without a directive."""
    if conversation.rounds:
        return describe_outputs(conversation)
    if conversation.schema is not None:
        instance = json.dumps(sample(conversation.schema), ensure_ascii=False, indent=2)
        return _say(instance)
    if conversation.files:
        return _say(_describe_files(conversation))
    text = conversation.last_text
    for pattern, make in _TOPICS:
        if pattern.search(text):
            return make(conversation)
    for name in conversation.tools:
        if re.search(rf"\b{re.escape(name)}\b", text):
            return _calls(conversation, name, [{}])
    turn = len(conversation.user_texts)
    return _say(texts.ECHO.format(text=text, turn=turn))


def describe_outputs(conversation: Conversation) -> Script:
    """Return a script that shows the tool outputs of the latest step."""
    latest = conversation.rounds[-1]
    return _say("\n\n".join(_describe_output(call) for call in latest))


def _say(text: str) -> Script:
    return Script(blocks=[Say(tokens(text))])


def _fixed(text: str) -> Callable[[Conversation], Script]:
    return lambda conversation: _say(text)


def _calls(conversation: Conversation, tool_name: str, values: Sequence[_Values]) -> Script:
    if tool_name not in conversation.tools:
        return _say(texts.NOT_OFFERED.format(tool=tool_name))
    blocks: list[Call] = [call(conversation, tool_name, item) for item in values]
    return Script(blocks=blocks, finish="tool_calls")


def _weather(conversation: Conversation) -> Script:
    return _calls(
        conversation, "get_weather", [{"city": city} for city in cities(conversation.last_text)]
    )


def cities(text: str) -> list[str]:
    """Return the cities in a question about the weather, spelled as the user did."""
    found = re.search(r"\b(?:in|for|at|of)\s+(?:the\s+)?([^?!.\n]+)", text, re.IGNORECASE)
    if found is None:
        return ["Bergen"]
    place = re.sub(
        r"\b(?:like|today|tomorrow|tonight|now|right now|please|this week(?:end)?)\b",
        "",
        found.group(1),
        flags=re.IGNORECASE,
    )
    # A comma separates cities only beside an "and"; otherwise it is part of a name: Paris, Texas.
    between = r";|&|\band\b|\bin\b" + ("|," if re.search(r"\band\b|&", place) else "")
    names = [name.strip(" ,;:'\"") for name in re.split(between, place)]
    return [name for name in names if name][:4] or ["Bergen"]


def _slow_process(conversation: Conversation) -> Script:
    text = conversation.last_text
    steps = re.search(r"(\d{1,2})\s*(?:steps?|times)|steps?\D{0,3}(\d{1,2})", text, re.IGNORECASE)
    quoted = re.search(r"[\"'“‘](.+?)[\"'”’]", text)
    values = {
        "message": quoted.group(1) if quoted else "hello",
        "steps": int(steps.group(1) or steps.group(2)) if steps else 3,
    }
    return _calls(conversation, "slow_process", [values])


def _location(conversation: Conversation) -> Script:
    return _calls(conversation, "get_location", [{}])


def _email(conversation: Conversation) -> Script:
    text = conversation.last_text
    address = re.search(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", text)
    subject = re.search(r"\babout\s+(.+?)(?:\s+saying\b|[.?!\n]|$)", text, re.IGNORECASE)
    body = re.search(r"\bsaying\s+[\"'“]?(.+?)[\"'”]?\s*$", text, re.IGNORECASE | re.MULTILINE)
    values = {
        "to": address.group() if address else "ada@example.com",
        "subject": subject.group(1) if subject else "Hello from the scripted model",
        "body": body.group(1) if body else "This was written by a script.",
    }
    return _calls(conversation, "send_email", [values])


def _history(conversation: Conversation) -> Script:
    *earlier, last = conversation.user_texts
    if not earlier:
        return _say(texts.NO_HISTORY)
    said = earlier[-1] if re.search(r"\b(?:last|before)\b", last, re.IGNORECASE) else earlier[0]
    return _say(texts.HISTORY.format(text=said, turn=len(conversation.user_texts)))


def _reasoning(conversation: Conversation) -> Script:
    return Script(blocks=[Think(tokens(texts.THOUGHT)), Say(tokens(texts.AFTER_REASONING))])


def _long(conversation: Conversation) -> Script:
    return _say("\n\n".join(texts.PARAGRAPH.format(number=number) for number in range(1, 11)))


def _describe_files(conversation: Conversation) -> str:
    files = conversation.files
    lines = [f"I received **{len(files)} file{'s' if len(files) > 1 else ''}**:", ""]
    for file in files:
        size = "by its address" if file.size is None else f"{file.size:,} bytes"
        lines.append(f"- `{file.media_type}`, {size}{f', {file.name}' if file.name else ''}")
    return "\n".join([*lines, "", texts.BLIND])


def _describe_output(finished: FinishedCall) -> str:
    try:
        output = json.loads(finished.output)
    except (ValueError, RecursionError):
        output = finished.output
    try:
        arguments = json.loads(finished.arguments)
    except (ValueError, RecursionError):
        arguments = {}
    about = ", ".join(map(_inline, arguments.values())) if isinstance(arguments, dict) else ""
    heading = f"### `{finished.tool_name}`{f': {about}' if about else ''}"
    if isinstance(output, dict):
        shown = "\n".join(f"- **{key}**: {_inline(item)}" for key, item in output.items())
    elif isinstance(output, list):
        shown = "\n".join(f"- {_inline(item)}" for item in output)
    else:
        shown = _inline(output)
    return f"{heading}\n\n{shown or 'The tool gave nothing back.'}"


def _inline(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pattern(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


# The first match wins, so specific patterns come before general ones.
_TOPICS: Sequence[tuple[re.Pattern[str], Callable[[Conversation], Script]]] = (
    (_pattern(r"\bweather\b", r"\bforecast\b"), _weather),
    (_pattern(r"\bslow[_ -](?:process|tool)\b"), _slow_process),
    (_pattern(r"\bwhere am i\b", r"\bmy location\b", r"\bget_location\b"), _location),
    (_pattern(r"\bsend\b.*\be?-?mail\b", r"\be-?mail\b.*@", r"\bsend_email\b"), _email),
    (_pattern(r"\bwhat did i (?:say|write|ask)\b", r"\bwhat was my (?:first|last)\b"), _history),
    (_pattern(r"\breason(?:ing)?\b", r"\bthink\b", r"\bstep by step\b"), _reasoning),
    (
        _pattern(r"\bmarkdown\b", r"\btable\b", r"\bcode\b", r"\bheadings?\b"),
        _fixed(texts.MARKDOWN),
    ),
    (_pattern(r"\bunicode\b", r"\bemojis?\b"), _fixed(texts.UNICODE)),
    (_pattern(r"\blong (?:text|answer|story)\b"), _long),
    (
        _pattern(r"\bwhat can you\b", r"\bhelp\b", r"\bwho are you\b", r"\bexamples?\b"),
        _fixed(texts.HELP),
    ),
    (
        _pattern(r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening))\b"),
        _fixed(texts.GREETING),
    ),
    (_pattern(r"^\W*(?:thanks|thank you)\b"), _fixed(texts.THANKS)),
)
