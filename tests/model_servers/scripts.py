"""What the tiny model says, by what it is asked."""

# In the form that the template tells llama.cpp of, which is that of Qwen 2.5 and of Hermes.
_CALL = '<tool_call>\n{"name": "%s", "arguments": {"city": "%s"}}\n</tool_call>'

# The calls, as the tools see them.
OSLO = ("get_weather", "Oslo")
BERGEN = ("delete_city", "Bergen")

# The last message asks for one of these by its name; the result of a tool asks for "result".
SCRIPTS = {
    "text": "Hello from a real server: é, 漢 and 😀.",
    "call": _CALL % OSLO,
    "two-calls": f"{_CALL % OSLO}\n{_CALL % BERGEN}",
    "text-and-call": f"I will look.\n{_CALL % OSLO}",
    "think": "<think>\nLet me see.\n</think>\n\nI have thought.",
    "result": "The tool has said it.",
}
# "endless" begins with the first of these tokens, and each follows the other.
LOOP = (" on", " and")


def looped(tokens: int) -> str:
    """Return what "endless" says in so many tokens; llama.cpp drops the first space of a text."""
    return "".join(LOOP[number % 2] for number in range(tokens)).removeprefix(" ")


# More than the context of a slot holds: the tiny model has a token for each byte.
TOO_LONG = "x " * 10_000
# One pixel.
IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
