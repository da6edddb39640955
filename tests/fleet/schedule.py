"""What the clients of a run do, and what is broken meanwhile, all by a seed. No I/O.

A step begins at its time, whether or not earlier ones are over; so a seed gives the same requests
and faults every time, but not the same answers.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, Literal, TypeAlias

import msgspec

from tests.fleet.history import FaultKind, Kind, Version

SERVERS = 3
Leave: TypeAlias = int | None  # after so many chunks
FaultStep: TypeAlias = Literal["kill", "pause", "restart", "restart all", "engine"]
FAULTS: Sequence[FaultStep] = ("kill", "pause", "restart", "restart all", "engine")

_KINDS: dict[FaultStep, FaultKind] = {
    "kill": "kill",
    "pause": "pause",
    "restart": "restart",
    "restart all": "restart",
    "engine": "engine",
}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A request. The fields are those of `Call`, and:

    Attributes:
        number: of the step, unique.
        at: when, in seconds after the beginning.
        leave_after: how many chunks the client reads before it leaves; None: all.
        of_step: a follower or a stop names the turn that this earlier step of the chat got.
    """

    number: int
    at: float
    kind: Kind
    chat: str
    server: int
    message: str | None = None
    version: int | None = None
    is_regenerate: bool = False
    cuts: bool = False
    start: int | None = None
    leave_after: Leave = None
    of_step: int | None = None


class Break(msgspec.Struct, frozen=True):
    """A fault: when, of which server (of no one: the engine), and for how long, in seconds."""

    at: float
    what: FaultStep
    server: int | None
    for_s: float

    @property
    def kind(self) -> FaultKind:
        return _KINDS[self.what]


class Schedule(msgspec.Struct, frozen=True):
    """A run. Steps are in the order of their times."""

    steps: Sequence[Step]
    breaks: Sequence[Break]
    versions: Sequence[Version]


def make_schedule(
    seed: int,
    seconds: float,
    *,
    chats: int,
    faults: Sequence[FaultStep],
    pace_s: float = 0.7,
    words: range = range(5, 60),
) -> Schedule:
    """Return what happens in a run.

    Args:
        seconds: how long new requests are made.
        chats: how many people chat at the same time, each in one chat.
        faults: those that are possible.
        pace_s: mean time between two requests of a person.
        words: how many words the model says.
    """
    chance = random.Random(seed)
    numbers = count()
    people = [_Person(chance, f"c{number}", pace_s, words, numbers) for number in range(chats)]
    for person in people:
        person.chat_for(seconds)
    steps = [step for person in people for step in person.steps]
    versions = [version for person in people for version in person.versions]
    return Schedule(
        sorted(steps, key=lambda step: step.at), _breaks(chance, seconds, faults), versions
    )


class _Person:
    """Makes the steps of one chat, one after the other."""

    def __init__(
        self, chance: random.Random, chat: str, pace_s: float, words: range, numbers: Iterator[int]
    ) -> None:
        self._chance = chance
        self._numbers = numbers
        self._chat = chat
        self._pace_s = pace_s
        self._words = words
        self._at = chance.uniform(0, 1)
        self._messages: list[str] = []
        self._newest: dict[str, int] = {}
        self.steps: list[Step] = []
        self.versions: list[Version] = []

    def chat_for(self, seconds: float) -> None:
        acts = {
            self._say: 30,
            self._follow: 30,
            self._stop: 8,
            self._retry: 10,
            self._say_twice: 5,
            self._edit: 6,
            self._regenerate: 6,
            self._read: 8,
            self._delete: 1,
        }
        self._say()
        while self._at < seconds:
            (act,) = self._chance.choices(list(acts), weights=list(acts.values()))
            act()
            self._at += self._chance.expovariate(1 / self._pace_s)

    def _add(self, kind: Kind, server: int | None = None, after_s: float = 0, **more: Any) -> None:
        if server is None:
            server = self._chance.randrange(SERVERS)
        at, number = self._at + after_s, next(self._numbers)
        step = Step(number=number, at=at, kind=kind, chat=self._chat, server=server, **more)
        self.steps.append(step)

    def _leave(self) -> Leave:
        return self._chance.randrange(1, 15) if self._chance.random() < 0.3 else None

    def _version(self, message: str, number: int) -> None:
        letter = "abcdefghijklmnopqrstuvwxyz"[number]
        words = [f"{message}{letter}{n}" for n in range(self._chance.choice(self._words))]
        self._newest[message] = number
        takes_s = len(words) * DELAY_S
        self.versions.append(Version(message, number, self._chat, words, takes_s))

    def _say(self, server: int | None = None, after_s: float = 0.0) -> None:
        message = f"m{next(self._numbers)}"
        self._version(message, 0)
        self._messages.append(message)
        self._add("post", server, after_s, message=message, version=0, leave_after=self._leave())

    def _say_twice(self) -> None:
        one, other = self._chance.sample(range(SERVERS), 2)
        self._say(one)
        self._say(other, self._chance.choice([0.0, 0.0, 0.003, 0.03]))

    def _retry(self) -> None:
        message = self._messages[-1]
        version = self._newest[message]
        self._add("post", message=message, version=version, leave_after=self._leave())
        if self._chance.random() < 0.3:
            after_s = self._chance.choice([0.0, 0.01])
            self._add("post", after_s=after_s, message=message, version=version)

    def _edit(self) -> None:
        message = self._chance.choice(self._messages[-3:])
        number = self._newest[message] + 1
        if number == 26:
            return
        self._version(message, number)
        self._add("post", message=message, version=number, cuts=True, leave_after=self._leave())

    def _regenerate(self) -> None:
        message = self._chance.choice(self._messages[-2:])
        more = {"version": self._newest[message], "is_regenerate": True}
        self._add("post", message=message, cuts=True, leave_after=self._leave(), **more)

    def _follow(self) -> None:
        of_step = self._earlier_post() if self._chance.random() < 0.4 else None
        start = self._chance.choice([None, None, 0, 1, 5, 20, -3])
        self._add("follow", of_step=of_step, start=start, leave_after=self._leave())

    def _stop(self) -> None:
        self._add("stop", of_step=self._earlier_post() if self._chance.random() < 0.5 else None)

    def _read(self) -> None:
        self._add("read")

    def _delete(self) -> None:
        self._add("delete")

    def _earlier_post(self) -> int:
        """Return the number of one of the last posts of this chat."""
        posts = [step.number for step in self.steps if step.kind == "post"]
        return self._chance.choice(posts[-3:])


# Seconds before each word.
DELAY_S = 0.05


def _breaks(chance: random.Random, seconds: float, faults: Sequence[FaultStep]) -> Sequence[Break]:
    """Return faults of which no two are of the same server at the same time."""
    found: list[Break] = []
    free_at: dict[int | None, float] = {}
    at = 2.0
    while faults and at < seconds - 2:
        what = chance.choice(faults)
        server = None if what in ("engine", "restart all") else chance.randrange(SERVERS)
        for_s = _how_long(chance, what)
        busy = range(SERVERS) if what == "restart all" else (server,)
        if all(free_at.get(one, 0.0) <= at for one in busy):
            found.append(Break(at, what, server, for_s))
            # Starting takes its time, and what is broken has to work again in between.
            free_at |= dict.fromkeys(busy, at + for_s + (9 if what == "restart all" else 4))
        at += chance.uniform(1, 4)
    return found


def _how_long(chance: random.Random, what: FaultStep) -> float:
    match what:
        case "pause":
            # Shorter and longer than what it takes to be taken for dead.
            return chance.uniform(0.5, 3) if chance.random() < 0.6 else chance.uniform(12, 16)
        case "engine":
            return chance.uniform(1, 8)
        case "kill":
            return chance.uniform(0, 3)
        case "restart" | "restart all":
            return 0.0
