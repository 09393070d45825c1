"""The kernel's rules for semaphore sets, on the pure functions: S-1 to S-16."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ipcsim.model.semaphores import (
    Adjustments,
    HandOver,
    Operation,
    Sleeper,
    Sleeps,
    attempt,
    blocked_on,
    count,
    give_back,
)

A, B, C = 0, 1, 2  # semaphores


def op(number: int, delta: int, nowait: bool = False, undo: bool = False) -> Operation:
    return Operation(number, delta, nowait, undo)


def sleeper(process: int, *operations: Operation, on: int = 0) -> Sleeper:
    return Sleeper(process, operations, on)


def after(
    values: Sequence[int],
    touched: Sequence[int] | None,
    *sleepers: Sleeper,
    adjustments: dict[int, Adjustments] | None = None,
) -> tuple[list[tuple[int, str | None]], HandOver]:
    """(process, errno) of the calls completed, in their order, and what is left."""
    work = HandOver(dict(enumerate(values)), sleepers, adjustments or {})
    work.run(touched)
    return [(c.sleeper.process, c.errno) for c in work.completed], work


# --- one array ---


@pytest.mark.parametrize(
    ("value", "deltas", "result", "left"),
    [
        (0, [1, -1], None, 0),
        (0, [-1, 1], Sleeps(0), 0),
        (0, [0, 1], None, 1),
        (1, [-1, 0], None, 0),
        (0, [2, -1, -1, 0], None, 0),
        (0, [1, 0], Sleeps(1), 0),
        (1, [-1, -1], Sleeps(1), 1),
        (32767, [1], "ERANGE", 32767),
        (32767, [-1, 2], "ERANGE", 32767),
        (32767, [-1, 1], None, 32767),
        (0, [-32768], Sleeps(0), 0),
    ],
)
def test_an_array_is_all_or_nothing(value: int, deltas: list[int], result: object, left: int) -> None:
    """S-1, S-4: in array order, each on what those before it have left."""
    values = {A: value}
    assert attempt(tuple(op(A, d) for d in deltas), values, {}) == result
    assert values == {A: left}


def test_the_first_that_cannot_go_on_decides() -> None:
    """S-2, and S-4: an errno counts only where the array gets there."""
    values = {A: 0, B: 0}
    assert attempt((op(A, -1), op(B, -1, nowait=True)), values, {}) == Sleeps(0)
    assert attempt((op(A, -1, nowait=True), op(B, -1)), values, {}) == "EAGAIN"
    assert attempt((op(A, -1, nowait=True), op(B, 32767), op(B, 1)), values, {}) == "EAGAIN"
    assert attempt((op(B, 32767), op(B, 1), op(A, -1, nowait=True)), values, {}) == "ERANGE"
    assert values == {A: 0, B: 0}


def test_semadj() -> None:
    """S-15: minus the operation, for those with SEM_UNDO; nothing of an array that fails."""
    owed: Adjustments = {}
    assert attempt((op(A, -2, undo=True), op(A, 1), op(B, 3, undo=True)), {A: 5, B: 0}, owed) is None
    assert owed == {A: 2, B: -3}
    assert attempt((op(A, -1, undo=True), op(B, -9)), {A: 5, B: 0}, owed) == Sleeps(1)
    assert owed == {A: 2, B: -3}


@pytest.mark.parametrize(
    ("owed", "delta", "result"), [(32766, -1, None), (32767, -1, "ERANGE"), (-32768, 1, "ERANGE")]
)
def test_semadj_has_a_range(owed: int, delta: int, result: str | None) -> None:
    """S-4."""
    assert attempt((op(A, delta, undo=True),), {A: 5}, {A: owed}) == result


def test_exit_gives_back_clamped() -> None:
    """S-16: 0 to 32767, never blocking."""
    values = {A: 1, B: 32760, C: 4}
    assert give_back({A: -3, B: 10, C: 0}, values) == (A, B)
    assert values == {A: 0, B: 32767, C: 4}


# --- the hand-over ---


def test_in_the_order_of_arrival() -> None:
    """S-5, S-6: the oldest that can go on, and the next one as long as there is something."""
    done, work = after([2], [A], sleeper(1, op(A, -1)), sleeper(2, op(A, -1)), sleeper(3, op(A, -1)))
    assert done == [(1, None), (2, None)]
    assert work.values == {A: 0}
    assert [s.process for s in work.sleepers] == [3]


def test_a_small_request_overtakes_a_large_one() -> None:
    """S-6."""
    done, work = after([1], [A], sleeper(1, op(A, -2)), sleeper(2, op(A, -1)))
    assert done == [(2, None)]
    assert [s.process for s in work.sleepers] == [1]


def test_the_search_begins_again_with_the_oldest() -> None:
    """S-5, S-6: what one that goes on gives lets an older one go on, before a younger one."""
    done, _ = after(
        [0, 1], [B], sleeper(1, op(A, -1)), sleeper(2, op(B, -1), op(A, 1)), sleeper(3, op(A, -1))
    )
    assert done == [(2, None), (1, None)]


def test_a_waiter_for_zero_sees_the_zero_between_two_completions() -> None:
    """S-8."""
    done, work = after(
        [1, 0], [A], sleeper(1, op(A, 0)), sleeper(2, op(A, -1), op(B, 1)), sleeper(3, op(B, -1), op(A, 5))
    )
    assert done == [(2, None), (1, None), (3, None)]
    assert work.values == {A: 5, B: 0}


def test_and_no_zero_inside_of_an_array() -> None:
    """S-8."""
    done, _ = after([2], [A], sleeper(1, op(A, 0)), sleeper(2, op(A, -2), op(A, 1)))
    assert done == [(2, None)]


def test_pure_waiters_for_zero_go_first() -> None:
    """S-9: before an older [Z, +1]; and of two of those exactly the older one goes on."""
    done, _ = after([0], [A], sleeper(1, op(A, 0), op(A, 1)), sleeper(2, op(A, 0)))
    assert done == [(2, None), (1, None)]
    done, work = after([0], [A], sleeper(1, op(A, 0), op(A, 1)), sleeper(2, op(A, 0), op(A, 1)))
    assert done == [(1, None)]
    assert work.values == {A: 1}


def test_waiters_for_zero_in_the_order_of_the_semaphores_named() -> None:
    """S-7: those of one semaphore first, in the order named in the call; arrays after them."""
    waiting = sleeper(1, op(A, 0), op(B, 0)), sleeper(2, op(B, 0)), sleeper(3, op(A, 0))
    assert after([0, 0], [B, A], *waiting)[0] == [(2, None), (3, None), (1, None)]
    assert after([0, 0], [A, B], *waiting)[0] == [(3, None), (2, None), (1, None)]
    assert after([0, 0], None, *waiting)[0] == [(3, None), (2, None), (1, None)]


def test_errors_come_out_of_their_sleep_too() -> None:
    """S-3: EAGAIN where the operation that decides now must not wait; ERANGE."""
    impatient = sleeper(1, op(A, -1), op(B, -1, nowait=True))
    done, work = after([1, 0], [A], impatient)
    assert done == [(1, "EAGAIN")]
    assert work.values == {A: 1, B: 0}
    done, _ = after([1, 32767], [A], sleeper(1, op(A, -1), op(B, 1)))
    assert done == [(1, "ERANGE")]
    done, _ = after([1], [A], sleeper(1, op(A, -1, undo=True)), adjustments={1: {A: 32767}})
    assert done == [(1, "ERANGE")]


def test_an_error_does_not_begin_the_search_again() -> None:
    """S-5: the younger one is next, and gets what the one that failed did not."""
    done, _ = after([1, 0], [A], sleeper(1, op(A, -1), op(B, -1, nowait=True)), sleeper(2, op(A, -1)))
    assert done == [(1, "EAGAIN"), (2, None)]


def test_semadj_of_a_waiter_is_noted_at_the_hand_over() -> None:
    """S-15."""
    _, work = after([1], [A], sleeper(7, op(A, -1, undo=True)))
    assert work.adjustments[7] == {A: 1}


# --- counting ---


def test_a_sleeper_counts_where_it_cannot_go_on() -> None:
    """S-10."""
    waiting = [sleeper(1, op(A, -1), op(B, 0)), sleeper(2, op(A, -1), op(B, 0), on=1)]
    assert [count(waiting, n, zero=False) for n in (A, B)] == [1, 0]
    assert [count(waiting, n, zero=True) for n in (A, B)] == [0, 1]


def test_and_is_looked_at_again_at_every_change() -> None:
    """S-10: an array that alters something, at every change of the set."""
    _, work = after([1, 0, 3], [C], sleeper(1, op(A, -1), op(B, -1)))
    assert blocked_on(work.sleepers[0]) == op(B, -1)


def test_arrays_of_zeros_only_when_something_touched_is_0() -> None:
    """S-11: until then the count is out of date."""
    stale = sleeper(1, op(A, 0), op(B, 0), on=1)
    _, work = after([1, 1], [A], stale)
    assert blocked_on(work.sleepers[0]) == op(B, 0)
    _, work = after([1, 0], [B], stale)
    assert blocked_on(work.sleepers[0]) == op(A, 0)
