"""What nobody has caught is a line of the log, without secrets, in a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest

SET_UP = """
import asyncio, gc, logging, sys, threading, warnings
from app.known_secrets import remember
from app.telemetry.log import configure_logging
KEY = "-".join(["sk", "0123456789", "abcdef"])
remember(KEY)
configure_logging()
"""
KEY = "sk-0123456789-abcdef"

ENDS = {
    "uncaught": "raise RuntimeError(KEY)",
    "thread": "t = threading.Thread(target=lambda: 1 / 0, name=KEY); t.start(); t.join()",
    "unraisable": """
class Odd:
    def __del__(self): raise RuntimeError(KEY)
Odd()
gc.collect()
""",
    "warning": "warnings.warn(KEY)",
    "task": """
async def fails(): raise RuntimeError(KEY)
async def main():
    task = asyncio.create_task(fails(), name=KEY)
    await asyncio.wait([task])
    del task
    gc.collect()
asyncio.run(main())
""",
    "uvicorn": "logging.getLogger('uvicorn.error').error('failed: %r', {'key': KEY})",
    "broken line": "logging.getLogger('deltaline').error('%d', KEY)",
    "fields": "logging.getLogger('x').error('m', extra={'fields': {'a': KEY, 'b': [KEY], 'c': 1}})",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_what_is_reported_is_json_lines_without_the_key(code: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SET_UP + code], capture_output=True, text=True, check=False
    )

    lines: list[dict[str, Any]] = [json.loads(line) for line in ended.stderr.splitlines()]
    assert lines
    assert KEY not in ended.stderr
    assert all(line["level"] in ("warning", "error", "critical") for line in lines)


def test_an_interrupt_and_an_exit_of_a_thread_are_no_failures() -> None:
    code = """
threading.Thread(target=sys.exit).start()
raise KeyboardInterrupt
"""
    ended = subprocess.run(
        [sys.executable, "-c", SET_UP + code], capture_output=True, text=True, check=False
    )

    assert ended.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert not [line for line in ended.stderr.splitlines() if line.startswith("{")]
