"""Corners of the kernel's rules that chance seldom finds, driven on the model and the kernel side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ipcsim.model.effects import Act
from ipcsim.model.locals import Mode
from ipcsim.program import Program
from ipcsim.program.instructions import Instruction, ObjectKind, ObjectRef
from tests.model import programs as make
from tests.model.children import Pool
from tests.model.lockstep import KILL, STRIKE, Choice, Lockstep
from tests.model.programs import operation as op

QUEUE, SET = ObjectRef(ObjectKind.QUEUE, 0), ObjectRef(ObjectKind.SEMAPHORES, 0)
FULL = make.queue("q", 12)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool() as children:
        yield children


def program(*codes: Sequence[Instruction], initial: Sequence[int] = (), room: int | None = None) -> Program:
    """A set with these values and a queue with this room, as far as they are wanted."""
    sets = [make.semaphores("s", initial)] if initial else []
    queues = [make.queue("q", room)] if room is not None else []
    return make.program(sets, queues, [make.handled(code) for code in codes])


def drive(pool: Pool, what: Program, *choices: int | tuple[int, str]) -> dict[int, Any]:
    """Take the choices (a process, or a process and what befalls it) on both sides, which must agree; with
    what the last call of each process ended."""
    ended: dict[int, Any] = {}
    with Lockstep(what, pool) as both:
        for choice in choices:
            process, kind = choice if isinstance(choice, tuple) else (choice, "step")
            both.take(Choice(process, kind))
            for step in both.last.steps:
                if step.act in (Act.CALL, Act.WAKE, Act.STRIKE):
                    ended[step.process] = step.errno or "done"
                elif step.act is Act.SLEEP:
                    ended[step.process] = "asleep"
        for process in range(len(both.world.children)):
            local = both.machine.local(both.states[0], process)
            if local.mode in (Mode.STOPPED, Mode.STOPPED_ASLEEP, Mode.STOPPED_CAUGHT):
                ended[process] = "stopped"
        both.finish()
    return ended


def p(number: int = 0, **flags: bool) -> Instruction:
    return make.semop(0, op(number, -1, **flags))


def v(number: int = 0, **flags: bool) -> Instruction:
    return make.semop(0, op(number, 1, **flags))


def zero(*numbers: int) -> Instruction:
    return make.semop(0, *(op(n, 0) for n in numbers))


# --- semaphores ---


def test_setval_that_completes_a_waiter_sets_otime(pool: Pool) -> None:
    """S-28."""
    what = program([p()], [make.setval(0, 0, 1), make.stat(SET, "otime")], initial=(0,))
    assert drive(pool, what, 0, 1, 1) == {0: "done", 1: "done"}


def test_exit_that_owes_nothing_touches_the_set(pool: Pool) -> None:
    """S-18: otime, although nothing is given back; also after a call that only failed."""
    failed = make.semop(0, op(0, -1, nowait=True, undo=True))
    drive(pool, program([failed], [make.stat(SET, "otime")], initial=(0, 0)), 0, 0, 1)
    drive(pool, program([p(undo=True), v(undo=True)], [zero(1)], initial=(1, 0)), 1, 0, 0, (0, KILL))


def test_exit_that_owes_nothing_brings_a_stale_count_up_to_date(pool: Pool) -> None:
    """S-11: [Z s0, Z s1] on (0, 1) counts at s1, and still does when s0 becomes 1; s2 is 0, so that the exit
    looks at it again."""
    code = [zero(0, 1)], [v(0)], [v(3, undo=True), p(3, undo=True)]
    drive(pool, program(*code, initial=(0, 1, 0, 0)), 0, 1, 2, 2, (2, KILL))
    drive(pool, program(*code, initial=(0, 1, 5, 5)), 0, 1, 2, 2, (2, KILL))


def test_a_stale_count_is_brought_up_to_date_when_a_touched_semaphore_is_0(pool: Pool) -> None:
    """S-11."""
    what = program([zero(0, 1)], [v(0), p(1)], initial=(0, 1))
    assert drive(pool, what, 0, 1, 1) == {0: "asleep", 1: "done"}


def test_undo_of_two_sets_wakes_in_both(pool: Pool) -> None:
    """S-16."""
    sets = [make.semaphores("a", (1,)), make.semaphores("b", (1,))]
    take = [make.semop(0, op(0, -1, undo=True)), make.semop(1, op(0, -1, undo=True))]
    codes = [take, [make.semop(0, op(0, -1))], [make.semop(1, op(0, -1))]]
    what = make.program(sets, [], [make.handled(c) for c in codes])
    assert drive(pool, what, 0, 0, 1, 2, (0, KILL)) == {0: "done", 1: "done", 2: "done"}


def test_a_unit_handed_to_somebody_who_is_killed_is_lost_or_returned(pool: Pool) -> None:
    """S-14: with SEM_UNDO it comes back."""
    for undo, value in ((False, "asleep"), (True, "done")):
        what = program([p(undo=undo)], [v()], [p()], initial=(0,))
        assert drive(pool, what, 0, 1, (0, KILL), 2)[2] == value


def test_setval_forgets_the_undo_of_everybody(pool: Pool) -> None:
    """S-17."""
    what = program([p(undo=True)], [make.setval(0, 0, 5)], [p(undo=True)], initial=(3,))
    drive(pool, what, 0, 2, 1, (0, KILL))


def test_semadj_has_a_range(pool: Pool) -> None:
    """S-4: the 32768th unit taken with SEM_UNDO is ERANGE, for who sleeps too."""
    take = make.semop(0, op(0, -32767, undo=True))
    what = program([take, p(undo=True)], [make.setval(0, 0, 1)], [v()], initial=(32767,))
    assert drive(pool, what, 0, 0, 2)[0] == "ERANGE"


def test_stopped_in_a_semop(pool: Pool) -> None:
    """S-23: EINTR with no handler, and out of the queue meanwhile."""
    code = [p()], [make.signal(0, "SIGSTOP"), v(), make.signal(0, "SIGCONT")]
    assert drive(pool, program(*code, initial=(0,)), 0, 1) == {0: "stopped", 1: "done"}
    assert drive(pool, program(*code, initial=(0,)), 0, 1, 1, 1) == {0: "EINTR", 1: "done"}


def test_what_is_given_back_is_clamped(pool: Pool) -> None:
    """S-16: at 32767 and at 0."""
    drive(pool, program([p(undo=True)], [v()], initial=(32767,)), 0, 1, (0, KILL))
    drive(pool, program([v(undo=True), v(undo=True)], [p()], initial=(0,)), 0, 0, 1, (0, KILL))


def test_an_array_of_zeros_after_the_single_waiters(pool: Pool) -> None:
    """S-7: whose pid the semaphores have afterwards tells."""
    what = program([zero(0, 1)], [zero(1)], [zero(0)], [p()], initial=(1, 0))
    drive(pool, what, 0, 2, 3)
    what = program([zero(0, 1)], [zero(1)], [zero(0)], [make.setall(0, (0, 0))], initial=(1, 1))
    drive(pool, what, 0, 1, 2, 3)


# --- queues ---


def take(kind: int = 0, size: int = 12, **more: Any) -> Instruction:
    return make.receive(0, kind, size, **more)


def give(serial: int, kind: int = 1, length: int = 4) -> Instruction:
    return make.send(0, kind, serial, length)


def test_too_small_a_receiver_does_not_stop_the_message(pool: Pool) -> None:
    """Q-3: each that matches and is too small ends with E2BIG, the next one gets it."""
    what = program([take(size=1)], [take(2)], [take(size=2)], [take()], [give(7)], room=40)
    ended = drive(pool, what, 0, 1, 2, 3, 4)
    assert ended == {0: "E2BIG", 1: "asleep", 2: "E2BIG", 3: "done", 4: "done"}


def test_full_though_somebody_waits_for_that_type(pool: Pool) -> None:
    """Q-2."""
    what = program([take(2)], [give(1, 1, 12), give(2, 2, 4)], [take(1)], room=12)
    assert drive(pool, what, 0, 1, 1) == {0: "asleep", 1: "asleep"}
    assert drive(pool, what, 0, 1, 1, 2) == {0: "done", 1: "done", 2: "done"}


def test_which_of_the_blocked_senders_goes_next_is_free(pool: Pool) -> None:
    """Q-4: 10 bytes are free for 8, 3 and 3."""
    for _ in range(10):
        senders = [[give(n, 1, length)] for n, length in ((1, 8), (2, 3), (3, 3))]
        ended = drive(pool, program([give(9, 1, 10)], *senders, [take()], room=10), 0, 1, 2, 3, 4)
        done = {process for process in (1, 2, 3) if ended[process] == "done"}
        assert done in ({1}, {2, 3})


def test_receivers_queue_up_anew_when_the_queue_is_changed(pool: Pool) -> None:
    """Q-10: in whatever order."""
    for _ in range(10):
        what = program([take()], [take()], [take()], [make.change(0, 30), give(1), give(2)], room=40)
        ended = drive(pool, what, 0, 1, 2, 3, 3, 3)
        assert sorted(ended[p] for p in (0, 1, 2)) == ["asleep", "done", "done"]


def test_a_change_lets_in_who_fits_now(pool: Pool) -> None:
    """Q-10."""
    what = program([give(1, 1, 12)], [give(2, 1, 12)], [make.change(0, 24), make.change(0, 1)], room=12)
    assert drive(pool, what, 0, 1, 2, 2) == {0: "done", 1: "done", 2: "done"}


@pytest.mark.parametrize("between", [[], [give(1)], [make.remove(QUEUE)], [make.change(0, 20)]])
def test_stopped_in_a_receive(pool: Pool, between: list[Instruction]) -> None:
    """Q-12: it begins again by itself, and finds what has happened meanwhile."""
    code = [make.signal(0, "SIGSTOP"), *between, make.signal(0, "SIGCONT")]
    ended = drive(pool, program([take()], code, room=40), 0, *[1] * len(code))
    wanted = {"send": "done", "objectcall": "EINVAL"}
    name = type(between[0]).__name__.lower() if between else ""
    assert ended[0] == ("asleep" if between == [make.change(0, 20)] or not between else wanted[name])


def test_stopped_in_a_send(pool: Pool) -> None:
    """Q-12."""
    stop, resume = make.signal(0, "SIGSTOP"), make.signal(0, "SIGCONT")
    what = program([give(1)], [give(2, 1, 12), stop, take(), resume], room=12)
    assert drive(pool, what, 1, 0, 1, 1, 1) == {0: "done", 1: "done"}
    what = program([give(1)], [give(2, 1, 12), stop, resume, make.remove(QUEUE)], room=12)
    assert drive(pool, what, 1, 0, 1, 1, 1) == {0: "EIDRM", 1: "done"}


@pytest.mark.parametrize("call", [take(), give(1, 1, 4), p()])
def test_a_caught_signal_while_stopped(pool: Pool, call: Instruction) -> None:
    """Q-12: begun again by itself, except where a handler runs at the same time."""
    code = [make.signal(0, name) for name in ("SIGSTOP", "SIGUSR1", "SIGCONT")]
    ended = drive(pool, program([call], code, initial=(0,), room=0), 0, 1, 1, 1)
    assert ended == {0: "EINTR", 1: "done"}


def test_a_place_is_lost_by_being_stopped(pool: Pool) -> None:
    """Q-12."""
    code = [make.signal(0, "SIGSTOP"), make.signal(0, "SIGCONT"), give(1)]
    ended = drive(pool, program([take()], [take()], code, room=40), 0, 1, 2, 2, 2)
    assert ended == {0: "asleep", 1: "done", 2: "done"}


def test_timeouts_take_a_sleeper_out_of_its_queue(pool: Pool) -> None:
    """S-24; a message that comes later goes to the next one."""
    what = program([take(timeout=1.0)], [take()], [give(1)], room=40)
    assert drive(pool, what, 0, 1, (0, STRIKE), 2) == {0: "EAGAIN", 1: "done", 2: "done"}
