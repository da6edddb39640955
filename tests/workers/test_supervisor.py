"""`app.workers.supervisor` with small programs as workers: real processes, sockets and signals."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.workers.restarts import GiveUp, Restarts
from app.workers.shared_file import make_shared_file
from app.workers.supervisor import Supervisor
from tests.chatting import logged

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]

# A worker that notes its process id, serves nothing, and does as it is told.
WORKER = """
import os, signal, sys, time
from app.workers.worker import take_over
worker = take_over(os.environ["WORKER"])
folder, wish = sys.argv[1], sys.argv[2]
with open(f"{folder}/{os.getpid()}", "w") as file:
    file.write(str(worker.place.number))
if wish == "fail":
    worker.say_failed("There is no such module.")
    sys.exit(2)
if wish == "crash" or (wish == "crash-later" and len(os.listdir(folder)) > 1):
    sys.exit(3)
if wish == "hang":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if wish == "force":
    signal.signal(signal.SIGTERM, lambda *_: open(f"{folder}/told", "w").close())
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
worker.end_with_supervisor(60)
worker.say_up()
time.sleep(600)
"""


class Run:
    """A supervisor in this process; ``act`` is called in a thread once all workers serve."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pids(self) -> dict[int, int]:
        """Return the workers that have ever begun: process id → number."""
        files = [path for path in self.folder.iterdir() if path.name.isdecimal()]
        return {int(path.name): int(path.read_text() or 0) for path in files}

    def __call__(
        self,
        wish: str,
        act: Callable[[], None] = lambda: None,
        *,
        count: int = 2,
        restarts: Restarts | None = None,
        end_within_s: float = 60,
        command: list[str] | None = None,
    ) -> int | GiveUp:
        shared = make_shared_file(count)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            try:
                return Supervisor(
                    count,
                    command=command or [sys.executable, "-c", WORKER, str(self.folder), wish],
                    environ={**os.environ, "PYTHONPATH": str(ROOT)},
                    variable="WORKER",
                    listener=listener,
                    approval_secret="s",
                    on_up=threading.Thread(target=act, daemon=True).start,
                    end_within_s=end_within_s,
                    restarts=Restarts((0.0,)) if restarts is None else restarts,
                    shared=shared,
                ).run()
            finally:
                os.close(shared)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    assert [pid for pid in run.pids() if _is_alive(pid)] == []


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def _signal_me(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_one_signal_ends_all_workers(run: Run, number: int, status: int) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]

    assert run("", _signal_me(number), count=3) == status

    assert sorted(run.pids().values()) == [1, 2, 3]
    assert handlers == [
        signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    ]


def test_a_worker_that_dies_is_replaced_with_one_line(run: Run) -> None:
    killed: list[int] = []

    def act() -> None:
        killed.extend(pid for pid, number in run.pids().items() if number == 1)
        os.kill(killed[0], signal.SIGKILL)
        _until(lambda: list(run.pids().values()).count(1) == 2)
        os.kill(os.getpid(), signal.SIGTERM)

    with logged() as log:
        status = run("", act)

    assert status == 0
    assert [record.getMessage() for record in log.records] == [
        f"worker 1 (process {killed[0]}) ended by SIGKILL; another one takes its place"
    ]


def test_a_reason_that_no_other_try_can_mend_ends_all_at_once(run: Run) -> None:
    with logged() as log:
        ended = run("fail", restarts=Restarts((0.0,) * 100))

    assert ended == GiveUp("There is no such module.", 2)
    assert log.records == []


def test_starts_that_fail_in_a_row_end_all(run: Run) -> None:
    with logged() as log:
        ended = run("crash", restarts=Restarts((0.0,) * 3))

    assert ended == GiveUp(
        "4 workers in a row ended before they could serve. The last one ended with status 3.", 1
    )
    lines = [record.getMessage() for record in log.records]
    assert len(lines) == 3
    assert all("ended with status 3 before it could serve; another one" in line for line in lines)


def test_a_replacement_that_cannot_start_ends_the_others_too(run: Run) -> None:
    def act() -> None:
        (only,) = run.pids()
        os.kill(only, signal.SIGKILL)

    with logged() as log:
        ended = run("crash-later", act, count=1, restarts=Restarts((0.0, 0.0)))

    assert isinstance(ended, GiveUp)
    assert ended.sentence.startswith("3 workers in a row")
    assert len(log.records) == 3


def test_a_program_that_cannot_be_started_is_a_failed_start(run: Run) -> None:
    with logged():
        ended = run("", command=["/nowhere/python"])

    assert isinstance(ended, GiveUp)
    assert "the system gave it no process: No such file" in ended.sentence


def test_who_does_not_end_in_time_is_killed(run: Run) -> None:
    with logged() as log:
        status = run("hang", _signal_me(signal.SIGTERM), end_within_s=0.2)

    assert status == 1
    assert [record.getMessage().split(" (")[0] for record in log.records] == [
        "worker 1",
        "worker 2",
    ]
    assert all("did not end in time and is killed" in r.getMessage() for r in log.records)


def test_a_second_interrupt_forces_and_a_second_stop_signal_does_not(run: Run) -> None:
    def act() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        _until(lambda: (run.folder / "told").exists())
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    assert run("force", act) == 0


def test_a_signal_while_a_replacement_is_due_starts_no_more(run: Run) -> None:
    def act() -> None:
        (only,) = run.pids()
        os.kill(only, signal.SIGKILL)
        _until(lambda: not _is_alive(only))
        os.kill(os.getpid(), signal.SIGTERM)

    # It has served for a moment only, so there is a pause of a second before the next.
    with logged():
        assert run("", act, count=1) == 0

    assert len(run.pids()) == 1


def test_a_supervisor_that_is_killed_takes_its_workers_along(tmp_path: Path) -> None:
    program = f"""
import os, socket, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.workers.test_supervisor import Run
from pathlib import Path
run = Run(Path({str(tmp_path)!r}))
run("", lambda: print(*run.pids(), flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]

        process.kill()
        process.wait()
        # The workers hold the other end of its standard output: this is its end.
        assert process.stdout.read() == ""

    assert len(workers) == 2
