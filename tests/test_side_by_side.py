"""`tests.side_by_side`, and what has to hold in each of several processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.flows import CLIENTS, major_of
from tests.side_by_side import group_of, groups

ROOT = Path(__file__).parent.parent

CONFTEST = """
from tests.conftest import pytest_runtest_makereport, pytest_xdist_make_scheduler
"""
TESTS = """
import pytest

def test_passes():
    pass

@pytest.mark.skip(reason="nothing is installed here")
def test_skips():
    pass

@pytest.mark.optional
@pytest.mark.skip(reason="nobody has it")
def test_may_skip():
    pass
"""


def test_the_clients_of_a_major_run_all_of_their_flows_in_one_process() -> None:
    module = "tests/test_conformance.py"
    of_one = {
        group_of(f"{module}::test_flow[5.0.0-error-before]"),
        group_of(f"{module}::test_flow[5.0.100-text]"),
        group_of(f"{module}::test_flow_through_the_responses_api[5-text]"),
        group_of(f"{module}::test_no_client_throws_outside_its_flows[5.0.0-chat]"),
    }

    assert len(of_one) == 1
    assert len({group_of(f"{module}::test_flow[{client}-text]") for client in CLIENTS}) == len(
        {major_of(client) for client in CLIENTS}
    )


def test_the_traps_are_one_group() -> None:
    traps = "tests/test_conformance.py::test_bytes_that_are_spoilt_do_not_go_unnoticed"

    assert group_of(f"{traps}[null]") == group_of(f"{traps}[no-end]")
    assert group_of(f"{traps}[null]") != group_of("tests/test_conformance.py::test_flow[4-text]")


def test_tests_of_a_chain_share_its_container() -> None:
    chains = "tests/container/test_chains.py"

    assert group_of(f"{chains}::test_case[runtime-a]") == group_of(
        f"{chains}::test_the_ai_sdk_chats_with_the_chain[runtime-4]"
    )
    assert group_of(f"{chains}::test_case[runtime-a]") != group_of(
        f"{chains}::test_case[web-adapter-a]"
    )


def test_tests_of_the_page_share_one_browser() -> None:
    assert group_of("tests/web/test_tools.py::test_a") == group_of("tests/web/test_wire.py::test_b")


def test_tests_of_the_stack_share_what_takes_long_to_load() -> None:
    assert group_of("tests/infra/test_boot.py::test_a") == group_of(
        "tests/infra/test_terraform.py::test_b"
    )


def test_long_groups_begin_first_and_the_adapters_late() -> None:
    ids = [
        "tests/aws/test_adapter.py::test_a",
        "tests/aws/test_sigv4.py::test_a",
        "tests/test_grammar.py::test_a",
        "tests/test_grammar.py::test_b[x::y]",
        "tests/web/test_tools.py::test_a[sdk4]",
        "tests/test_conformance.py::test_flow[7-text]",
    ]

    assert groups(ids) == (
        "tests/web/",
        "tests/test_conformance.py::[7",
        "tests/aws/test_adapter.py",
        "tests/aws/test_sigv4.py",
        "tests/test_grammar.py",
    )


@pytest.mark.real
@pytest.mark.timeout(540)
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "side by side"])
@pytest.mark.parametrize(
    ("ci", "outcomes"),
    [("true", "1 passed, 1 skipped, 1 error"), ("", "1 passed, 2 skipped")],
    ids=["in CI", "elsewhere"],
)
def test_a_skip_is_a_failure_in_ci_only(
    workers: tuple[str, ...],
    ci: str,
    outcomes: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_three.py").write_text(TESTS)
    monkeypatch.setenv("CI", ci)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)

    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *workers),
            *("-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert f" {outcomes} in " in ran.stdout.splitlines()[-1], ran.stdout + ran.stderr
    assert ran.returncode == (1 if ci else 0)
    if ci:
        assert "was skipped in CI" in ran.stdout
