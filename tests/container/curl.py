"""Chats with a container through curl, and sees that the lines come one after another."""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator

# Five words a fifth of a second apart, from the scripted model.
_BODY = '{"action":"chat","payload":{"text":"scenario: text tokens=5 delay=0.2"}}'
WORDS = ('0:"word0"', '0:" word1"', '0:" word2"', '0:" word3"', '0:" word4"')
_RETRIES = ("--retry", "30", "--retry-delay", "1", "--retry-all-errors")


def chat(url: str) -> Iterator[tuple[float, str]]:
    """Yield every line of an answer, with the seconds since the first one.

    Raises:
        CalledProcessError: curl failed.
    """
    command = [
        "curl", "--no-buffer", "--silent", "--fail", *_RETRIES,
        "--header", "content-type: application/json", "--data", _BODY, f"{url}/api/chat",
    ]  # fmt: skip
    began: float | None = None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            began = time.monotonic() if began is None else began
            yield time.monotonic() - began, line.rstrip("\n")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def came_one_after_another(lines: list[tuple[float, str]]) -> bool:
    """Return whether every word came, and came as it was said rather than all at the end."""
    times = [arrival for arrival, line in lines if line in WORDS]
    return len(times) == len(WORDS) and times == sorted(times) and times[-1] - times[0] > 0.5


def main() -> int:
    """Print the answer as it comes; the exit status says whether it streamed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of a container with CHAT_PROVIDER=scripted")
    lines = []
    for arrival, line in chat(parser.parse_args().url):
        lines.append((arrival, line))
        sys.stdout.write(f"{arrival:6.3f} s  {line}\n")
        sys.stdout.flush()
    if came_one_after_another(lines):
        return 0
    sys.stderr.write("The lines did not come one after another.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
