"""The model agrees with the kernel: random Programs on both, step for step.

The Program and the schedule are drawn beforehand, so that an example can be shrunk and done again; what the
kernel is free to choose (Q-4, Q-10) does not change what is drawn. `python -m benchmarks.differential` does
the same for as many steps as wanted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model.children import Pool
from tests.model.lockstep import Covered, Lockstep
from tests.model.programs import Dice

EXAMPLES = 100


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool() as children:
        yield children


@settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    chance=st.randoms(use_true_random=False),
    schedule=st.lists(st.integers(0, 10**6), min_size=1, max_size=60),
)
def test_the_model_does_what_the_kernel_does(pool: Pool, chance: random.Random, schedule: list[int]) -> None:
    with Lockstep(Dice(chance, longest=12).program(), pool) as both:
        both.run(schedule)


def test_what_chance_finds_is_enough(pool: Pool) -> None:
    """Some of everything, with seeds that are always the same: calls, errnos, and who ends whose sleep."""
    covered = Covered()
    for seed in range(30):
        chance = random.Random(seed)
        with Lockstep(Dice(chance).program(), pool, covered) as both:
            both.run([chance.randrange(10**6) for _ in range(100)])
    assert covered.disagreements == 0
    assert covered.errnos.keys() >= {"EAGAIN", "ERANGE", "EINVAL", "E2BIG", "ENOMSG"}
    assert {"send", "receive", "SETVAL", "SETALL", "strike", "kill", "semop Z array"} <= covered.calls.keys()
    assert len(covered.hand_overs) > 10
