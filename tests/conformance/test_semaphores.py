"""Semaphore sets: S-1 to S-28."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from ipcsim.sysv import capabilities, keys, libc, process, semaphores
from ipcsim.sysv.semaphores import Timespec
from tests.conformance import needs
from tests.conformance.calls import (
    DONE,
    NOWAIT,
    UNDO,
    Op,
    attempt,
    become_cat,
    catch,
    ignore,
    in_grandchild,
    in_threads,
    limit,
    ncnt,
    pids,
    raw_semop,
    semop,
    try_semop,
    values,
    zcnt,
)
from tests.conformance.child import MakeSet, NewChild, until

TOP = 32767


# --- what an array does ---


@pytest.mark.parametrize(
    ("before", "ops", "after"),
    [
        ((0,), [(0, +1), (0, -1)], (0,)),
        ((0,), [(0, 0), (0, +1)], (1,)),
        ((1,), [(0, -1), (0, 0)], (0,)),
        ((0,), [(0, +2), (0, -1), (0, -1), (0, 0)], (0,)),
        ((1, 1), [(0, -1), (1, -1), (0, 0), (1, 0), (0, +3)], (3, 0)),
    ],
)
def test_each_operation_sees_what_the_earlier_ones_left(
    before: tuple[int, ...], ops: list[Op], after: tuple[int, ...], make_set: MakeSet
) -> None:
    """S-1: an array is evaluated in order on a running copy."""
    made = make_set(*before)
    assert try_semop(made, *ops) == DONE
    assert values(made) == after


@pytest.mark.parametrize(
    ("before", "ops"),
    [
        ((0,), [(0, -1), (0, +1)]),
        ((0,), [(0, +1), (0, 0)]),
        ((1,), [(0, -1), (0, -1)]),
        ((1, 0), [(0, -1), (1, -1)]),
        ((1,), [(0, 0), (0, +1)]),
    ],
)
def test_an_array_that_cannot_do_all_does_nothing(
    before: tuple[int, ...], ops: list[Op], make_set: MakeSet, new_child: NewChild
) -> None:
    """S-1: all or nothing, whether it sleeps or gives up."""
    made = make_set(*before)
    new_child().sleeps_in(semop, made, *ops)
    assert values(made) == before
    assert try_semop(made, *ops) == "EAGAIN"
    assert values(made) == before


def test_an_array_that_waits_for_what_it_undoes_itself_sleeps_for_ever(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-1: [+1, 0] waits for a zero that its own +1 prevents."""
    made = make_set(0)
    child = new_child().sleeps_in(semop, made, (0, +1), (0, 0))
    for value in (1, 0, 5, 0):
        semaphores.set_value(made, 0, value)
        assert child.asleep()
    assert values(made) == (0,)


@pytest.mark.parametrize(
    ("ops", "answer"),
    [
        ([(0, -1, NOWAIT), (1, -1)], "EAGAIN"),
        ([(2, -1), (0, -1, NOWAIT), (1, -1)], "EAGAIN"),
        ([(0, -1), (1, -1, NOWAIT)], None),
        ([(2, 0), (0, -1, NOWAIT)], None),
    ],
)
def test_the_first_operation_that_cannot_proceed_decides(
    ops: list[Op], answer: str | None, make_set: MakeSet, new_child: NewChild
) -> None:
    """S-2: its own IPC_NOWAIT means EAGAIN, that of another operation means nothing now."""
    made, child = make_set(0, 0, 1), new_child()
    if answer is None:
        child.sleeps_in(semop, made, *ops)
    else:
        assert child.does(semop, made, *ops) == answer
    assert values(made) == (0, 0, 1)


def test_a_sleeper_gives_up_at_a_later_operation_that_may_not_wait(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-3: [-1 s0, -1 s1 NOWAIT] sleeps for s0, and gets EAGAIN for s1 when s0 is there."""
    made = make_set(0, 0)
    child = new_child().sleeps_in(semop, made, (0, -1), (1, -1, NOWAIT))
    assert try_semop(made, (0, +1)) == DONE
    assert child.result() == "EAGAIN"
    assert values(made) == (1, 0)


def test_a_sleeper_whose_array_would_overflow_gets_an_error_when_woken(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-3: [-1 s1, +1 s0] with s0 at its maximum sleeps for s1, and gets ERANGE when s1 is there."""
    made = make_set(TOP, 0)
    child = new_child().sleeps_in(semop, made, (1, -1), (0, +1))
    assert try_semop(made, (1, +1)) == DONE
    assert child.result() == "ERANGE"
    assert values(made) == (TOP, 1)


def test_a_value_above_the_maximum_is_a_range_error(make_set: MakeSet) -> None:
    """S-4: no semaphore gets above 32767."""
    made = make_set(TOP, 0)
    assert try_semop(made, (1, +1), (0, +1)) == "ERANGE"
    assert try_semop(made, (0, -1), (0, +1)) == DONE
    assert values(made) == (TOP, 0)


@pytest.mark.parametrize(
    ("sign", "to_the_limit"),
    [(-1, [TOP]), (+1, [TOP, 1])],
)
def test_an_undo_count_out_of_range_is_a_range_error(
    sign: int, to_the_limit: list[int], make_set: MakeSet, new_child: NewChild
) -> None:
    """S-4: semadj stays within -32768..32767, which lies the other way round than the operations."""
    made, child = make_set(TOP if sign < 0 else 0), new_child()
    for step in to_the_limit:
        assert child.does(semop, made, (0, sign * step, UNDO)) == DONE
        assert try_semop(made, (0, -sign * step)) == DONE
    assert child.does(semop, made, (0, sign, UNDO)) == "ERANGE"
    assert child.does(semop, made, (0, sign)) == DONE


def test_of_a_range_error_and_a_wait_the_first_in_the_array_wins(make_set: MakeSet) -> None:
    """S-4: in order with EAGAIN."""
    made = make_set(0, TOP)
    assert try_semop(made, (0, -1), (1, +1)) == "EAGAIN"
    assert try_semop(made, (1, +1), (0, -1)) == "ERANGE"


def test_setting_a_value_out_of_range_changes_nothing(make_set: MakeSet) -> None:
    """S-4: SETVAL looks at the range before the id, SETALL before it changes anything."""
    made = make_set(1, 2)
    for wrong in (TOP + 1, -1):
        assert attempt(semaphores.set_value, made, 0, wrong) == "ERANGE"
    assert attempt(semaphores.set_all, made, (7, TOP + 1)) == "ERANGE"
    assert values(made) == (1, 2)
    semaphores.remove(made)
    assert attempt(semaphores.set_value, made, 0, TOP + 1) == "ERANGE"
    assert attempt(semaphores.set_value, made, 0, TOP) == "EINVAL"


# --- who is served ---


@pytest.mark.parametrize("array_first", [True, False])
def test_waiters_for_one_and_for_several_stand_in_one_line(
    array_first: bool, make_set: MakeSet, new_child: NewChild
) -> None:
    """S-5: all alter-waiters are tried in the order of their arrival."""
    made = make_set(0, 1)
    requests: list[list[Op]] = [[(0, -1), (1, -1)], [(0, -1)]]
    first, second = requests if array_first else requests[::-1]
    older = new_child().sleeps_in(semop, made, *first)
    younger = new_child().sleeps_in(semop, made, *second)
    assert try_semop(made, (0, +1)) == DONE
    assert older.result() == DONE
    assert younger.asleep()


def test_zero_waiters_come_before_the_others(make_set: MakeSet, new_child: NewChild) -> None:
    """S-5: a zero is shown to zero-waiters before an older waiter that would end it gets its turn."""
    made = make_set(1)
    taker = new_child().sleeps_in(semop, made, (0, 0), (0, +3))
    zero = new_child().sleeps_in(semop, made, (0, 0))
    assert try_semop(made, (0, -1)) == DONE
    assert zero.result() == DONE
    assert taker.result() == DONE
    assert values(made) == (3,)


def test_after_each_completion_the_oldest_is_tried_first_again(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-5, S-6: what a younger waiter releases goes to one older than itself, not on down the line."""
    made = make_set(0, 0)
    oldest = new_child().sleeps_in(semop, made, (1, -1))
    middle = new_child().sleeps_in(semop, made, (0, -1), (1, +1))
    youngest = new_child().sleeps_in(semop, made, (1, -1))
    assert try_semop(made, (0, +1)) == DONE
    assert middle.result() == DONE
    assert oldest.result() == DONE
    assert youngest.asleep()
    assert values(made) == (0, 0)


def test_a_waiter_that_fails_does_not_end_the_scan(make_set: MakeSet, new_child: NewChild) -> None:
    """S-5: a completion with an error leaves the unit to the next in line."""
    made = make_set(0, 0)
    failing = new_child().sleeps_in(semop, made, (0, -1), (1, -1, NOWAIT))
    next_one = new_child().sleeps_in(semop, made, (0, -1))
    assert try_semop(made, (0, +1)) == DONE
    assert failing.result() == "EAGAIN"
    assert next_one.result() == DONE
    assert values(made) == (0,) * 2


def test_equal_waiters_are_served_in_the_order_of_arrival(make_set: MakeSet, new_child: NewChild) -> None:
    """S-6: FIFO among those that can be served."""
    made = make_set(0)
    children = [new_child().sleeps_in(semop, made, (0, -1)) for _ in range(4)]
    while children:
        assert try_semop(made, (0, +1)) == DONE
        assert children.pop(0).result() == DONE
        assert all(child.asleep() for child in children)


def test_small_requests_overtake_a_large_one_which_starves(make_set: MakeSet, new_child: NewChild) -> None:
    """S-6: an older waiter that cannot be served keeps nothing for itself."""
    made = make_set(0)
    large = new_child().sleeps_in(semop, made, (0, -2))
    for _ in range(5):
        small = new_child().sleeps_in(semop, made, (0, -1))
        assert try_semop(made, (0, +1)) == DONE
        assert small.result() == DONE
        assert large.asleep()
    assert values(made) == (0,)


def test_a_newcomer_barges_in(make_set: MakeSet, new_child: NewChild) -> None:
    """S-6: a call that can proceed does not queue behind the sleepers."""
    made = make_set(1)
    large = new_child().sleeps_in(semop, made, (0, -2))
    assert try_semop(made, (0, -1)) == DONE
    assert try_semop(made, (0, +1)) == DONE
    assert large.asleep()


def test_an_older_waiter_comes_first_after_every_change(make_set: MakeSet, new_child: NewChild) -> None:
    """S-6: one large V serves the old large request before the young small ones."""
    made = make_set(0)
    large = new_child().sleeps_in(semop, made, (0, -2))
    small = [new_child().sleeps_in(semop, made, (0, -1)) for _ in range(2)]
    assert try_semop(made, (0, +3)) == DONE
    assert large.result() == DONE
    assert small[0].result() == DONE
    assert small[1].asleep()
    assert values(made) == (0,)


BOTH: list[Op] = [(0, 0), (1, 0)]
ALONE: list[Op] = [(0, 0)]


@pytest.mark.parametrize(
    ("arrivals", "last"),
    [([ALONE, ALONE], 1), ([BOTH, ALONE], 0), ([ALONE, BOTH, ALONE], 1), ([BOTH, BOTH, ALONE], 1)],
)
def test_simple_zero_waiters_come_before_arrays_of_them(
    arrivals: list[list[Op]], last: int, make_set: MakeSet, new_child: NewChild
) -> None:
    """S-7: simple ones, then arrays, each in the order of arrival; only GETPID shows who was last."""
    made = make_set(1, 0)
    children = [new_child().sleeps_in(semop, made, *ops) for ops in arrivals]
    assert try_semop(made, (0, -1)) == DONE
    assert pids(made)[0] == children[last].pid
    assert [child.result() for child in children] == [DONE] * len(children)


def test_a_zero_between_two_completions_is_seen(make_set: MakeSet, new_child: NewChild) -> None:
    """S-8: V, the waiter takes it, 0: the zero-waiter passes, though it was 2 between two zeros."""
    made = make_set(1)
    taker = new_child().sleeps_in(semop, made, (0, -2))
    zero = new_child().sleeps_in(semop, made, (0, 0))
    assert try_semop(made, (0, +1)) == DONE
    assert taker.result() == DONE
    assert zero.result() == DONE


def test_a_zero_that_is_gone_again_before_the_call_returns_is_seen(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-8: a waiter takes to 0, the zero-waiter passes, another waiter raises it at once."""
    made = make_set(1, 0)
    taker = new_child().sleeps_in(semop, made, (0, -2), (1, +1))
    zero = new_child().sleeps_in(semop, made, (0, 0))
    raiser = new_child().sleeps_in(semop, made, (1, -1), (0, +5))
    assert try_semop(made, (0, +1)) == DONE
    assert [child.result() for child in (taker, zero, raiser)] == [DONE] * 3
    assert values(made) == (5, 0)


def test_a_zero_inside_an_array_is_not_seen(make_set: MakeSet, new_child: NewChild) -> None:
    """S-8: [-2, +1] passes through 0 unseen."""
    made = make_set(1)
    array = new_child().sleeps_in(semop, made, (0, -2), (0, +1))
    zero = new_child().sleeps_in(semop, made, (0, 0))
    assert try_semop(made, (0, +1)) == DONE
    assert array.result() == DONE
    assert zero.asleep()
    assert values(made) == (1,)


def test_a_pure_zero_waiter_comes_before_an_older_test_and_set(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-9: both pass; served by age, the older one's +1 would have kept the other asleep."""
    made = make_set(1)
    lock = new_child().sleeps_in(semop, made, (0, 0), (0, +1))
    zero = new_child().sleeps_in(semop, made, (0, 0))
    assert try_semop(made, (0, -1)) == DONE
    assert [lock.result(), zero.result()] == [DONE] * 2
    assert values(made) == (1,)
    assert pids(made) == (lock.pid,)


def test_of_two_test_and_sets_the_older_one_wins(make_set: MakeSet, new_child: NewChild) -> None:
    """S-9: exactly one of two [Z, +1] gets through, the older."""
    made = make_set(1)
    older, younger = (new_child().sleeps_in(semop, made, (0, 0), (0, +1)) for _ in range(2))
    assert try_semop(made, (0, -1)) == DONE
    assert older.result() == DONE
    assert younger.asleep()
    assert values(made) == (1,)


# --- who is counted ---


def test_a_sleeper_counts_where_it_cannot_proceed_and_moves_on(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-10: [-1 s0, -1 s1, 0 s2] counts on one semaphore at a time, as the values change."""
    made = make_set(0, 0, 1)
    new_child().sleeps_in(semop, made, (0, -1), (1, -1), (2, 0))
    assert (ncnt(made), zcnt(made)) == ((1, 0, 0), (0, 0, 0))
    assert try_semop(made, (0, +1)) == DONE
    assert (ncnt(made), zcnt(made)) == ((0, 1, 0), (0, 0, 0))
    assert try_semop(made, (1, +1)) == DONE
    assert (ncnt(made), zcnt(made)) == ((0, 0, 0), (0, 0, 1))
    assert try_semop(made, (0, -1)) == DONE
    assert (ncnt(made), zcnt(made)) == ((1, 0, 0), (0, 0, 0))


def test_an_array_of_zero_waits_keeps_a_stale_count(make_set: MakeSet, new_child: NewChild) -> None:
    """S-11: [Z s0, Z s1] is looked at again only when a semaphore that was touched is 0."""
    made = make_set(0, 1)
    new_child().sleeps_in(semop, made, (0, 0), (1, 0))
    assert zcnt(made) == (0, 1)
    assert try_semop(made, (0, +1)) == DONE
    assert zcnt(made) == (0, 1)  # though it is s0 that it cannot pass now
    assert try_semop(made, (1, -1)) == DONE
    assert zcnt(made) == (1, 0)


def test_threads_are_counted_not_processes(make_set: MakeSet, new_child: NewChild) -> None:
    """S-12: three threads of one process count three."""
    made = make_set(0)
    child = new_child().start(in_threads, *[(semop, made, (0, -1))] * 3)
    until(lambda: ncnt(made) == (3,), "three threads counted")
    assert try_semop(made, (0, +3)) == DONE
    assert [answer for _, answer in child.result()] == [DONE] * 3


# --- GETPID ---


def test_a_successful_array_leaves_its_pid_on_every_semaphore_it_names(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-13: also on those it only waited for to be zero."""
    made, child = make_set(0, 0, 0), new_child()
    assert child.does(semop, made, (0, +1), (2, 0)) == DONE
    assert pids(made) == (child.pid, 0, child.pid)


def test_a_failed_array_leaves_no_pid(make_set: MakeSet, new_child: NewChild) -> None:
    """S-13: a failed operation changes nothing, GETPID included."""
    made, child = make_set(0, 0), new_child()
    assert child.does(semop, made, (0, +1), (1, -1, NOWAIT)) == "EAGAIN"
    assert pids(made) == (0, 0)


def test_a_thread_leaves_the_pid_of_its_process(make_set: MakeSet, new_child: NewChild) -> None:
    """S-13: the thread group's id, not the thread's."""
    made, child = make_set(0), new_child()
    [(thread, answer)] = child.does(in_threads, (semop, made, (0, +1)))
    assert answer == DONE
    assert thread != child.pid
    assert pids(made) == (child.pid,)


def test_a_hand_off_leaves_the_pid_of_the_waiter(make_set: MakeSet, new_child: NewChild) -> None:
    """S-13: once the V has returned, before the waiter need have run."""
    made = make_set(0, 0)
    child = new_child().sleeps_in(semop, made, (0, -1))
    assert try_semop(made, (0, +1), (1, 0)) == DONE
    assert pids(made) == (child.pid, os.getpid())
    assert child.result() == DONE


def test_setting_values_leaves_the_callers_pid(make_set: MakeSet, new_child: NewChild) -> None:
    """S-13: SETVAL on its semaphore, SETALL on all."""
    made, child = make_set(0, 0), new_child()
    child.does(semaphores.set_value, made, 1, 3)
    assert pids(made) == (0, child.pid)
    semaphores.set_all(made, (0, 0))
    assert pids(made) == (os.getpid(),) * 2


def test_an_undo_at_exit_leaves_the_pid_of_the_dead(make_set: MakeSet, new_child: NewChild) -> None:
    """S-13: the exiting process touched it last, and its number stays after it has gone."""
    made, child = make_set(1, 0), new_child()
    assert child.does(semop, made, (0, -1, UNDO)) == DONE
    assert try_semop(made, (1, 0), (0, 0)) == DONE
    assert pids(made) == (os.getpid(),) * 2
    child.end()
    assert pids(made) == (child.pid, os.getpid())


def _touch_and_look(set_id: int) -> tuple[int, ...]:
    semop(set_id, (0, +1))
    return pids(set_id)


def test_pids_are_those_of_the_readers_namespace(make_set: MakeSet, new_child: NewChild) -> None:
    """S-13: a process in a pid namespace sees itself by its number there, and us as 0."""
    made = make_set(0, 0)
    child = needs.unshared(new_child(), process.CLONE_NEWPID, "private pid namespace")
    assert try_semop(made, (1, +1)) == DONE
    inner, seen_inside = child.does(in_grandchild, _touch_and_look, made)
    assert seen_inside == (1, 0)
    assert pids(made) == (inner, os.getpid())


# --- SEM_UNDO ---


@pytest.mark.parametrize("flags", [0, UNDO])
def test_a_waiter_killed_after_the_hand_off_takes_its_unit_along(
    flags: int, make_set: MakeSet, new_child: NewChild
) -> None:
    """S-14: the hand-off is part of the V; the unit comes back only with SEM_UNDO."""
    for _ in range(10):
        made = make_set(0)
        child = new_child().sleeps_in(semop, made, (0, -1, flags))
        assert try_semop(made, (0, +1)) == DONE
        child.kill()
        assert values(made) == (1 if flags else 0,)


def test_exit_undoes_what_was_done_with_undo(make_set: MakeSet, new_child: NewChild) -> None:
    """S-15: semadj is the sum of what was done, also of what a waker completed."""
    made, child = make_set(5, 0, 0), new_child()
    assert child.does(semop, made, (0, -3, UNDO), (0, +1, UNDO), (1, +4, UNDO)) == DONE
    child.sleeps_in(semop, made, (2, -1, UNDO))
    assert try_semop(made, (2, +1)) == DONE
    assert child.result() == DONE
    assert values(made) == (3, 4, 0)
    child.end()
    assert values(made) == (5, 0, 1)


def test_a_failed_array_leaves_nothing_to_undo(make_set: MakeSet, new_child: NewChild) -> None:
    """S-15: nor does one that was killed asleep."""
    made, child, other = make_set(1, 0), new_child(), new_child()
    assert child.does(semop, made, (0, -1, UNDO), (1, -1, NOWAIT)) == "EAGAIN"
    other.sleeps_in(semop, made, (0, -1, UNDO), (1, -1, UNDO))
    child.end()
    other.kill()
    assert values(made) == (1, 0)


def test_undo_is_not_inherited_by_fork(make_set: MakeSet, new_child: NewChild) -> None:
    """S-15: a forked process has nothing to undo."""
    made, child = make_set(1), new_child()
    assert child.does(semop, made, (0, -1, UNDO)) == DONE
    child.does(in_grandchild, values, made)
    assert values(made) == (0,)
    child.end()
    assert values(made) == (1,)


def test_undo_is_kept_over_exec(make_set: MakeSet, new_child: NewChild) -> None:
    """S-15: another program in the same process ends with what the first has to undo."""
    made, child = make_set(1), new_child()
    assert child.does(semop, made, (0, -1, UNDO)) == DONE
    child.start(become_cat).closes()
    assert values(made) == (0,)
    child.kill()
    assert values(made) == (1,)


def test_undo_is_shared_by_threads(make_set: MakeSet, new_child: NewChild) -> None:
    """S-15: applied at the exit of the last one, not of the thread that did it."""
    made, child = make_set(1), new_child()
    assert child.does(in_threads, (semop, made, (0, -1, UNDO)))[0][1] == DONE
    assert child.does(values, made) == (0,)
    child.end()
    assert values(made) == (1,)


@pytest.mark.parametrize(
    ("op", "then", "left"),
    [(+5, -3, 0), (-1, TOP, TOP)],
)
def test_undo_at_exit_is_clamped(
    op: int, then: int, left: int, make_set: MakeSet, new_child: NewChild
) -> None:
    """S-16: to 0 and to the maximum; the exit neither sleeps nor fails."""
    made, child = make_set(1 if op < 0 else 0), new_child()
    assert child.does(semop, made, (0, op, UNDO)) == DONE
    assert try_semop(made, (0, then)) == DONE
    child.end()
    assert values(made) == (left,)


def test_undo_at_exit_comes_at_once_for_a_set_and_then_serves(make_set: MakeSet, new_child: NewChild) -> None:
    """S-16: the older waiter for both gets both; semaphore by semaphore the younger one would win."""
    made, holder = make_set(1, 1), new_child()
    assert holder.does(semop, made, (0, -1, UNDO), (1, -1, UNDO)) == DONE
    older = new_child().sleeps_in(semop, made, (0, -1), (1, -1))
    younger = new_child().sleeps_in(semop, made, (0, -1))
    holder.kill()
    assert values(made) == (0, 0)
    assert pids(made) == (older.pid,) * 2
    assert older.result() == DONE
    assert younger.asleep()


def test_undo_in_several_sets_is_done_before_waitpid_returns(make_set: MakeSet, new_child: NewChild) -> None:
    """S-16: all the sets; in which order is S-37."""
    for _ in range(10):
        sets, child = [make_set(1) for _ in range(4)], new_child()
        for made in sets:
            assert child.does(semop, made, (0, -1, UNDO)) == DONE
        child.kill()
        assert [values(made) for made in sets] == [(1,)] * 4


def test_setting_a_value_clears_its_undo_everywhere(make_set: MakeSet, new_child: NewChild) -> None:
    """S-17: SETVAL in all processes, for that semaphore only."""
    made, children = make_set(2, 2), [new_child(), new_child()]
    for child in children:
        assert child.does(semop, made, (0, -1, UNDO), (1, -1, UNDO)) == DONE
    semaphores.set_value(made, 0, 7)
    for child in children:
        child.end()
    assert values(made) == (7, 2)


def test_setting_all_values_clears_all_undo(make_set: MakeSet, new_child: NewChild) -> None:
    """S-17: SETALL for every semaphore of the set."""
    made, child = make_set(1, 1), new_child()
    assert child.does(semop, made, (0, -1, UNDO), (1, -1, UNDO)) == DONE
    semaphores.set_all(made, (5, 6))
    child.end()
    assert values(made) == (5, 6)


def test_removing_a_set_discards_its_undo(make_set: MakeSet, new_child: NewChild, key: int) -> None:
    """S-17: the set made next by the same key is not touched."""
    made, child = make_set(1, key=key), new_child()
    assert child.does(semop, made, (0, -1, UNDO)) == DONE
    semaphores.remove(made)
    again = make_set(0, key=key)
    child.end()
    assert values(again) == (0,)


def test_an_exit_with_nothing_to_undo_changes_the_time_only(make_set: MakeSet, new_child: NewChild) -> None:
    """S-18: semadj was made but is 0: values and GETPID stay, otime changes."""
    made, child = make_set(0), new_child()
    assert child.does(semop, made, (0, -1, UNDO | NOWAIT)) == "EAGAIN"
    assert semaphores.stat(made)["otime"] == 0
    child.end()
    assert semaphores.stat(made)["otime"] > 0
    assert (values(made), pids(made)) == ((0,), (0,))


def test_what_was_given_back_is_not_undone(make_set: MakeSet, new_child: NewChild) -> None:
    """S-18: P and V with SEM_UNDO cancel out; GETPID stays that of who came after."""
    made, child = make_set(1), new_child()
    assert child.does(semop, made, (0, -1, UNDO)) == DONE
    assert child.does(semop, made, (0, +1, UNDO)) == DONE
    assert try_semop(made, (0, -1)) == DONE
    child.end()
    assert (values(made), pids(made)) == ((0,), (os.getpid(),))


def test_unsharing_the_undo_list_undoes_at_once(make_set: MakeSet, new_child: NewChild) -> None:
    """S-19: unshare(CLONE_SYSVSEM) is an exit as far as SEM_UNDO goes."""
    made, child = make_set(1), new_child()
    assert child.does(semop, made, (0, -1, UNDO)) == DONE
    assert child.does(process.unshare, process.CLONE_SYSVSEM) is None
    assert values(made) == (1,)
    child.end()
    assert values(made) == (1,)


def test_leaving_the_namespace_undoes_at_once(make_set: MakeSet, new_child: NewChild) -> None:
    """S-19: so is unshare(CLONE_NEWIPC)."""
    made, child = make_set(1), new_child()
    assert child.does(semop, made, (0, -1, UNDO)) == DONE
    needs.in_namespace(child)
    assert values(made) == (1,)


def test_undo_on_one_side_only_credits_too_much(make_set: MakeSet, new_child: NewChild) -> None:
    """S-20: P with SEM_UNDO, V without: the exit gives back what was given back."""
    made, child = make_set(1), new_child()
    assert child.does(semop, made, (0, -1, UNDO)) == DONE
    assert child.does(semop, made, (0, +1)) == DONE
    child.end()
    assert values(made) == (2,)


# --- what ends a sleep ---


def test_removal_wakes_the_sleepers_and_later_calls_are_invalid(
    make_set: MakeSet, new_child: NewChild, key: int
) -> None:
    """S-21: EIDRM for who slept; EINVAL for who comes after, not the EIDRM of the manual."""
    made = make_set(0, 1, key=key)
    sleepers = [new_child().sleeps_in(semop, made, *ops) for ops in ([(0, -1)], [(1, 0)], [(0, -1), (1, 0)])]
    semaphores.remove(made)
    assert [child.result() for child in sleepers] == ["EIDRM"] * 3
    assert try_semop(made, (0, +1)) == "EINVAL"
    assert attempt(semaphores.get, made, 0, libc.GETVAL) == "EINVAL"
    assert attempt(semaphores.stat, made) == "EINVAL"
    assert attempt(semaphores.remove, made) == "EINVAL"
    assert make_set(0, key=key) != made


def test_a_caught_signal_interrupts_even_with_restart(make_set: MakeSet, new_child: NewChild) -> None:
    """S-22: EINTR in spite of SA_RESTART, and nothing applied."""
    made, child = make_set(0), new_child()
    assert child.does(catch, signal.SIGUSR1) == DONE
    child.sleeps_in(semop, made, (0, -1))
    child.signal(signal.SIGUSR1)
    assert child.result() == "EINTR"
    assert (values(made), ncnt(made)) == ((0,), (0,))


def test_an_ignored_signal_does_not_interrupt(make_set: MakeSet, new_child: NewChild) -> None:
    """S-22: the sleeper does not notice, whether it ignores it or that is the default."""
    made, child = make_set(0), new_child()
    assert child.does(ignore, signal.SIGUSR1) == DONE
    child.sleeps_in(semop, made, (0, -1))
    for number in (signal.SIGUSR1, signal.SIGCHLD, signal.SIGCONT):
        child.signal(number)
        assert ncnt(made) == (1,)
    assert child.asleep()
    assert try_semop(made, (0, +1)) == DONE
    assert child.result() == DONE


def test_stopping_and_continuing_interrupts(make_set: MakeSet, new_child: NewChild) -> None:
    """S-23: EINTR without a handler; it has left the queue when it stops."""
    made = make_set(0)
    child, younger = (new_child().sleeps_in(semop, made, (0, -1)) for _ in range(2))
    child.stop()
    assert ncnt(made) == (1,)
    assert try_semop(made, (0, +1)) == DONE
    assert younger.result() == DONE
    child.resume()
    assert child.result() == "EINTR"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_freezing_interrupts(version: str, make_set: MakeSet, new_child: NewChild) -> None:
    """S-23: a control group that freezes and thaws ends the call with EINTR."""
    made, child = make_set(0), new_child()
    with needs.freezer(version, child) as freezer:
        child.sleeps_in(semop, made, (0, -1))
        freezer.freeze()
        assert ncnt(made) == (0,)
        assert not child.reported()
        freezer.thaw()
        assert child.result() == "EINTR"


def test_a_tracer_that_attaches_interrupts(make_set: MakeSet, new_child: NewChild) -> None:
    """S-23: strace changes what it looks at."""
    made, child = make_set(0), new_child()
    child.sleeps_in(semop, made, (0, -1))
    with needs.traced(child):
        assert child.result() == "EINTR"


def test_a_timed_wait_ends_when_its_time_is_over(make_set: MakeSet, new_child: NewChild) -> None:
    """S-24: EAGAIN, not before the time."""
    made = make_set(0)
    start = time.monotonic()
    assert attempt(semop, made, (0, -1), timeout=Timespec.of(0.1)) == "EAGAIN"
    assert time.monotonic() - start >= 0.1
    child = new_child().sleeps_in(semop, made, (0, -1), timeout=Timespec(3600, 0))
    assert try_semop(made, (0, +1)) == DONE
    assert child.result() == DONE


def test_a_wait_of_no_time_polls(make_set: MakeSet) -> None:
    """S-24: {0, 0} is EAGAIN at once, or success where it is possible."""
    made = make_set(0, 1)
    assert attempt(semop, made, (0, -1), timeout=Timespec(0, 0)) == "EAGAIN"
    assert attempt(semop, made, (1, -1), timeout=Timespec(0, 0)) == DONE


@pytest.mark.parametrize("wrong", [(0, 10**9), (0, -1), (-1, 0)])
def test_an_invalid_time_is_an_error_even_if_nothing_need_wait(
    wrong: tuple[int, int], make_set: MakeSet
) -> None:
    """S-24: EINVAL, and nothing applied."""
    made = make_set(1)
    assert attempt(semop, made, (0, -1), timeout=Timespec(*wrong)) == "EINVAL"
    assert values(made) == (1,)


# --- errors and rights ---


def test_errors_come_in_order() -> None:
    """S-25: the count of operations, the memory they lie in, the id."""
    most = limit("sem")[2]
    assert raw_semop(-1, None, most + 1) == "E2BIG"
    assert raw_semop(-1, None, 0) == "EINVAL"
    assert raw_semop(-1, None, 1) == "EFAULT"
    assert attempt(semop, -1, (0, +1)) == "EINVAL"


def test_the_most_operations_of_an_array(make_set: MakeSet) -> None:
    """S-25: SEMOPM operations are done, one more is E2BIG."""
    made, most = make_set(0), limit("sem")[2]
    assert try_semop(made, *[(0, +1)] * most) == DONE
    assert try_semop(made, *[(0, +1)] * (most + 1)) == "E2BIG"
    assert values(made) == (most,)


def test_an_unknown_set_comes_before_a_wrong_number(make_set: MakeSet) -> None:
    """S-25: EINVAL for the id before EFBIG for the number, EFBIG before EAGAIN of an earlier operation."""
    made = make_set(0)
    assert try_semop(made, (0, -1), (1, +1)) == "EFBIG"
    assert attempt(semop, made, (1, +1), timeout=Timespec(0, 10**9)) == "EINVAL"
    semaphores.remove(made)
    assert try_semop(made, (1, +1)) == "EINVAL"


def test_a_wrong_number_comes_before_missing_rights(make_set: MakeSet, new_child: NewChild) -> None:
    """S-25: EFBIG before EACCES, EACCES before EAGAIN and ERANGE."""
    made = make_set(0, TOP, mode=0o400)
    child = needs.without_bypass(new_child())
    assert child.does(semop, made, (2, +1)) == "EFBIG"
    assert child.does(semop, made, (0, -1, NOWAIT)) == "EACCES"
    assert child.does(semop, made, (1, +1, NOWAIT)) == "EACCES"


@pytest.mark.parametrize(
    ("mode", "ops", "answer"),
    [
        (0o200, [(0, +1)], DONE),
        (0o200, [(1, 0), (0, +1)], DONE),
        (0o200, [(1, 0)], "EACCES"),
        (0o400, [(1, 0)], DONE),
        (0o400, [(1, 0), (0, +1)], "EACCES"),
        (0o400, [(0, +1)], "EACCES"),
        (0o066, [(1, 0)], "EACCES"),
    ],
)
def test_altering_needs_write_and_waiting_for_zero_needs_read(
    mode: int, ops: list[Op], answer: str, make_set: MakeSet, new_child: NewChild
) -> None:
    """S-26: an array with one non-zero operation needs write only; one of zero-waits needs read."""
    made = make_set(0, 0, mode=mode)
    assert needs.without_bypass(new_child()).does(semop, made, *ops) == answer


@pytest.mark.parametrize(("mode", "reads"), [(0o400, True), (0o200, False)])
def test_asking_needs_read_and_setting_needs_write(
    mode: int, reads: bool, make_set: MakeSet, new_child: NewChild
) -> None:
    """S-26: GETVAL, GETALL, GETPID, GETNCNT, GETZCNT, IPC_STAT read; SETVAL, SETALL write."""
    made = make_set(0, 0, mode=mode)
    child = needs.without_bypass(new_child())
    for command in (libc.GETVAL, libc.GETPID, libc.GETNCNT, libc.GETZCNT):
        assert child.does(semaphores.get, made, 0, command) == (0 if reads else "EACCES")
    assert child.does(semaphores.get_all, made, 2) == ((0, 0) if reads else "EACCES")
    assert (child.does(semaphores.stat, made) == "EACCES") is not reads
    assert (child.does(semaphores.set_value, made, 0, 1) == "EACCES") is reads
    assert (child.does(semaphores.set_all, made, (1, 1)) == "EACCES") is reads


def test_changing_and_removing_is_for_owner_and_creator(make_set: MakeSet, new_child: NewChild) -> None:
    """S-26: everybody else gets EPERM, whatever the mode."""
    made, stranger = make_set(0, mode=0o666), needs.as_user(new_child())
    assert stranger.does(semaphores.set_mode, made, 0o600) == "EPERM"
    assert stranger.does(semaphores.remove, made) == "EPERM"
    semaphores.set_owner(made, needs.SOMEBODY, needs.GROUP)
    assert stranger.does(semaphores.set_mode, made, 0o644) is None
    assert stranger.does(semaphores.remove, made) is None


def test_a_creator_may_remove_what_it_has_given_away(new_child: NewChild) -> None:
    """S-26: the creator's uid counts like the owner's."""
    creator, owner = needs.as_user(new_child()), needs.as_user(new_child(), needs.ANOTHER)
    made = creator.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o666)
    assert owner.does(semaphores.remove, made) == "EPERM"
    assert creator.does(semaphores.set_owner, made, needs.ANOTHER, needs.GROUP) is None
    assert creator.does(semaphores.remove, made) is None


def test_removing_anothers_set_needs_a_capability(new_child: NewChild) -> None:
    """S-26: CAP_SYS_ADMIN; uid 0 without it gets EPERM."""
    creator, root = needs.as_user(new_child()), new_child()
    made = creator.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o666)
    root.does(capabilities.drop, capabilities.CAP_SYS_ADMIN)
    assert root.does(semaphores.set_mode, made, 0o600) == "EPERM"
    assert root.does(semaphores.remove, made) == "EPERM"
    assert new_child().does(semaphores.remove, made) is None


def test_rights_are_checked_at_entry_only(make_set: MakeSet, new_child: NewChild) -> None:
    """S-26: a sleeper does not lose its turn when the set's mode is changed."""
    made, child = make_set(1), needs.without_bypass(new_child())
    child.sleeps_in(semop, made, (0, 0))
    semaphores.set_mode(made, 0o200)
    assert child.asleep()
    assert try_semop(made, (0, -1)) == DONE
    assert child.result() == DONE
    assert child.does(semop, made, (0, 0)) == "EACCES"


# --- semget ---


def test_the_size_of_a_set(make_set: MakeSet, key: int) -> None:
    """S-27: what semget calls invalid, for a new set and for one that is there."""
    create = libc.IPC_CREAT | 0o600
    most = limit("sem")[0]
    for size in (-1, most + 1):
        assert attempt(semaphores.create, key, size, create) == "EINVAL"
    assert attempt(semaphores.create, key, 0, create) == "EINVAL"
    assert attempt(semaphores.create, key, 1, 0) == "ENOENT"
    made = make_set(0, 0, key=key)
    for size in (0, 1, 2):
        assert semaphores.create(key, size, create) == made
    for size in (3, -1, most + 1):
        assert attempt(semaphores.create, key, size, create) == "EINVAL"


def test_exclusive_creation(make_set: MakeSet, key: int) -> None:
    """S-27: EEXIST comes before a wrong size; IPC_EXCL without IPC_CREAT is ignored."""
    made = make_set(0, key=key)
    exclusive = libc.IPC_CREAT | libc.IPC_EXCL | 0o600
    assert attempt(semaphores.create, key, 1, exclusive) == "EEXIST"
    assert attempt(semaphores.create, key, 2, exclusive) == "EEXIST"
    assert semaphores.create(key, 1, libc.IPC_EXCL) == made


@pytest.mark.parametrize(("limits", "first", "second"), [("250 10 32 2", 1, 1), ("250 10 32 100", 6, 4)])
def test_no_more_sets_and_semaphores_than_the_limits(
    limits: str, first: int, second: int, new_child: NewChild
) -> None:
    """S-27: SEMMNI sets, SEMMNS semaphores, then ENOSPC."""
    child = needs.in_namespace(new_child(), sem=limits)
    made = [child.does(semaphores.create, keys.IPC_PRIVATE, size, 0o600) for size in (first, second)]
    assert all(isinstance(set_id, int) for set_id in made)
    assert child.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o600) == "ENOSPC"
    child.does(semaphores.remove, made[0])
    assert isinstance(child.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o600), int)


def _field(set_id: int, name: str) -> Any:
    return semaphores.stat(set_id)[name]


def test_a_new_set_is_empty(make_set: MakeSet) -> None:
    """S-28: values, GETPID and otime are 0."""
    made = make_set(0, 0, 0)
    assert values(made) == pids(made) == (0, 0, 0)
    assert _field(made, "otime") == 0
    assert abs(_field(made, "ctime") - time.time()) < 60


def test_setting_a_value_is_a_change_but_no_operation(make_set: MakeSet) -> None:
    """S-28: SETVAL moves ctime and leaves otime 0, so who waits for otime needs a semop of the creator."""
    made = make_set(0)
    before = _field(made, "ctime")

    def changed() -> bool:
        semaphores.set_value(made, 0, 1)
        return bool(_field(made, "ctime") > before)

    until(changed, "a later ctime")
    semaphores.set_all(made, (2,))
    assert _field(made, "otime") == 0
    assert try_semop(made, (0, -3)) == "EAGAIN"
    assert _field(made, "otime") == 0
    assert try_semop(made, (0, -2)) == DONE
    assert _field(made, "otime") > 0


def test_setting_a_value_that_serves_a_waiter_is_an_operation(make_set: MakeSet, new_child: NewChild) -> None:
    """S-28: SETVAL changes otime where it completes somebody's call."""
    made = make_set(0)
    child = new_child().sleeps_in(semop, made, (0, -1))
    assert _field(made, "otime") == 0
    semaphores.set_value(made, 0, 1)
    assert child.result() == DONE
    assert _field(made, "otime") > 0
    assert values(made) == (0,)
