"""A schedule is one line that can be pasted back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcsim.errors import UsageError
from ipcsim.schedule import Choice, Schedule

choices = st.one_of(
    st.builds(Choice, st.integers(0, 9999)),
    st.builds(Choice, st.integers(0, 9999), st.integers(0, 99)),
    st.builds(lambda p: Choice(p, timeout=True), st.integers(0, 9999)),
)
schedules = st.lists(st.tuples(choices, st.integers(1, 5))).map(
    lambda runs: Schedule(tuple(c for choice, count in runs for c in [choice] * count))
)


@given(schedules)
def test_what_is_printed_is_parsed_back(schedule: Schedule) -> None:
    assert Schedule.parse(str(schedule)) == schedule


def test_it_is_short_for_the_eye() -> None:
    steps = [Choice(0)] * 3 + [Choice(1), Choice(2, 1), Choice(0, timeout=True)]
    assert str(Schedule(tuple(steps))) == "0*3 1 2:1 0!"


@pytest.mark.parametrize("text", ["x", "1*0", "1:", "-1", "1*99999999999", "1!:2", "0*9999999 0*9999999"])
def test_what_is_no_schedule_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="of the schedule"):
        Schedule.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_a_schedule_or_a_clear_error(text: str) -> None:
    with suppress(UsageError):
        Schedule.parse(text)
