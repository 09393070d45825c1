from __future__ import annotations

import pytest

from ipcsim.analysis.graph import Edge, analyse
from ipcsim.analysis.may import MayAnalysis
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import Assign, ObjectKind
from ipcsim.snapshot import QueueState, ReceiveWait, SendWait, Status
from ipcsim.verdict import Kind, Verdict

from .programs import (
    LEFT,
    at,
    blocked,
    ended,
    family,
    forks,
    holds,
    jump,
    on,
    op,
    p,
    philosophers,
    program,
    queue,
    receive,
    remove,
    running,
    seated,
    semaphores,
    semop,
    send,
    snapshot,
    v,
    z,
)


def judge(prog, snap):
    return analyse(prog, snap, MayAnalysis(prog))


def kinds(report):
    return [f.kind for f in report.findings()]


def locks(*families, values=(1, 1, 1)):
    return program(*families, sets=[semaphores(*values)])


FULL = QueueState(messages=3, bytes=12, capacity=12, types=(1, 2, 1))


# --- circles ---


@pytest.mark.parametrize("count", [2, 3, 5, 50])
def test_philosophers_wait_in_a_circle(count):
    report = judge(philosophers(count), seated(count))
    (finding,) = report.findings()
    assert report.deadlocked == tuple(range(count))
    assert finding.kind is Kind.CIRCULAR_WAIT
    assert finding.verdict is Verdict.DEADLOCK
    assert finding.cycle[:4] == ("philosopher[0]", "fork[1]", "philosopher[1]", f"fork[{2 % count}]")
    assert finding.cycle[-1] == finding.cycle[0]
    assert len(finding.cycle) == 2 * count + 1
    assert str(finding.at) == "test.yaml:4"
    assert finding.details[0] == (
        "philosopher[0]",
        "holds fork[0] since line 3, waits for fork[1]",
        "test.yaml:4",
    )
    assert finding.details[-1][1] == "No other process can still do V on any of these semaphores."


def test_the_sentence_tells_a_short_circle_whole():
    message = judge(philosophers(2), seated(2)).findings()[0].message
    assert message == (
        "Two processes wait for each other in a circle: philosopher[0] holds fork[0] and waits for fork[1], "
        "which philosopher[1] holds; philosopher[1] holds fork[1] and waits for fork[0], "
        "which philosopher[0] holds."
    )


def test_the_sentence_sums_up_a_long_circle():
    finding = judge(philosophers(2000), seated(2000)).findings()[0]
    assert finding.message.startswith("2,000 processes wait for each other in a circle: philosopher[0] holds")
    assert "and so on round to philosopher[1999], which waits for fork[0]." in finding.message
    assert ("", "and 1,988 more in the same way", "") in finding.details


def test_three_deadlocked_while_two_work_on():
    ring = philosophers(3).families[0]
    worker = family("worker", p(0, set=1), v(0, set=1), jump(0), count=2)
    prog = program(ring, worker, sets=[forks(3), semaphores(1)])
    snap = snapshot(
        *seated(3).processes,
        running(3, 1, [holds(0, set=1)]),
        blocked(4, 0, on((0, -1), set=1)),
        values=[(0, 0, 0), (0,)],
    )
    report = judge(prog, snap)
    assert report.deadlocked == (0, 1, 2)
    assert kinds(report) == [Kind.CIRCULAR_WAIT]


def test_blocking_inside_a_critical_section_is_a_circle_of_mutex_and_full():
    producer = family("producer", p(0, 10), p(1, 11), v(0, 12), v(2, 13), jump(0))
    consumer = family("consumer", p(0, 20), p(2, 21), v(0, 22), v(1, 23), jump(0))
    prog = program(producer, consumer, sets=[semaphores(1, 4, 0)])
    snap = snapshot(
        blocked(0, 0, on((0, -1))), blocked(1, 1, on((2, -1)), [holds(0, 20)]), values=[(0, 4, 0)]
    )
    (finding,) = judge(prog, snap).findings()
    assert finding.kind is Kind.CIRCULAR_WAIT
    assert finding.message == (
        "Two processes wait for each other in a circle: producer waits for `a`, which consumer holds; "
        "consumer holds `a` and waits for `c`, on which only producer could do V."
    )


def test_two_full_queues():
    ping = family("ping", send(0, line=1), receive(1), jump(0))
    pong = family("pong", send(1, line=2), receive(0), jump(0))
    prog = program(ping, pong, queues=[queue("to_pong"), queue("to_ping")])
    snap = snapshot(blocked(0, 0, SendWait(0, 1, 4)), blocked(1, 0, SendWait(1, 1, 4)), queues=[FULL, FULL])
    (finding,) = judge(prog, snap).findings()
    assert finding.kind is Kind.CIRCULAR_WAIT
    assert finding.cycle == ("ping", "to_pong", "pong", "to_ping", "ping")
    assert "ping waits for room in `to_pong`, which only pong could make" in finding.message
    assert finding.details[-1][1] == "No other process can still take a message out of any of these queues."


def test_the_shortest_circle_is_shown_and_the_rest_waits_behind():
    # 0 ↔ 1 over a and b, and 2 → 0 → …: 2 is part of a longer circle 0 → 1 → 2 → 0
    code = (p(0), p(1), p(2), v(0), v(1), v(2))
    prog = locks(family("x", *code, count=3))
    snap = snapshot(
        blocked(0, 1, on((1, -1)), [holds(0)]),
        blocked(1, 0, on((0, -1), (2, -1)), [holds(1)]),
        blocked(2, 0, on((0, -1)), [holds(2)]),
        values=[(0, 0, 0)],
    )
    report = judge(prog, snap)
    assert kinds(report) == [Kind.CIRCULAR_WAIT, Kind.WAITS_BEHIND]
    assert report.findings()[0].processes == ("x[0]", "x[1]")
    assert report.findings()[1].processes == ("x[2]",)
    assert "x[2] waits for `a`, which x[0] holds" in report.findings()[1].message


def test_two_units_of_one_semaphore():
    prog = program(family("x", p(0), p(0), v(0), v(0), count=2), sets=[semaphores(2)])
    snap = snapshot(
        blocked(0, 1, on((0, -1)), [holds(0)]), blocked(1, 1, on((0, -1)), [holds(0)]), values=[(0,)]
    )
    (finding,) = judge(prog, snap).findings()
    assert finding.kind is Kind.CIRCULAR_WAIT
    assert finding.cycle == ("x[0]", "a", "x[1]", "a", "x[0]")


# --- self-waits ---


def test_taking_the_same_lock_twice():
    prog = locks(family("x", p(0, 9), p(0, 10), v(0), count=2))
    snap = snapshot(blocked(0, 1, on((0, -1)), [holds(0, 9)]), blocked(1, 0, on((0, -1))), values=[(0, 1, 1)])
    report = judge(prog, snap)
    assert kinds(report) == [Kind.SELF_WAIT, Kind.WAITS_BEHIND]
    message = report.findings()[0].message
    assert message == "x[0] waits for itself: it holds `a` since line 9 and waits for it again at line 10."
    assert report.findings()[0].cycle == ("x[0]", "a", "x[0]")


def test_only_itself_could_do_the_v():
    prog = program(family("x", p(0, 5), v(0)), sets=[semaphores(0)])
    (finding,) = judge(prog, snapshot(blocked(0, 0, on((0, -1))), values=[(0,)])).findings()
    assert finding.kind is Kind.SELF_WAIT
    assert "on which only x itself could do V" in finding.message


# --- orphaned waits ---


def test_red_label():
    reader = family("reader", receive(0, 7, line=4))
    writer = family("writer", send(0, 1, line=8), send(0, 2), jump(0))
    prog = program(reader, writer, queues=[queue("cards")])
    snap = snapshot(blocked(0, 0, ReceiveWait(0, 7)), blocked(1, 0, SendWait(0, 1, 4)), queues=[FULL])
    orphan, behind = judge(prog, snap).findings()
    assert orphan.kind is Kind.ORPHANED_WAIT
    assert orphan.message == (
        "reader waits for a message of type 7 in `cards` for ever: `cards` holds three messages "
        "of types 1 and 2, none of type 7, and no process ever sends one of type 7."
    )
    assert behind.kind is Kind.WAITS_BEHIND
    assert "writer waits for room in `cards`, which only reader could make" in behind.message


def test_unknown_types_of_a_sleeping_receiver_do_not_match():
    prog = program(family("reader", receive(0, 7)), queues=[queue()])
    snap = snapshot(blocked(0, 0, ReceiveWait(0, 7)), queues=[QueueState(2, 8, 64)])
    assert "none of type 7" in judge(prog, snap).findings()[0].message


def test_lock_whose_holder_died():
    prog = locks(family("x", p(0, 5), v(0), count=3))
    snap = snapshot(
        ended(0, 1, Status.DEAD, [holds(0, 5)]),
        blocked(1, 0, on((0, -1))),
        blocked(2, 0, on((0, -1))),
        values=[(0, 1, 1)],
    )
    (finding,) = judge(prog, snap).findings()
    assert finding.kind is Kind.ORPHANED_WAIT
    assert finding.processes == ("x[1]", "x[2]")
    assert finding.message == (
        "x[1] and x[2] wait for `a` for ever: x[0] took it at test.yaml:5 and died holding it."
    )
    assert "SEM_UNDO" in finding.details[-1][1]


def test_everyone_who_could_v_has_ended():
    prog = program(family("maker", v(0)), family("taker", p(0)), sets=[semaphores(0)])
    snap = snapshot(ended(0, 1), blocked(1, 0, on((0, -1))), values=[(0,)])
    (finding,) = judge(prog, snap).findings()
    assert finding.message == (
        "taker waits for `a` for ever: everyone who could do V on it has gone: maker has ended."
    )


def test_a_live_process_past_its_last_v():
    prog = program(family("maker", v(0), p(1), jump(1)), family("taker", p(0)), sets=[semaphores(0, 5)])
    report = judge(prog, snapshot(running(0, 1), blocked(1, 0, on((0, -1))), values=[(0, 5)]))
    assert report.deadlocked == (1,)
    assert "maker has already done so for the last time" in report.findings()[0].message


def test_those_who_could_help_all_wait_for_the_same_thing():
    prog = program(family("x", p(0), v(0), count=3), sets=[semaphores(0)])
    snap = snapshot(*(blocked(i, 0, on((0, -1))) for i in range(3)), values=[(0,)])
    (finding,) = judge(prog, snap).findings()
    assert finding.kind is Kind.ORPHANED_WAIT
    assert "only those who wait for it could still do V on it" in finding.message
    assert len(finding.processes) == 3


def test_message_larger_than_the_queue():
    prog = program(family("x", send(0)), family("y", receive(0)), queues=[queue()])
    snap = snapshot(blocked(0, 0, SendWait(0, 1, 100)), running(1), queues=[QueueState(0, 0, 64, ())])
    (finding,) = judge(prog, snap).findings()
    assert "a message of 100 bytes never fits into a queue of 64 bytes" in finding.message


@pytest.mark.parametrize("operations", [((0, 1), (0, 0)), ((0, -1), (0, 0), (0, -1)), ((0, 0), (0, -1))])
def test_an_array_that_contradicts_itself(operations):
    prog = program(family("x", semop(*operations)), family("y", p(0), jump(0)), sets=[semaphores(0)])
    snap = snapshot(blocked(0, 0, on(*operations)), running(1), values=[(0,)])
    (finding,) = judge(prog, snap).findings()
    assert "contradict each other" in finding.message


def test_a_receiver_that_polls_for_another_type_makes_no_room():
    poller = family("poller", receive(0, 9, nowait=True, handlers=(("ENOMSG", 0),)), jump(0))
    prog = program(poller, family("writer", send(0, 1)), queues=[queue()])
    snap = snapshot(running(0), blocked(1, 0, SendWait(0, 1, 4)), queues=[FULL])
    report = judge(prog, snap)
    assert report.deadlocked == (1,)
    assert "poller, who still asks for messages, would take" in report.findings()[0].message
    unknown = snapshot(running(0), blocked(1, 0, SendWait(0, 1, 4)), queues=[QueueState(3, 12, 12)])
    assert judge(prog, unknown).deadlocked == ()


# --- no false alarms ---


def no_deadlock(prog, *states, **objects):
    report = judge(prog, snapshot(*states, **objects))
    assert report.deadlocked == ()
    assert report.findings() == ()


def test_someone_alive_may_v():
    prog = program(family("x", p(0)), family("y", p(1), v(0)), sets=[semaphores(0, 0)])
    no_deadlock(prog, blocked(0, 0, on((0, -1))), running(1), values=[(0, 0)])


def test_a_chain_of_waiters_that_begins_at_a_live_one():
    prog = locks(family("x", p(0), p(1), v(0), v(1), count=2), family("y", v(1)), values=(1, 0, 0))
    states = [blocked(0, 1, on((1, -1)), [holds(0)]), blocked(1, 0, on((0, -1))), running(2)]
    no_deadlock(prog, *states, values=[(0, 0, 0)])


def test_timed_waits_wake_by_themselves():
    prog = philosophers(3)
    states = list(seated(3).processes)
    states[1] = blocked(1, 2, on((2, -1)), [holds(1)], timed=True)
    no_deadlock(prog, *states, values=[(0, 0, 0)])


def test_satisfiable_right_now():
    prog = philosophers(3)
    no_deadlock(prog, *seated(3).processes, values=[(0, 1, 0)])


def test_an_exit_that_undoes():
    prog = program(family("x", p(0)), family("y", p(0, undo=True)), sets=[semaphores(1)])
    no_deadlock(prog, blocked(0, 0, on((0, -1))), running(1, 1), values=[(0,)])


def test_a_remover_alive():
    prog = program(family("x", p(0)), family("y", remove()), sets=[semaphores(0)])
    no_deadlock(prog, blocked(0, 0, on((0, -1))), running(1), values=[(0,)])
    prog = program(family("x", receive(0)), family("y", remove(ObjectKind.QUEUE)), queues=[queue()])
    no_deadlock(prog, blocked(0, 0, ReceiveWait(0, 0)), running(1), queues=[QueueState(0, 0, 64, ())])


def test_a_removed_object():
    prog = program(family("x", p(0), receive(0)), sets=[semaphores(0)], queues=[queue()])
    no_deadlock(prog, blocked(0, 0, on((0, -1))), values=[None], queues=[None])
    no_deadlock(prog, blocked(0, 1, ReceiveWait(0, 0)), values=[None], queues=[None])


def test_an_index_that_varies_may_be_the_one():
    vary = Assign(at=at(1), text="", slot=1, value=Const(3))
    prog = program(
        family("x", p(2)), family("y", vary, semop(op(0, 1, LEFT, 3)), jump(0)), sets=[forks(3, 0)]
    )
    no_deadlock(prog, blocked(0, 0, on((2, -1))), running(1), values=[(0, 0, 0)])


@pytest.mark.parametrize(("selector", "exclude"), [(0, False), (3, False), (-3, False), (4, True)])
def test_a_sender_of_a_type_that_matches(selector, exclude):
    prog = program(
        family("x", receive(0, selector, exclude=exclude)), family("y", send(0, 3)), queues=[queue()]
    )
    empty = QueueState(0, 0, 64, ())
    no_deadlock(prog, blocked(0, 0, ReceiveWait(0, selector, exclude)), running(1), queues=[empty])


@pytest.mark.parametrize(("selector", "exclude"), [(4, False), (-2, False), (3, True)])
def test_a_sender_of_a_type_that_does_not_match(selector, exclude):
    prog = program(
        family("x", receive(0, selector, exclude=exclude)), family("y", send(0, 3)), queues=[queue()]
    )
    snap = snapshot(
        blocked(0, 0, ReceiveWait(0, selector, exclude)), running(1), queues=[QueueState(0, 0, 64, ())]
    )
    assert judge(prog, snap).deadlocked == (0,)


def test_a_small_message_that_fits():
    prog = program(family("x", send(0)), queues=[queue()])
    no_deadlock(prog, blocked(0, 0, SendWait(0, 1, 4)), queues=[QueueState(1, 8, 12, (1,))])
    full = judge(prog, snapshot(blocked(0, 0, SendWait(0, 1, 0)), queues=[QueueState(3, 0, 3, (1, 1, 1))]))
    assert full.deadlocked == (0,)  # no more messages than bytes


def test_zero_waiter_and_who_may_lower():
    prog = program(family("x", z(0)), family("y", p(0)), sets=[semaphores(1)])
    no_deadlock(prog, blocked(0, 0, on((0, 0))), running(1), values=[(1,)])
    report = judge(prog, snapshot(blocked(0, 0, on((0, 0))), ended(1), values=[(1,)]))
    assert "could do P on it" in report.findings()[0].message


def test_an_operation_with_nowait_ends_the_sleep():
    code = semop(op(0, -1), op(1, -1, nowait=True))
    prog = program(family("x", code), family("y", v(0)), sets=[semaphores(0, 0)])
    no_deadlock(prog, blocked(0, 0, on((0, -1), (1, -1))), running(1), values=[(0, 0)])
    without = program(family("x", semop((0, -1), (1, -1))), family("y", v(0)), sets=[semaphores(0, 0)])
    snap = snapshot(blocked(0, 0, on((0, -1), (1, -1))), running(1), values=[(0, 0)])
    assert judge(without, snap).deadlocked == (0,)


def test_needs_within_one_array_see_the_operations_before():
    # [−2, 0] on 1 needs it to be exactly 2, so it must rise
    prog = program(family("x", semop((0, -2), (0, 0))), family("y", v(0)), sets=[semaphores(1)])
    no_deadlock(prog, blocked(0, 0, on((0, -2), (0, 0))), running(1), values=[(1,)])
    lowers = program(family("x", semop((0, -2), (0, 0))), family("y", p(0)), sets=[semaphores(1)])
    snap = snapshot(blocked(0, 0, on((0, -2), (0, 0))), running(1), values=[(1,)])
    assert judge(lowers, snap).deadlocked == (0,)


def test_an_array_that_may_yet_overflow_is_not_called_dead():
    prog = program(family("x", semop((0, 1), (1, -1))), family("y", v(0), jump(0)), sets=[semaphores(0, 0)])
    no_deadlock(prog, blocked(0, 0, on((0, 1), (1, -1))), running(1), values=[(0, 0)])


# --- the graph ---


def test_edges_are_hard_where_the_waker_holds():
    report = judge(philosophers(3), seated(3))
    edges = list(report.graph.edges())
    need = report.graph.needs[0][0]
    assert Edge(0, need, 1, hard=True) in edges
    assert all(e.waiter != e.waker for e in edges)


def test_many_circles_are_summed_up():
    pairs = 40
    code = (semop(op(0, -1, LEFT, 80)), semop(op(0, -1, op_right(), 80)), semop(op(0, 1, LEFT, 80)))
    rows = [(i, i, i ^ 1) for i in range(2 * pairs)]
    prog = program(family("x", *code, count=80, initial=rows), sets=[forks(80)])
    snap = snapshot(*(blocked(i, 1, on((i ^ 1, -1)), [holds(i)]) for i in range(80)), values=[(0,) * 80])
    findings = judge(prog, snap).findings()
    assert len(findings) == 13
    assert findings[-1].message == "28 more circles of processes that wait for each other."
    assert len(findings[-1].processes) == 56


def op_right():
    from .programs import RIGHT

    return RIGHT


def test_thousands_behind_one_are_one_finding():
    code = (p(0, 3), v(0))
    prog = locks(family("x", p(0, 1), p(0, 2), v(0)), family("y", *code, count=3000))
    snap = snapshot(
        blocked(0, 1, on((0, -1)), [holds(0, 1)]),
        *(blocked(i, 0, on((0, -1))) for i in range(1, 3001)),
        values=[(0, 1, 1)],
    )
    own, behind = judge(prog, snap).findings()
    assert own.kind is Kind.SELF_WAIT
    assert behind.message == (
        "3,000 processes wait behind the deadlock: y[0], y[1] and 2,998 more wait for `a`, which x holds."
    )
    assert len(behind.details) == 13
