"""Checks that each sans-IO module is covered to its last branch by its own test module.

    python -m tests.module_coverage [MODULE …]

Which tests are a module's own stands in `tests.sans_io`.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sans_io import OWN_TESTS

ROOT = Path(__file__).parent.parent

_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
_REPORT = ("--show-missing", "--skip-covered", "--fail-under=100")


def check(module: str, tests: Sequence[Path]) -> bool:
    """Run the tests of one module; print and return whether they cover all of it."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "coverage")
        include = ROOT / "app" / f"{module}.py"
        environment = {**os.environ, "COVERAGE_FILE": str(data)}
        run = subprocess.run(
            [sys.executable, "-m", "coverage", "run", *_PYTEST, *map(str, tests)],
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
    lines = [f"{'ok    ' if good else 'FAILED'} {module}"]
    if not good:
        lines.append(run.stdout[-2000:] if run.returncode else report.stdout)
    print("\n".join(lines), flush=True)  # at once, since others print beside it
    return good


def main(wanted: Sequence[str]) -> int:
    """Check the modules that are named, or all; return the exit status."""
    chosen = {name: OWN_TESTS[name] for name in wanted} if wanted else OWN_TESTS
    # Each check waits for processes of its own.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = {module: pool.submit(check, module, tests) for module, tests in chosen.items()}
    failed = [module for module, done in checks.items() if not done.result()]
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
