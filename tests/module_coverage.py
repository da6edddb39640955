"""Checks that each sans-IO module is covered to its last branch by its own test module.

    python -m tests.module_coverage [MODULE …]

Covered by *some* test is not enough: a module's own tests have to know all that it does.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent

# The encoders against the bytes of real servers.
_RECORDED = "tests/protocols/test_documented_deviations.py"
# module: its own tests
OWN_TESTS: dict[str, Sequence[str]] = {
    "app.grammar": ["tests/test_grammar.py"],
    "app.protocols.data_stream": ["tests/protocols/test_data_stream.py", _RECORDED],
    "app.protocols.ui_message_stream": ["tests/protocols/test_ui_message_stream.py", _RECORDED],
    "app.protocols.text_stream": ["tests/protocols/test_text_stream.py"],
    "app.protocols.json_text": ["tests/protocols/test_json_text.py"],
    "app.protocols.negotiation": ["tests/protocols/test_negotiation.py"],
    "app.protocols.framing": [
        "tests/protocols/test_every_encoder.py",
        "tests/protocols/test_last_step.py",
    ],
    "app.protocols.last_step": ["tests/protocols/test_last_step.py"],
    "app.protocols.tool_stream": ["tests/protocols/test_tool_stream.py"],
    "app.protocols.tool_run": ["tests/protocols/test_tool_run.py"],
    "app.protocols.tool_result": ["tests/protocols/test_tool_result.py"],
    "app.protocols.tool_stream_reader": ["tests/protocols/test_tool_stream_reader.py"],
    "app.protocols.artifact": ["tests/protocols/test_artifact.py"],
    "app.requests": ["tests/requests"],
    "app.providers.sse": ["tests/providers/test_sse.py"],
    "app.providers.joining": ["tests/providers/test_joining.py"],
    "app.providers.failures": ["tests/providers/test_failures.py"],
    "app.providers.tool_calls": ["tests/providers/test_tool_calls.py"],
    "app.providers.openai_chat_body": ["tests/providers/test_openai_chat_body.py"],
    "app.providers.openai_chat_chunks": ["tests/providers/test_openai_chat_chunks.py"],
    "app.providers.openai_chat_decoder": ["tests/providers/test_openai_chat_decoder.py"],
    "app.providers.request_json": ["tests/providers/test_request_json.py"],
    "app.providers.openai_responses_body": ["tests/providers/test_openai_responses_body.py"],
    "app.providers.openai_responses_proof": ["tests/providers/test_openai_responses_body.py"],
    "app.providers.openai_responses_chunks": ["tests/providers/test_openai_responses_chunks.py"],
    "app.providers.openai_responses_items": ["tests/providers/test_openai_responses_items.py"],
    "app.providers.openai_responses_builtin": ["tests/providers/test_openai_responses_builtin.py"],
    "app.providers.openai_responses_decoder": ["tests/providers/test_openai_responses_decoder.py"],
    "app.aws.event_stream": ["tests/aws/test_event_stream.py"],
    "app.aws.http_integration": ["tests/aws/test_http_integration.py"],
    "app.aws.lambda_events": ["tests/aws/test_lambda_events.py"],
    "app.aws.http_scope": ["tests/aws/test_http_scope.py"],
    "app.tools.canonical_json": ["tests/tools/test_canonical_json.py"],
    "app.tools.approval": ["tests/tools/test_approval.py"],
    "app.step": ["tests/test_step.py"],
    "app.transcript": ["tests/test_transcript.py"],
}


_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
_REPORT = ("--show-missing", "--skip-covered", "--fail-under=100")


def check(module: str, tests: Sequence[str]) -> bool:
    """Run the tests of one module; print and return whether they cover all of it."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "coverage")
        path = ROOT / module.replace(".", "/")
        include = f"{path}/*" if path.is_dir() else f"{path}.py"
        environment = {**os.environ, "COVERAGE_FILE": str(data)}
        run = subprocess.run(
            [sys.executable, "-m", "coverage", "run", *_PYTEST, *tests],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        report = subprocess.run(
            [sys.executable, "-m", "coverage", "report", *_REPORT, f"--include={include}"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
    good = run.returncode == 0 and report.returncode == 0
    print(f"{'ok    ' if good else 'FAILED'} {module}", flush=True)
    if not good:
        print(run.stdout[-2000:] if run.returncode else report.stdout)
    return good


def main(wanted: Sequence[str]) -> int:
    """Check the modules that are named, or all; return the exit status."""
    chosen = {name: OWN_TESTS[name] for name in wanted} if wanted else OWN_TESTS
    failed = [module for module, tests in chosen.items() if not check(module, tests)]
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
