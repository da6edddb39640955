"""Builds the real Lambda Web Adapter for the tests, once: `python -m tests.aws.build_adapter`.

It is a crate; there is no other way to get it from a package registry. Takes two minutes on two
cores. In CI it has to work; elsewhere, without cargo, the tests that need it skip.
"""

import os
import shutil
import subprocess
import sys

from tests.aws.adapting import ADAPTER, VERSION


def main() -> int:
    """Return the exit status."""
    if ADAPTER.exists():
        return 0
    if shutil.which("cargo") is None:
        sys.stderr.write("cargo is not installed: tests with the Lambda Web Adapter will skip.\n")
        return 1 if os.environ.get("CI") == "true" else 0
    sys.stderr.write(f"Building the Lambda Web Adapter {VERSION}, once …\n")
    root = ADAPTER.parents[1]
    command = ["cargo", "install", "--quiet", "--locked", "--root", str(root)]
    done = subprocess.run([*command, "lambda_web_adapter", "--version", VERSION], check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
