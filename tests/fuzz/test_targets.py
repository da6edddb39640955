"""Every target with the inputs that are kept, and some made ones."""

import logging
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import Mutator
from tests.fuzz.pumping import check_cost, check_memory
from tests.fuzz.targets import CORPUS, TARGETS, kept

_LARGEST_CORPUS_BYTES = 300_000


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """What is wrong with the inputs is logged, which takes longer than reading them."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", TARGETS)
def test_no_kept_input_breaks_a_property(name: str) -> None:
    assert kept(name)
    for path in kept(name):
        TARGETS[name].check(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_no_change_of_a_kept_input_breaks_a_property(name: str) -> None:
    """Fifty of them, always the same ones: a change of the code is what this shall notice."""
    target = TARGETS[name]
    known = [path.read_bytes() for path in kept(name)]
    mutator = Mutator(known, target.words, seed=zlib.crc32(name.encode()))
    for _ in range(50):
        target.check(mutator.next())


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.is_made])
def test_no_made_input_breaks_a_property(name: str) -> None:
    @settings(
        max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.binary(max_size=600))
    def check(data: bytes) -> None:
        TARGETS[name].check(data)

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_a_long_input_costs_what_its_length_says(name: str) -> None:
    for path in kept(name)[:3]:
        check_cost(TARGETS[name], path.read_bytes())
    check_memory(TARGETS[name], kept(name)[0].read_bytes())


def test_the_corpus_is_small_and_has_nothing_twice() -> None:
    inputs = {path: path.read_bytes() for path in CORPUS.glob("*/*")}

    assert {path.parent.name for path in inputs} == set(TARGETS)
    assert sum(map(len, inputs.values())) < _LARGEST_CORPUS_BYTES
    assert len({(path.parent, data) for path, data in inputs.items()}) == len(inputs)
