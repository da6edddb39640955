"""The sans-IO modules and the tests that cover each of them to its last branch.

One table for two checks: `tests/test_architecture.py` sees that none of these modules does I/O,
`python -m tests.module_coverage` that its own tests reach every branch of it. Covered by *some*
test is not enough: a module's own tests have to know all that it does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

# The encoders against the bytes of real servers.
_RECORDED = "protocols/test_documented_deviations.py"

# Where a module's own tests are not in the file of the same name: paths below tests/.
_ELSEWHERE: Mapping[str, Sequence[str]] = {
    "protocols/data_stream": ["protocols/test_data_stream.py", _RECORDED],
    "protocols/ui_message_stream": ["protocols/test_ui_message_stream.py", _RECORDED],
    "protocols/framing": ["protocols/test_every_encoder.py", "protocols/test_last_step.py"],
    "providers/openai/responses_proof": ["providers/openai/test_responses_body.py"],
    "requests/body": ["requests"],
    "requests/client_message": ["requests"],
    "requests/envelope": ["requests"],
    "requests/file_url": ["requests"],
    "requests/history": ["requests"],
    "requests/past_call": ["requests"],
    "requests/sentence": ["requests"],
}

_MODULES = (
    "grammar",
    *(
        f"aws/{name}"
        for name in (
            "event_stream",
            "http_integration",
            "lambda_events",
            "prelude_stripper",
            "sigv4",
        )
    ),
    "lambda_runtime/http_scope",
    *(
        f"protocols/{name}"
        for name in (
            "artifact",
            "data_stream",
            "framing",
            "json_text",
            "last_step",
            "negotiation",
            "text_stream",
            "tool_result",
            "tool_run",
            "tool_stream",
            "tool_stream_reader",
            "ui_message_stream",
        )
    ),
    *(f"providers/{name}" for name in ("failures", "joining", "sse")),
    *(
        f"providers/openai/{name}"
        for name in (
            "chat_body",
            "chat_chunks",
            "chat_decoder",
            "request_json",
            "responses_body",
            "responses_builtin",
            "responses_chunks",
            "responses_decoder",
            "responses_items",
            "responses_proof",
            "tool_calls",
        )
    ),
    "providers/openers/retries",
    *(
        f"requests/{name}"
        for name in (
            "body",
            "client_message",
            "envelope",
            "file_url",
            "history",
            "past_call",
            "sentence",
        )
    ),
    "tools/approval",
    "tools/canonical_json",
    "turns/step",
    "turns/transcript",
)

# module, as a path below app/ without its suffix: its own tests, as paths below tests/
OWN_TESTS: Mapping[str, Sequence[str]] = {
    module: _ELSEWHERE.get(module, [str(Path(module).with_name(f"test_{Path(module).name}.py"))])
    for module in _MODULES
}
