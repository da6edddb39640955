"""Checks that each sans-IO module is covered to its last branch by its own tests.

    python -m tests.module_coverage [MODULE …]

Which tests are a module's own stands in `tests.sans_io`. All of them run once, and coverage notes
which test has reached what; then each module is held against what its own tests have reached.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import NoDataError

from tests.sans_io import OWN_TESTS

ROOT = Path(__file__).parent.parent

_PYTEST = (*("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(os.cpu_count())),)
_COVERAGE = ("--cov=app", "--cov-branch", "--cov-context=test", "--cov-report=")


def uncovered(module: str, tests: Sequence[Path], data: Path) -> str | None:
    """Return the report of a module that its own tests do not cover, ``None`` if they do.

    Args:
        module: as in `OWN_TESTS`.
        tests: its own.
        data: what coverage has noted of a run that had these tests in it.
    """
    coverage = Coverage(data_file=data, config_file=ROOT / "pyproject.toml")
    coverage.load()
    report = io.StringIO()
    try:
        percent = coverage.report(
            include=[str(ROOT / "app" / f"{module}.py")],
            contexts=list(_contexts(tests)),
            show_missing=True,
            file=report,
        )
    except NoDataError:
        return "None of its own tests imports it.\n"
    return None if percent == 100 else report.getvalue()


def _contexts(tests: Sequence[Path]) -> Iterator[str]:
    """Yield patterns of the contexts that count: the import of a module, and its own tests."""
    yield "^$"
    for path in tests:
        yield f"^{re.escape(path.relative_to(ROOT).as_posix())}(::|/)"


def main(wanted: Sequence[str]) -> int:
    """Check the modules that are named, or all; return the exit status."""
    chosen = {name: OWN_TESTS[name] for name in wanted} if wanted else OWN_TESTS
    tests = sorted({str(path) for paths in chosen.values() for path in paths})
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "coverage")
        command = [sys.executable, *_PYTEST, *_COVERAGE, *tests]
        environment = {**os.environ, "COVERAGE_FILE": str(data)}
        ran = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        reports = {name: uncovered(name, paths, data) for name, paths in chosen.items()}
    failed = [name for name, report in reports.items() if report is not None]
    for name, report in reports.items():
        print(f"ok     {name}" if report is None else f"FAILED {name}\n{report}")
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or ran.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
