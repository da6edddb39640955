"""`tests.fleet.schedule`: what a seed stands for."""

from itertools import combinations

from tests.fleet.schedule import FAULTS, SERVERS, Break, make_schedule


def test_a_seed_gives_the_same_schedule_every_time_and_another_one_another() -> None:
    first = make_schedule(1, 30, chats=4, faults=FAULTS)

    assert make_schedule(1, 30, chats=4, faults=FAULTS) == first
    assert make_schedule(2, 30, chats=4, faults=FAULTS) != first


def test_everything_that_may_be_asked_and_broken_is_in_a_long_one() -> None:
    long = make_schedule(1, 300, chats=6, faults=FAULTS)

    assert {step.kind for step in long.steps} == {"post", "follow", "stop", "delete", "read"}
    posts = [step for step in long.steps if step.kind == "post"]
    assert any(step.is_regenerate for step in posts)
    assert any(step.cuts and not step.is_regenerate for step in posts)
    assert len({(step.message, step.version) for step in posts}) < len(posts)  # retries
    assert any(step.of_step is not None for step in long.steps if step.kind == "stop")
    assert {step.server for step in long.steps} == set(range(SERVERS))
    assert {one.what for one in long.breaks} == set(FAULTS)


def _broken_by(one: Break) -> set[object]:
    return set(range(SERVERS)) if one.what == "restart all" else {one.server}


def _overlap(one: Break, other: Break) -> bool:
    meet = _broken_by(one) & _broken_by(other)
    return bool(meet) and one.at <= other.at < one.at + one.for_s


def test_no_two_faults_of_a_server_meet() -> None:
    breaks = make_schedule(1, 300, chats=1, faults=FAULTS).breaks

    assert not [pair for pair in combinations(breaks, 2) if _overlap(*pair)]


def test_each_version_of_a_message_has_words_of_its_own() -> None:
    versions = make_schedule(1, 100, chats=4, faults=()).versions

    words = [word for version in versions for word in version.words]
    assert len(set(words)) == len(words)


def test_without_faults_nothing_is_broken() -> None:
    assert make_schedule(1, 100, chats=1, faults=()).breaks == []
