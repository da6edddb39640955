"""`app.workers.worker`: this process as one of several."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.workers.connection_counts import size_of
from app.workers.handover import Failed, Place, Up, decode_report, encode_place
from app.workers.worker import Worker, take_over


@contextlib.contextmanager
def _taken_over() -> Iterator[tuple[Worker, socket.socket]]:
    """Give a worker and the supervisor's end of its channel."""
    listener = socket.create_server(("127.0.0.1", 0))
    ours, its = socket.socketpair()
    with tempfile.TemporaryFile() as file, ours:
        file.truncate(size_of(2))
        place = Place(
            number=1, count=2, listener=listener.detach(), shared=file.fileno(), approval_secret=""
        )
        ours.sendall(encode_place(place))
        worker = take_over(str(its.detach()))
        try:
            yield worker, ours
        finally:
            worker.listener.close()
            worker._channel.close()


def test_programs_of_tools_inherit_nothing_of_it() -> None:
    with _taken_over() as (worker, _):
        descriptors = (worker.listener.fileno(), worker.place.shared, worker._channel.fileno())

        assert [os.get_inheritable(number) for number in descriptors] == [False] * 3


def test_what_it_says_arrives_and_nobody_has_to_listen() -> None:
    with _taken_over() as (worker, supervisor):
        worker.say_up()
        up = supervisor.recv(100)
        worker.say_failed("It cannot.")
        failed = supervisor.recv(100)
        supervisor.close()
        worker.say_up()

    assert (decode_report(up), decode_report(failed)) == (Up(), Failed("It cannot."))


def test_whoever_serves_alone_takes_every_connection() -> None:
    with _taken_over() as (worker, _):
        worker.say_up()

        assert worker.is_my_turn(0)
        # The other one's number is 0 in a file that is new.
        assert not worker.is_my_turn(1)


HANGING = """
import signal, socket, sys, time
from app.workers.handover import Place
from app.workers.worker import Worker
signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
listener = socket.create_server(("127.0.0.1", 0))
import tempfile
file = tempfile.TemporaryFile()
file.truncate(8)
listener, shared = listener.detach(), file.fileno()
place = Place(number=1, count=2, listener=listener, shared=shared, approval_secret="")
channel = socket.socket(fileno=int(sys.argv[1]))
Worker(place, channel).end_with_supervisor(0.2)
print("ready", flush=True)
while True:
    time.sleep(600)
"""


@pytest.mark.real
@pytest.mark.timeout(60)
def test_one_that_hangs_is_ended_some_time_after_its_supervisor_has_died() -> None:
    ours, its = socket.socketpair()
    with (
        its,
        subprocess.Popen(
            [sys.executable, "-c", HANGING, str(its.fileno())],
            pass_fds=(its.fileno(),),
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process,
    ):
        its.close()
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        ours.close()

        assert process.stdout.read() == "told\n"

    assert process.returncode == 1
