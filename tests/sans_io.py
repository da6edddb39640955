"""The sans-IO modules and the tests that cover each of them to its last branch.

One table for two checks: `tests/test_architecture.py` sees that none of these modules does I/O and
that no other module could be one of them; `python -m tests.module_coverage` sees that a module's
own tests reach every branch of it. Covered by *some* test is not enough: a module's own tests have
to know all that it does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

# The encoders against the bytes of real servers.
_RECORDED = "protocols/test_documented_deviations.py"

# Modules below app/. Their own tests are in the file of the same name below tests/, and in these.
_MODULES: Mapping[str, Sequence[str]] = {
    "aws/event_stream": (),
    "aws/http_integration": (),
    "aws/lambda_events": (),
    "aws/prelude_stripper": (),
    "aws/sigv4": (),
    "grammar": (),
    "lambda_runtime/http_scope": (),
    "protocols/artifact": (),
    "protocols/data_stream": (_RECORDED,),
    "protocols/framing": ("protocols/test_every_encoder.py", "protocols/test_last_step.py"),
    "protocols/json_text": (),
    "protocols/last_step": (),
    "protocols/negotiation": (),
    "protocols/text_stream": (),
    "protocols/tool_result": (),
    "protocols/tool_run": (),
    "protocols/tool_stream": (),
    "protocols/tool_stream_reader": (),
    "protocols/ui_message_stream": (_RECORDED,),
    "providers/failures": (),
    "providers/joining": (),
    "providers/openai/chat_body": (),
    "providers/openai/chat_chunks": (),
    "providers/openai/chat_decoder": (),
    "providers/openai/request_json": (),
    "providers/openai/responses_body": (),
    "providers/openai/responses_builtin": (),
    "providers/openai/responses_chunks": (),
    "providers/openai/responses_decoder": (),
    "providers/openai/responses_items": (),
    "providers/openai/responses_proof": ("providers/openai/test_responses_body.py",),
    "providers/openai/tool_calls": (),
    "providers/openers/retries": (),
    "providers/sse": (),
    "requests/body": ("requests",),
    "requests/client_message": ("requests",),
    "requests/envelope": ("requests",),
    "requests/file_url": ("requests",),
    "requests/history": ("requests",),
    "requests/past_call": ("requests",),
    "requests/sentence": ("requests",),
    "tools/approval": (),
    "tools/canonical_json": (),
    "tools/context": (),
    "tools/definition": (),
    "tools/docstring": (),
    "tools/loading": (),
    "tools/plain_form": (),
    "tools/remote_call": (),
    "tools/result": (),
    "tools/signature": (),
    "tools/strict_schema": (),
    "tools/valid_call": (),
    "turns/progress": (),
    "turns/step": (),
    "turns/transcript": (),
}

# Modules whose own tests do not reach every branch yet.
NOT_YET_COVERED: frozenset[str] = frozenset(
    {
        "cli",
        "commands/words",
        "emulator/cors",
        "emulator/function_url",
        "errors",
        "events",
        "examples/words",
        "http/objects",
        "http/openapi",
        "lambda_runtime/invocation",
        "lambda_runtime/lambda_call",
        "scripted_model/chat_request",
        "scripted_model/chat_wire",
        "scripted_model/checks",
        "scripted_model/conversation",
        "scripted_model/demo",
        "scripted_model/directive",
        "scripted_model/framing",
        "scripted_model/responses_request",
        "scripted_model/responses_wire",
        "scripted_model/sample",
        "scripted_model/scenarios",
        "scripted_model/script",
        "scripted_model/tool_use",
        "telemetry/log",
        "telemetry/metrics",
    }
)

# Modules without a test file of their own, and where they are tested instead (below tests/).
TESTED_ELSEWHERE: Mapping[str, str] = {
    "__main__": "test_cli.py",
    "aws/asgi_extensions": "aws/test_behind_adapter.py",
    "commands/container": "test_cli.py",
    "commands/emulate": "test_cli.py",
    "commands/invoke": "test_cli.py",
    "commands/serve": "test_cli.py",
    "commands/words": "test_cli.py",
    "emulator/arguments": "emulator/test_lambda.py",
    "emulator/bandwidth": "emulator/test_lambda.py",
    "emulator/changes": "emulator/test_lambda.py",
    "emulator/connection": "emulator/test_lambda.py",
    "emulator/cors": "emulator/test_lambda.py",
    "emulator/environment": "emulator/test_lambda.py",
    "emulator/extensions_api": "emulator/test_lambda.py",
    "emulator/fronts": "emulator/test_lambda.py",
    "emulator/function": "emulator/test_lambda.py",
    "emulator/http_response": "emulator/test_lambda.py",
    "emulator/lambda_api": "emulator/test_lambda.py",
    "emulator/memory": "emulator/test_lambda.py",
    "emulator/options": "emulator/test_lambda.py",
    "emulator/output": "emulator/test_lambda.py",
    "emulator/processes": "emulator/test_lambda.py",
    "emulator/program": "emulator/test_lambda.py",
    "emulator/reply": "emulator/test_lambda.py",
    "emulator/server": "emulator/test_lambda.py",
    "emulator/variables": "emulator/test_lambda.py",
    "emulator/watch": "emulator/test_lambda.py",
    "emulator/worker": "emulator/test_lambda.py",
    "errors": "test_cli.py",
    "events": "test_cli.py",
    "examples/words": "examples/test_example_tools.py",
    # Declarations: what they hold is seen in the running app.
    "http/openapi_bodies": "http/test_openapi.py",
    "lambda_runtime/asgi_call": "lambda_runtime/test_runtime.py",
    "lambda_runtime/invocation_response": "lambda_runtime/test_runtime.py",
    "lambda_runtime/lambda_call": "lambda_runtime/test_runtime.py",
    "lambda_runtime/plain_handler": "lambda_runtime/test_runtime.py",
    "messages": "test_cli.py",
    "protocols/encoder": "protocols/test_every_encoder.py",
    "protocols/framing": "protocols/test_every_encoder.py",
    "providers/openai/responses_proof": "providers/openai/test_chat.py",
    "providers/provider": "providers/openai/test_chat.py",
    "providers/step_stream": "providers/openai/test_chat.py",
    "requests/client_message": "requests/test_envelope.py",
    "requests/past_call": "requests/test_envelope.py",
    "scripted_model/__main__": "scripted_model/test_chat.py",
    "scripted_model/chat_request": "scripted_model/test_chat.py",
    "scripted_model/chat_wire": "scripted_model/test_chat.py",
    "scripted_model/checks": "scripted_model/test_chat.py",
    "scripted_model/control": "scripted_model/test_chat.py",
    "scripted_model/conversation": "scripted_model/test_chat.py",
    "scripted_model/demo": "scripted_model/test_chat.py",
    "scripted_model/directive": "scripted_model/test_chat.py",
    "scripted_model/framing": "scripted_model/test_chat.py",
    "scripted_model/performance": "scripted_model/test_chat.py",
    "scripted_model/provider": "scripted_model/test_chat.py",
    "scripted_model/responses_items": "scripted_model/test_chat.py",
    "scripted_model/responses_request": "scripted_model/test_chat.py",
    "scripted_model/responses_wire": "scripted_model/test_chat.py",
    "scripted_model/sample": "scripted_model/test_chat.py",
    "scripted_model/scenarios": "scripted_model/test_chat.py",
    "scripted_model/script": "scripted_model/test_chat.py",
    "scripted_model/server": "scripted_model/test_chat.py",
    "scripted_model/texts": "scripted_model/test_chat.py",
    "scripted_model/tool_use": "scripted_model/test_chat.py",
    # Needs a running SSM and Secrets Manager.
    "setup/secrets": "aws/test_secrets.py",
    "threads": "test_cli.py",
    # Two structs.
    "turns/outcome": "turns/test_progress.py",
}

TESTS = Path(__file__).parent


def mirror(module: str) -> Path:
    """Return where the tests of the module ``app/{module}.py`` belong."""
    path = Path(module)
    return TESTS / path.with_name(f"test_{path.name}.py")


# module below app/: its own test files and folders
OWN_TESTS: Mapping[str, Sequence[Path]] = {
    module: [
        path for path in (mirror(module), *(TESTS / more for more in more_tests)) if path.exists()
    ]
    for module, more_tests in _MODULES.items()
}
