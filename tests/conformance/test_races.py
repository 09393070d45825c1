"""What meets at one sleeper, and ends that take their time: S-29 to S-38, Q-15 to Q-20.

Which of two outcomes comes is the scheduler's affair and nothing that a test may ask for. Each test says
which outcomes there are, and what of the unit, the message, the room goes with each. How often each was
seen stands in docs/kernel-races.md.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from ipcsim.sysv import libc, queues, semaphores
from ipcsim.sysv.semaphores import Timespec
from tests.conformance.calls import (
    DONE,
    NOWAIT,
    UNDO,
    Op,
    caught,
    counters,
    ncnt,
    pids,
    receive,
    semop,
    send,
    take_and_look,
    take_each,
    try_receive,
    try_semop,
    try_send,
    values,
    zcnt,
)
from tests.conformance.child import Child, MakeQueue, MakeSet, NewChild, settle, until
from tests.conformance.meetings import Gap, Meetings

USR1, STOP, CONT, KILL = signal.SIGUSR1, signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL
ASLEEP = "asleep"
FLAGS = pytest.mark.parametrize("flags", [0, UNDO])
DISTURBANCES = pytest.mark.parametrize("disturbance", [USR1, STOP])


def outcome(child: Child) -> object:
    """What its call returned; `ASLEEP` where it certainly goes on to sleep."""
    return child.result() if settle(child) else ASLEEP


def go_on(child: Child, disturbance: signal.Signals) -> None:
    """After SIGSTOP: wait until it has stopped, and continue it."""
    if disturbance == STOP:
        child.stops()
        child.resume()


def full(make_queue: MakeQueue) -> int:
    """A queue with room for one message, of type 1, which is there."""
    made = make_queue(1)
    assert try_send(made, 1, b"x") == DONE
    return made


def value(set_id: int) -> int:
    """Of its first semaphore, in one call."""
    return semaphores.get(set_id, 0, libc.GETVAL)


def emptied(queue_id: int) -> list[int]:
    """The types of the messages that were in the queue."""
    found = []
    while (message := try_receive(queue_id)) != "ENOMSG":
        found.append(message[0])
    return found


# --- ends take time ---


def test_a_killed_process_holds_its_units_until_it_exits(make_set: MakeSet, meetings: Meetings) -> None:
    """S-29: a P with IPC_NOWAIT right after the kill may still fail; after it was reaped it does not."""
    for holder, gap in meetings.mortals():
        made = make_set(1)
        assert holder.does(semop, made, (0, -1, UNDO)) == DONE
        holder.signal(KILL)
        gap()
        taken = try_semop(made, (0, -1))
        holder.kill()
        assert (taken, values(made)) in [(DONE, (0,)), ("EAGAIN", (1,))]


def test_the_dead_can_be_sent_signals_until_they_are_reaped(make_set: MakeSet, meetings: Meetings) -> None:
    """S-29: kill(2) succeeds on who is exiting and on a zombie, whose units are back; then ESRCH."""
    for victim, gap in meetings.mortals():
        made = make_set(1)
        assert victim.does(semop, made, (0, -1, UNDO)) == DONE
        victim.signal(KILL)
        gap()
        victim.signal(USR1)
        os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)
        assert values(made) == (1,)
        victim.signal(USR1)
        assert victim.wait() == -KILL
        with pytest.raises(ProcessLookupError):
            os.kill(victim.pid, 0)


@pytest.mark.parametrize("again", [(0, -1, UNDO | NOWAIT), (0, 0, UNDO)])
@pytest.mark.parametrize("killed", [True, False])
def test_the_set_used_last_is_undone_first(
    again: Op, killed: bool, make_set: MakeSet, meetings: Meetings
) -> None:
    """S-37: used by any call with SEM_UNDO, though it failed or changed nothing; killed or not."""
    for trial, (holder, _) in enumerate(meetings.mortals()):
        sets = [make_set(1) for _ in range(60)]
        assert holder.does(take_each, sets) == DONE
        oldest, middle, newest = sets[1], sets[30], sets[0]
        assert holder.does(semop, newest, again) == ("EAGAIN" if again[1] else DONE)
        assert holder.does(semop, oldest, (0, 0)) == DONE  # no use: it is without SEM_UNDO
        earlier, later = [(oldest, middle), (middle, newest)][trial % 2]
        finish(holder, killed)
        while (undone := (value(earlier), value(later))) != (1, 1):
            assert undone in [(0, 0), (0, 1)]
        holder.wait()


@pytest.mark.parametrize("killed", [True, False])
def test_whoever_gets_the_set_used_first_finds_the_others_undone(
    killed: bool, make_set: MakeSet, meetings: Meetings, new_child: NewChild
) -> None:
    """S-37: it is undone last; who gets another set may find that one not yet undone."""
    reader = new_child()
    for holder, _ in meetings.mortals():
        first, *others = [make_set(1) for _ in range(5)]
        assert holder.does(take_each, [first, *others]) == DONE
        reader.sleeps_in(take_and_look, first, others)
        finish(holder, killed)
        assert reader.result() == [1] * len(others)


def finish(child: Child, killed: bool) -> None:
    """Let its end begin."""
    if killed:
        child.signal(KILL)
    else:
        child.leave()


# --- a disturbance and a wake-up at a semop ---


@FLAGS
@DISTURBANCES
def test_a_disturbed_sleeper_may_still_be_served(
    disturbance: signal.Signals, flags: int, make_set: MakeSet, meetings: Meetings
) -> None:
    """S-30: until it has left the queue itself; then it is EINTR, and the unit is there."""
    for child, gap in meetings.sleepers():
        made = make_set(0)
        child.sleeps_in(semop, made, (0, -1, flags))
        child.signal(disturbance)
        gap()
        assert try_semop(made, (0, +1)) == DONE
        go_on(child, disturbance)
        assert (child.result(), values(made)) in [(DONE, (0,)), ("EINTR", (1,))]


@DISTURBANCES
def test_a_disturbed_zero_waiter_may_still_pass(
    disturbance: signal.Signals, make_set: MakeSet, meetings: Meetings
) -> None:
    """S-30: the same, with a zero; in the end nobody waits."""
    for child, gap in meetings.sleepers():
        made = make_set(1)
        child.sleeps_in(semop, made, (0, 0))
        child.signal(disturbance)
        gap()
        assert try_semop(made, (0, -1)) == DONE
        go_on(child, disturbance)
        assert child.result() in (DONE, "EINTR")
        assert zcnt(made) == (0,)


def test_what_is_zero_after_a_success_was_taken_last_by_whom_getpid_names(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """S-31: also where one of them slept."""
    made, first, second = make_set(1), new_child(), new_child()
    assert first.does(semop, made, (0, -1)) == DONE
    second.sleeps_in(semop, made, (0, -1))
    assert (values(made), pids(made)) == ((0,), (first.pid,))
    assert try_semop(made, (0, +1)) == DONE
    assert (values(made), pids(made)) == ((0,), (second.pid,))
    assert second.result() == DONE


@pytest.mark.parametrize(("before", "wanted", "given"), [(0, -1, +1), (1, 0, -1)])
@FLAGS
@DISTURBANCES
def test_a_sleeper_that_was_served_cannot_be_disturbed(
    disturbance: signal.Signals,
    flags: int,
    before: int,
    wanted: int,
    given: int,
    make_set: MakeSet,
    meetings: Meetings,
) -> None:
    """S-32: the call succeeds; the handler runs all the same, or it stops when the call is over."""
    for child, gap in meetings.sleepers():
        made = make_set(before)
        child.sleeps_in(semop, made, (0, wanted, flags))
        assert try_semop(made, (0, given)) == DONE
        gap()
        child.signal(disturbance)
        go_on(child, disturbance)
        assert (child.result(), values(made)) == (DONE, (0,))
        assert child.does(caught) == (1 if disturbance == USR1 else 0)


def test_a_caught_signal_is_never_lost(make_set: MakeSet, meetings: Meetings) -> None:
    """S-32: its handler runs once, whether the call was interrupted or succeeded."""
    for child, gap in meetings.sleepers():
        made = make_set(0)
        child.sleeps_in(semop, made, (0, -1))
        child.signal(USR1)
        gap()
        assert try_semop(made, (0, +1)) == DONE
        assert child.result() in (DONE, "EINTR")
        assert child.does(caught) == 1


@pytest.mark.parametrize("wanted", [-1, 0])
@DISTURBANCES
def test_a_disturbance_and_a_removal(
    disturbance: signal.Signals, wanted: int, make_set: MakeSet, meetings: Meetings
) -> None:
    """S-33: whichever the sleeper notices, if the disturbance came first; else it is the removal."""
    for trial, (child, gap) in enumerate(meetings.sleepers()):
        made = make_set(0 if wanted else 1)
        child.sleeps_in(semop, made, (0, wanted))
        if trial % 2:
            child.signal(disturbance)
            gap()
            semaphores.remove(made)
        else:
            semaphores.remove(made)
            gap()
            child.signal(disturbance)
        go_on(child, disturbance)
        assert child.result() in (("EIDRM", "EINTR") if trial % 2 else ("EIDRM",))


@FLAGS
def test_a_kill_and_a_unit(flags: int, make_set: MakeSet, meetings: Meetings, new_child: NewChild) -> None:
    """S-34: the next one gets the unit, or it is gone with the dead; with SEM_UNDO the next one gets it."""
    younger = new_child()
    for victim, gap in meetings.mortals():
        made = make_set(0)
        victim.sleeps_in(semop, made, (0, -1, flags))
        younger.sleeps_in(semop, made, (0, -1))
        victim.signal(KILL)
        gap()
        assert try_semop(made, (0, +1)) == DONE
        victim.kill()
        answer = outcome(younger)
        assert values(made) == (0,)
        assert answer in ((DONE,) if flags else (DONE, ASLEEP))
        if answer == ASLEEP:
            assert try_semop(made, (0, +1)) == DONE
            assert younger.result() == DONE


def test_a_kill_of_a_sleeper_that_holds_something(make_set: MakeSet, meetings: Meetings) -> None:
    """S-34: both what it had and what it was given on its way to the end come back."""
    for trial, (victim, gap) in enumerate(meetings.mortals()):
        held, wanted = make_set(1), make_set(0)
        assert victim.does(semop, held, (0, -1, UNDO)) == DONE
        victim.sleeps_in(semop, wanted, (0, -1, UNDO))
        victim.signal(KILL)
        if trial % 2:
            gap()
            assert try_semop(wanted, (0, +1)) == DONE
        victim.kill()
        assert (values(held), values(wanted)) == ((1,), (trial % 2,))


def timed(child: Child, made: int, operation: Op, trial: int) -> None:
    """Let it sleep for some milliseconds, and return about when they are over."""
    limit = 0.004
    end = time.perf_counter() + limit + trial * 20e-6
    child.start(semop, made, operation, timeout=Timespec.of(limit))
    until(lambda: child.reported() or ncnt(made) + zcnt(made) != (0, 0), "asleep, or over")
    Gap(end - time.perf_counter())()


@FLAGS
def test_a_time_out_and_a_unit(flags: int, make_set: MakeSet, meetings: Meetings) -> None:
    """S-35: EAGAIN and the unit is there, or success and it is not."""
    for trial, (child, _) in enumerate(meetings.sleepers()):
        made = make_set(0)
        timed(child, made, (0, -1, flags), trial)
        assert try_semop(made, (0, +1)) == DONE
        assert (child.result(), values(made)) in [(DONE, (0,)), ("EAGAIN", (1,))]


def test_a_time_out_and_a_zero(make_set: MakeSet, meetings: Meetings) -> None:
    """S-35: EAGAIN or success; nobody waits any more."""
    for trial, (child, _) in enumerate(meetings.sleepers()):
        made = make_set(1)
        timed(child, made, (0, 0), trial)
        assert try_semop(made, (0, -1)) == DONE
        assert child.result() in (DONE, "EAGAIN")
        assert zcnt(made) == (0,)


@pytest.mark.parametrize("wanted", [-1, 0])
def test_a_time_out_and_a_removal(wanted: int, make_set: MakeSet, meetings: Meetings) -> None:
    """S-35: EAGAIN, EIDRM; or EINTR, though there was no signal."""
    for trial, (child, _) in enumerate(meetings.sleepers()):
        made = make_set(0 if wanted else 1)
        timed(child, made, (0, wanted), trial)
        semaphores.remove(made)
        assert child.result() in ("EAGAIN", "EIDRM", "EINTR")
        assert child.does(caught) == 0


def test_stopping_and_continuing_at_once_interrupts(make_set: MakeSet, meetings: Meetings) -> None:
    """S-36: even if it never came to stop."""
    for child, gap in meetings.sleepers():
        made = make_set(0)
        child.sleeps_in(semop, made, (0, -1))
        child.signal(STOP)
        gap()
        child.signal(CONT)
        assert child.result() == "EINTR"


@DISTURBANCES
def test_of_two_sleepers_one_is_served(
    disturbance: signal.Signals, make_set: MakeSet, meetings: Meetings, new_child: NewChild
) -> None:
    """S-38: what the disturbed one does not take goes to the other at once."""
    younger = new_child()
    for older, gap in meetings.sleepers():
        made = make_set(0)
        older.sleeps_in(semop, made, (0, -1))
        younger.sleeps_in(semop, made, (0, -1))
        older.signal(disturbance)
        gap()
        assert try_semop(made, (0, +1)) == DONE
        assert values(made) == (0,)
        go_on(older, disturbance)
        answers = (older.result(), outcome(younger))
        assert answers in [(DONE, ASLEEP), ("EINTR", DONE)]
        if answers[1] == ASLEEP:
            assert try_semop(made, (0, +1)) == DONE
            assert younger.result() == DONE


# --- at a msgrcv ---


def test_an_interrupted_receiver_may_still_be_handed_the_message(
    make_queue: MakeQueue, meetings: Meetings
) -> None:
    """Q-15: else it is EINTR, and the message is in the queue."""
    for child, gap in meetings.sleepers():
        made = make_queue()
        child.sleeps_in(receive, made)
        child.signal(USR1)
        gap()
        assert try_send(made, 1, b"x") == DONE
        assert (child.result(), emptied(made)) in [((1, b"x"), []), ("EINTR", [1])]
        assert child.does(caught) == 1


def test_a_stopped_receiver_gets_the_message_now_or_when_it_continues(
    make_queue: MakeQueue, meetings: Meetings
) -> None:
    """Q-15: it has it in any case, where nobody else wants it."""
    for child, gap in meetings.sleepers():
        made = make_queue()
        child.sleeps_in(receive, made)
        child.signal(STOP)
        gap()
        assert try_send(made, 1, b"x") == DONE
        go_on(child, STOP)
        assert (child.result(), emptied(made)) == ((1, b"x"), [])


@DISTURBANCES
def test_of_two_receivers_one_has_the_message(
    disturbance: signal.Signals, make_queue: MakeQueue, meetings: Meetings, new_child: NewChild
) -> None:
    """Q-15: a stopped one that had left the queue sleeps on, behind the other."""
    younger = new_child()
    for older, gap in meetings.sleepers():
        made = make_queue()
        older.sleeps_in(receive, made)
        younger.sleeps_in(receive, made)
        older.signal(disturbance)
        gap()
        assert try_send(made, 1, b"x") == DONE
        go_on(older, disturbance)
        answers = (outcome(older), outcome(younger))
        left = ASLEEP if disturbance == STOP else "EINTR"
        assert answers in [((1, b"x"), ASLEEP), (left, (1, b"x"))]
        for child, answer in zip((older, younger), answers, strict=True):
            if answer == ASLEEP:
                assert try_send(made, 2, b"y") == DONE
                assert child.result() == (2, b"y")


@DISTURBANCES
def test_a_receiver_that_was_handed_a_message_cannot_be_disturbed(
    disturbance: signal.Signals, make_queue: MakeQueue, meetings: Meetings
) -> None:
    """Q-16: it has the message; the handler runs all the same."""
    for child, gap in meetings.sleepers():
        made = make_queue()
        child.sleeps_in(receive, made)
        assert try_send(made, 1, b"x") == DONE
        assert counters(made) == (0, 0)
        gap()
        child.signal(disturbance)
        go_on(child, disturbance)
        assert child.result() == (1, b"x")
        assert child.does(caught) == (1 if disturbance == USR1 else 0)


# --- at a msgsnd ---


def test_an_interrupted_sender_does_not_send(make_queue: MakeQueue, meetings: Meetings) -> None:
    """Q-17: EINTR whenever the room comes after the signal: nobody but itself completes a msgsnd."""
    for child, gap in meetings.sleepers():
        made = full(make_queue)
        child.sleeps_in(send, made, 2, b"y")
        child.signal(USR1)
        gap()
        assert try_receive(made) == (1, b"x")
        assert (child.result(), emptied(made)) == ("EINTR", [])


def test_a_sender_with_room_may_still_be_interrupted(make_queue: MakeQueue, meetings: Meetings) -> None:
    """Q-17: until it has run and sent."""
    for child, gap in meetings.sleepers():
        made = full(make_queue)
        child.sleeps_in(send, made, 2, b"y")
        assert try_receive(made) == (1, b"x")
        gap()
        child.signal(USR1)
        assert (child.result(), emptied(made)) in [(DONE, [2]), ("EINTR", [])]
        assert child.does(caught) == 1


def test_a_stopped_sender_sends_when_it_continues(make_queue: MakeQueue, meetings: Meetings) -> None:
    """Q-17: not before, if the room came after the stop."""
    for child, gap in meetings.sleepers():
        made = full(make_queue)
        child.sleeps_in(send, made, 2, b"y")
        child.signal(STOP)
        gap()
        assert try_receive(made) == (1, b"x")
        child.stops()
        assert counters(made) == (0, 0)
        child.resume()
        assert (child.result(), emptied(made)) == (DONE, [2])


@pytest.mark.parametrize("room_first", [True, False])
@DISTURBANCES
def test_of_two_senders_one_uses_the_room(
    disturbance: signal.Signals,
    room_first: bool,
    make_queue: MakeQueue,
    meetings: Meetings,
    new_child: NewChild,
) -> None:
    """Q-17: never the one that was interrupted before; and it is never left unused."""
    other = new_child()
    for child, gap in meetings.sleepers():
        made = full(make_queue)
        child.sleeps_in(send, made, 2, b"y")
        other.sleeps_in(send, made, 3, b"z")
        if not room_first:
            child.signal(disturbance)
            gap()
        assert try_receive(made) == (1, b"x")
        if room_first:
            gap()
            child.signal(disturbance)
        go_on(child, disturbance)
        answers = (outcome(child), outcome(other))
        left = ASLEEP if disturbance == STOP else "EINTR"
        allowed = [(DONE, ASLEEP), (left, DONE)]
        assert answers in (allowed if room_first or disturbance == STOP else allowed[1:])
        assert try_receive(made)[0] == (2 if answers[0] == DONE else 3)
        if ASLEEP in answers:
            assert (child, other)[answers.index(ASLEEP)].result() == DONE


# --- removal, kill, stop and continue ---


@pytest.mark.parametrize("sends", [True, False])
@DISTURBANCES
def test_a_disturbance_and_a_removal_of_a_queue(
    disturbance: signal.Signals, sends: bool, make_queue: MakeQueue, meetings: Meetings
) -> None:
    """Q-18: a stopped one that starts again finds no queue: EINVAL."""
    for trial, (child, gap) in enumerate(meetings.sleepers()):
        made = full(make_queue)
        if sends:
            child.sleeps_in(send, made, 2, b"y")
        else:
            child.sleeps_in(receive, made, 64, 2)
        if trial % 2:
            child.signal(disturbance)
            gap()
            queues.remove(made)
        else:
            queues.remove(made)
            gap()
            child.signal(disturbance)
        go_on(child, disturbance)
        later = "EINVAL" if disturbance == STOP else "EINTR"
        assert child.result() in (("EIDRM", later) if trial % 2 else ("EIDRM",))


def test_a_kill_and_a_message(make_queue: MakeQueue, meetings: Meetings, new_child: NewChild) -> None:
    """Q-19: the next one has it, or it is lost with the dead; it is not left lying."""
    younger = new_child()
    for victim, gap in meetings.mortals():
        made = make_queue()
        victim.sleeps_in(receive, made)
        younger.sleeps_in(receive, made)
        victim.signal(KILL)
        gap()
        assert try_send(made, 1, b"x") == DONE
        victim.kill()
        answer = outcome(younger)
        assert answer in ((1, b"x"), ASLEEP)
        assert counters(made) == (0, 0)
        if answer == ASLEEP:
            assert try_send(made, 2, b"y") == DONE
            assert younger.result() == (2, b"y")


@pytest.mark.parametrize("room_first", [True, False])
def test_a_kill_and_room(
    room_first: bool, make_queue: MakeQueue, meetings: Meetings, new_child: NewChild
) -> None:
    """Q-19: killed before there is room it never sends; after, it has sent or the other one does."""
    other = new_child()
    for victim, gap in meetings.mortals():
        made = full(make_queue)
        victim.sleeps_in(send, made, 2, b"y")
        other.sleeps_in(send, made, 3, b"z")
        if not room_first:
            victim.signal(KILL)
            gap()
        assert try_receive(made) == (1, b"x")
        if room_first:
            gap()
        victim.kill()
        answer = outcome(other)
        kind = try_receive(made)[0]
        assert (answer, kind) in ([(DONE, 3), (ASLEEP, 2)] if room_first else [(DONE, 3)])
        if answer == ASLEEP:
            assert other.result() == DONE


def test_stopping_and_continuing_at_once_costs_the_place(
    make_queue: MakeQueue, meetings: Meetings, new_child: NewChild
) -> None:
    """Q-20: even if it never came to stop; it goes to the end of the line."""
    younger = new_child()
    for older, gap in meetings.sleepers():
        made = make_queue()
        older.sleeps_in(receive, made)
        younger.sleeps_in(receive, made)
        older.signal(STOP)
        gap()
        older.signal(CONT)
        assert settle(older) == []
        assert try_send(made, 1, b"x") == DONE
        assert younger.result() == (1, b"x")
        assert try_send(made, 2, b"y") == DONE
        assert older.result() == (2, b"y")


def test_a_signal_that_comes_while_stopped_interrupts(make_queue: MakeQueue, meetings: Meetings) -> None:
    """Q-20: a call is started again only where no handler ran; what came meanwhile stays."""
    for child, gap in meetings.sleepers():
        made = make_queue()
        child.sleeps_in(receive, made)
        child.stop()
        assert try_send(made, 1, b"x") == DONE
        child.signal(USR1)
        gap()
        child.resume()
        assert (child.result(), emptied(made)) == ("EINTR", [1])
