"""Message queues: Q-1 to Q-14."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from ipcsim.sysv import capabilities, keys, libc, queues
from tests.conformance import needs
from tests.conformance.calls import (
    DONE,
    NOWAIT,
    attempt,
    catch,
    counters,
    in_threads,
    limit,
    receive,
    receive_nowhere,
    send,
    try_receive,
    try_send,
)
from tests.conformance.child import Child, MakeQueue, NewChild, settle, until

COPY, EXCEPT, NOERROR = libc.MSG_COPY, libc.MSG_EXCEPT, libc.MSG_NOERROR


def fill(queue_id: int, *messages: tuple[int, bytes]) -> None:
    for kind, text in messages:
        assert try_send(queue_id, kind, text) == DONE


# --- what fits ---


def test_a_message_fits_by_its_bytes(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-1: up to msg_qbytes exactly."""
    made = make_queue(10)
    fill(made, (1, b"123456"))
    assert try_send(made, 1, b"12345") == "EAGAIN"
    sender = new_child().sleeps_in(send, made, 1, b"12345")
    fill(made, (1, b"1234"))
    assert counters(made) == (2, 10)
    assert try_receive(made) == (1, b"123456")
    assert sender.result() == DONE


def test_a_message_fits_by_its_count(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-1: no more messages than msg_qbytes, however empty."""
    made = make_queue(3)
    fill(made, *[(1, b"")] * 3)
    assert counters(made) == (3, 0)
    assert try_send(made, 1, b"") == "EAGAIN"
    assert try_send(made, 1, b"a") == "EAGAIN"
    new_child().sleeps_in(send, made, 1, b"")


def test_a_queue_of_no_bytes_takes_nothing(make_queue: MakeQueue) -> None:
    """Q-1: not even an empty message."""
    assert try_send(make_queue(0), 1, b"") == "EAGAIN"


def test_a_message_longer_than_the_queue_waits_for_ever(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-1: EAGAIN or sleep, though the queue is empty; not EINVAL."""
    made = make_queue(4)
    assert try_send(made, 1, b"12345") == "EAGAIN"
    sender = new_child().sleeps_in(send, made, 1, b"12345")
    for _ in range(3):
        fill(made, (2, b"1234"))
        assert try_receive(made, 8, 2) == (2, b"1234")
        assert sender.asleep()


def test_a_full_queue_blocks_the_sender_its_receiver_waits_for(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-2: fullness is looked at before the receivers: both sleep, until there is room."""
    made = make_queue(4)
    fill(made, (1, b"full"))
    receiver = new_child().sleeps_in(receive, made, 64, 5)
    assert try_send(made, 5, b"five") == "EAGAIN"
    sender = new_child().sleeps_in(send, made, 5, b"five")
    assert receiver.asleep()
    assert try_receive(made, 64, 1) == (1, b"full")
    assert sender.result() == DONE
    assert receiver.result() == (5, b"five")


# --- who receives ---


def test_a_message_goes_straight_to_the_oldest_receiver_that_selects_it(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-3: in the order of arrival; an older "any" beats a younger one's very type."""
    made = make_queue()
    other = new_child().sleeps_in(receive, made, 64, 9)
    anything = new_child().sleeps_in(receive, made, 64, 0)
    exact = new_child().sleeps_in(receive, made, 64, 5)
    fill(made, (5, b"a"))
    assert counters(made) == (0, 0)
    assert anything.result() == (5, b"a")
    assert exact.asleep()
    fill(made, (5, b"b"))
    assert exact.result() == (5, b"b")
    fill(made, (5, b"c"))
    assert counters(made) == (1, 1)
    assert other.asleep()


@pytest.mark.parametrize(
    ("selector", "flags", "kind", "selects"),
    [
        (0, 0, 7, True),
        (-5, 0, 5, True),
        (-5, 0, 6, False),
        (5, EXCEPT, 5, False),
        (5, EXCEPT, 6, True),
        (5, 0, 6, False),
    ],
)
def test_a_sleeping_receiver_selects_like_any_other(
    selector: int, flags: int, kind: int, selects: bool, make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-3: each kind of selection, at the hand-off."""
    made = make_queue()
    receiver = new_child().sleeps_in(receive, made, 64, selector, flags)
    fill(made, (kind, b"x"))
    assert counters(made)[0] == (0 if selects else 1)
    if selects:
        assert receiver.result() == (kind, b"x")
    else:
        assert receiver.asleep()


def test_a_sleeping_receiver_with_a_short_buffer_is_passed_over(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-3: it gets E2BIG and the message goes on to the next; with MSG_NOERROR it takes a part."""
    made = make_queue()
    short, cutting, third = (
        new_child().sleeps_in(receive, made, *how) for how in ((3, 0), (3, 0, NOERROR), (64, 0))
    )
    fill(made, (1, b"12345"))
    assert short.result() == "E2BIG"
    assert cutting.result() == (1, b"123")
    assert third.asleep()
    assert counters(made) == (0, 0)


def test_a_message_too_long_for_every_sleeping_receiver_stays(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-3: all of them get E2BIG, and the message is queued."""
    made = make_queue()
    receivers = [new_child().sleeps_in(receive, made, 3) for _ in range(2)]
    fill(made, (1, b"12345"))
    assert [receiver.result() for receiver in receivers] == ["E2BIG"] * 2
    assert counters(made) == (1, 5)


# --- who sends ---


def test_any_of_the_senders_that_fit_may_be_next(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-4: with room for 10, of 8, 3 and 3 either the 8 gets in or both 3, nothing else; 11 never."""
    seen = set()
    for _ in range(8):
        made = make_queue(10)
        fill(made, (9, b"0123456789"))
        texts = (b"8" * 8, b"3" * 3, b"3" * 3, b"x" * 11)
        senders = [new_child().sleeps_in(send, made, 1, text) for text in texts]
        assert try_receive(made) == (9, b"0123456789")
        done = settle(*senders)
        assert [sender.result() for sender in done] == [DONE] * len(done)
        seen.add(tuple(senders.index(sender) for sender in done))
        for sender in senders:
            sender.kill()
    assert seen <= {(0,), (1, 2)}


def test_equal_senders_get_in_one_by_one_in_whatever_order(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-4: each receive lets exactly one in; the order is free, nothing is lost or doubled."""
    for _ in range(4):
        made = make_queue(4)
        fill(made, (9, b"full"))
        senders = [new_child().sleeps_in(send, made, kind, b"mine") for kind in (1, 2, 3, 4)]
        assert try_receive(made) == (9, b"full")
        _drain(made, senders)


def _drain(queue_id: int, senders: list[Child]) -> None:
    waiting = list(senders)
    while waiting:
        [done] = settle(*waiting)
        assert done.result() == DONE
        waiting.remove(done)
        assert try_receive(queue_id) == (senders.index(done) + 1, b"mine")
    assert counters(queue_id) == (0, 0)


def test_a_newcomer_that_fits_barges_in(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-4: a sleeping sender that does not fit keeps no place for itself."""
    made = make_queue(10)
    fill(made, (1, b"123456"), (2, b"12"))
    large = new_child().sleeps_in(send, made, 3, b"12345")
    fill(made, (4, b"12"))
    assert try_receive(made, 64, 2) == (2, b"12")
    fill(made, (5, b"12"))
    assert settle(large) == []
    assert counters(made) == (3, 10)


# --- what is received ---


@pytest.mark.parametrize(
    ("selector", "flags", "expected"),
    [
        (0, 0, (5, b"a")),
        (2, 0, (2, b"b")),
        (3, 0, (3, b"d")),
        (-1, 0, "ENOMSG"),
        (-4, 0, (2, b"b")),
        (-9, 0, (2, b"b")),
        (-sys.maxsize - 1, 0, (2, b"b")),
        (4, 0, "ENOMSG"),
        (5, EXCEPT, (2, b"b")),
        (2, EXCEPT, (5, b"a")),
        (0, EXCEPT, (5, b"a")),
        (-4, EXCEPT, (2, b"b")),
    ],
)
def test_selection_by_type(
    selector: int, flags: int, expected: tuple[int, bytes] | str, make_queue: MakeQueue
) -> None:
    """Q-5: first of all, first of a type, lowest type up to a bound, any but a type."""
    made = make_queue()
    fill(made, (5, b"a"), (2, b"b"), (2, b"c"), (3, b"d"))
    assert try_receive(made, 64, selector, flags) == expected


def test_the_lowest_type_is_first_in_first_out(make_queue: MakeQueue) -> None:
    """Q-5: among the messages of the type chosen."""
    made = make_queue()
    fill(made, (3, b"a"), (2, b"b"), (3, b"c"), (2, b"d"))
    assert [try_receive(made, 64, -3)[1] for _ in range(4)] == [b"b", b"d", b"a", b"c"]


def test_a_message_too_long_stays_or_is_cut(make_queue: MakeQueue) -> None:
    """Q-5: E2BIG is about the selected message only; MSG_NOERROR loses the rest."""
    made = make_queue()
    fill(made, (1, b"12345"), (2, b"12"), (2, b"end"))
    assert try_receive(made, 3) == "E2BIG"
    assert counters(made)[0] == 3
    assert try_receive(made, 3, 2) == (2, b"12")
    assert try_receive(made, 3, 0, NOERROR) == (1, b"123")
    assert try_receive(made, 3) == (2, b"end")
    assert counters(made) == (0, 0)


def test_a_message_that_cannot_be_stored_is_lost(make_queue: MakeQueue) -> None:
    """Q-6: EFAULT comes after it has left the queue."""
    made = make_queue()
    fill(made, (1, b"lost"), (2, b"next"))
    assert receive_nowhere(made) == "EFAULT"
    assert try_receive(made) == (2, b"next")


def test_a_message_handed_to_one_who_is_killed_is_lost(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-6: the hand-off is part of the send."""
    made = make_queue()
    for _ in range(10):
        receiver = new_child().sleeps_in(receive, made)
        fill(made, (1, b"lost"))
        receiver.kill()
        assert counters(made) == (0, 0)


@pytest.fixture
def copied(make_queue: MakeQueue) -> int:
    """A queue with two messages, where the kernel has MSG_COPY."""
    made = make_queue()
    fill(made, (5, b"first"), (2, b"second"))
    if try_receive(made, 64, 0, COPY) == "ENOSYS":
        pytest.skip("the kernel was built without CONFIG_CHECKPOINT_RESTORE: no MSG_COPY")
    return made


@pytest.mark.parametrize(
    ("size", "index", "flags", "expected"),
    [
        (64, 0, NOWAIT, (5, b"first")),
        (64, 1, NOWAIT, (2, b"second")),
        (64, 2, NOWAIT, "ENOMSG"),
        (64, -1, NOWAIT, "ENOMSG"),
        (64, 0, 0, "EINVAL"),
        (64, 0, NOWAIT | EXCEPT, "EINVAL"),
        (3, 0, NOWAIT, "E2BIG"),
        (3, 0, NOWAIT | NOERROR, "EINVAL"),
        (64, 0, NOWAIT | NOERROR, (5, b"first")),
    ],
)
def test_a_copy_is_taken_by_index_and_changes_nothing(
    size: int, index: int, flags: int, expected: tuple[int, bytes] | str, copied: int
) -> None:
    """Q-7: MSG_COPY needs IPC_NOWAIT, excludes MSG_EXCEPT, and leaves the queue as it was."""
    before = queues.stat(copied)
    assert attempt(receive, copied, size, index, COPY | flags) == expected
    assert queues.stat(copied) == before


def test_no_message_is_an_error_only_without_waiting(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-8: ENOMSG with IPC_NOWAIT, otherwise sleep."""
    made = make_queue()
    fill(made, (1, b"x"))
    assert try_receive(made, 64, 2) == "ENOMSG"
    new_child().sleeps_in(receive, made, 64, 2)


def test_what_cannot_be_sent(make_queue: MakeQueue) -> None:
    """Q-8: a type that is not positive, a negative length, one above MSGMAX: EINVAL."""
    made, [most] = make_queue(), limit("msgmax")
    assert try_send(made, 0, b"x") == "EINVAL"
    assert try_send(made, -1, b"x") == "EINVAL"
    assert attempt(queues.send, made, 1, b"x", NOWAIT, -1) == "EINVAL"
    assert try_send(made, 1, b"x" * (most + 1)) == "EINVAL"
    assert try_send(made, 1, b"x" * most) == DONE


def test_more_may_be_asked_for_than_can_be_sent(make_queue: MakeQueue) -> None:
    """Q-8: msgrcv takes a length above MSGMAX, but no negative one."""
    made, [most] = make_queue(), limit("msgmax")
    fill(made, (1, b"x"))
    assert try_receive(made, -1) == "EINVAL"
    assert try_receive(made, 2 * most) == (1, b"x")


def test_removal_wakes_both_sides_and_later_calls_are_invalid(
    make_queue: MakeQueue, new_child: NewChild, key: int
) -> None:
    """Q-9: EIDRM for who slept, EINVAL afterwards; the messages are gone."""
    made = make_queue(4, key=key)
    fill(made, (1, b"full"))
    sender = new_child().sleeps_in(send, made, 1, b"x")
    receiver = new_child().sleeps_in(receive, made, 64, 2)
    queues.remove(made)
    assert [sender.result(), receiver.result()] == ["EIDRM"] * 2
    assert try_send(made, 1, b"x") == try_receive(made) == "EINVAL"
    assert attempt(queues.stat, made) == attempt(queues.remove, made) == "EINVAL"
    again = make_queue(key=key)
    assert again != made
    assert counters(again) == (0, 0)


# --- IPC_SET ---


def test_receivers_that_lost_the_right_are_sent_away(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-10: IPC_SET wakes every receiver to look again: EACCES; those who still may sleep on."""
    made = make_queue(mode=0o600)
    barred = needs.without_bypass(new_child()).sleeps_in(receive, made)
    queues.set_parameters(made, 0o200, None)
    assert barred.result() == "EACCES"


def test_receivers_that_still_may_sleep_on_but_lose_their_order(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-10: after IPC_SET any of them may be the first."""
    made = make_queue()
    receivers = [new_child().sleeps_in(receive, made) for _ in range(3)]
    queues.set_parameters(made, 0o640, None)
    assert settle(*receivers) == []
    for number in range(3):
        fill(made, (1, b"%d" % number))
        [served] = settle(*receivers)
        assert served.result() == (1, b"%d" % number)
        receivers.remove(served)


def test_a_larger_capacity_lets_senders_in_that_now_fit(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-10: and only those."""
    made = make_queue(4)
    fits = new_child().sleeps_in(send, made, 1, b"12345")
    too_long = new_child().sleeps_in(send, made, 1, b"1234567890")
    queues.set_capacity(made, 8)
    assert settle(fits, too_long) == [fits]
    assert fits.result() == DONE


def test_a_sender_that_does_not_fit_loses_its_right_only_later(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-10: it is not woken by IPC_SET; EACCES comes when there is room."""
    made = make_queue(4)
    fill(made, (1, b"full"))
    sender = needs.without_bypass(new_child()).sleeps_in(send, made, 1, b"x")
    queues.set_parameters(made, 0o400, None)
    assert settle(sender) == []
    assert try_receive(made) == (1, b"full")
    assert sender.result() == "EACCES"
    assert counters(made) == (0, 0)


def test_a_smaller_capacity_drops_nothing(make_queue: MakeQueue) -> None:
    """Q-10: what is there stays; nothing more fits."""
    made = make_queue(10)
    fill(made, (1, b"12345"), (1, b"67890"))
    queues.set_capacity(made, 3)
    assert counters(made) == (2, 10)
    assert try_send(made, 1, b"") == "EAGAIN"
    assert try_receive(made) == (1, b"12345")


# --- the last ones ---


def test_the_last_sender_and_receiver_are_processes(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-11: msg_lspid and msg_lrpid, also where a thread did it."""
    made, child = make_queue(), new_child()
    assert child.does(send, made, 1, b"x") == DONE
    assert (queues.stat(made)["lspid"], queues.stat(made)["lrpid"]) == (child.pid, 0)
    [(thread, answer)] = child.does(in_threads, (receive, made))
    assert answer == (1, b"x")
    assert queues.stat(made)["lrpid"] == child.pid != thread
    [(_, answer)] = child.does(in_threads, (send, made, 1, b"x"))
    assert answer == DONE
    assert queues.stat(made)["lspid"] == child.pid


def test_on_a_direct_hand_off_the_last_receiver_is_a_thread(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-11: its thread id, set by the sender."""
    made, child = make_queue(), new_child()
    child.watch(receive, made)
    child.start(in_threads, (receive, made))
    until(child.asleep, "a thread asleep in msgrcv")
    fill(made, (1, b"x"))
    stat = queues.stat(made)
    [(thread, answer)] = child.result()
    assert answer == (1, b"x")
    assert (stat["lspid"], stat["lrpid"]) == (os.getpid(), thread)
    assert thread != child.pid


# --- signals ---


def test_a_caught_signal_interrupts_even_with_restart(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-12: EINTR in both calls, in spite of SA_RESTART."""
    made, sender, receiver = make_queue(4), new_child(), new_child()
    fill(made, (1, b"full"))
    assert sender.does(catch, signal.SIGUSR1) == receiver.does(catch, signal.SIGUSR1) == DONE
    sender.sleeps_in(send, made, 1, b"x")
    receiver.sleeps_in(receive, made, 64, 2)
    for child in (sender, receiver):
        child.signal(signal.SIGUSR1)
        assert child.result() == "EINTR"


def test_stopping_and_continuing_costs_a_receiver_its_place_only(
    make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-12: the call starts again by itself, behind those who came later."""
    made = make_queue()
    older, younger = (new_child().sleeps_in(receive, made) for _ in range(2))
    older.stop()
    older.resume()
    assert settle(older) == []
    fill(made, (1, b"x"))
    assert younger.result() == (1, b"x")
    assert older.asleep()
    fill(made, (1, b"y"))
    assert older.result() == (1, b"y")


def test_a_stopped_receiver_is_not_handed_anything(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-12: while it is stopped it is not in the queue at all, so the message waits there."""
    made = make_queue()
    receiver = new_child().sleeps_in(receive, made)
    receiver.stop()
    fill(made, (1, b"x"))
    assert counters(made) == (1, 1)
    receiver.resume()
    assert receiver.result() == (1, b"x")


def test_stopping_and_continuing_does_not_end_a_send(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-12: a sender goes on to wait too."""
    made = make_queue(4)
    fill(made, (1, b"full"))
    sender = new_child().sleeps_in(send, made, 2, b"x")
    sender.stop()
    sender.resume()
    assert settle(sender) == []
    assert try_receive(made) == (1, b"full")
    assert sender.result() == DONE


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_freezing_costs_a_receiver_its_place_only(
    version: str, make_queue: MakeQueue, new_child: NewChild
) -> None:
    """Q-12: a control group that freezes and thaws."""
    made, older = make_queue(), new_child()
    with needs.freezer(version, older) as freezer:
        older.sleeps_in(receive, made)
        younger = new_child().sleeps_in(receive, made)
        freezer.freeze()
        freezer.thaw()
        assert settle(older) == []
        fill(made, (1, b"x"))
        assert younger.result() == (1, b"x")
        assert older.asleep()


def test_a_tracer_that_attaches_goes_unnoticed(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-12: but for the place in the queue."""
    made = make_queue()
    older, younger = (new_child().sleeps_in(receive, made) for _ in range(2))
    with needs.traced(older):
        pass
    assert settle(older) == []
    fill(made, (1, b"x"))
    assert younger.result() == (1, b"x")
    assert older.asleep()


# --- limits ---


def test_a_capacity_above_the_limit_needs_a_capability(make_queue: MakeQueue, new_child: NewChild) -> None:
    """Q-13: EPERM without CAP_SYS_RESOURCE, also for uid 0; up to MSGMNB the owner may."""
    made, child, [most] = make_queue(), new_child(), limit("msgmnb")
    child.does(capabilities.drop, capabilities.CAP_SYS_RESOURCE)
    assert child.does(queues.set_capacity, made, most + 1) == "EPERM"
    assert child.does(queues.set_capacity, made, 1) is None
    assert child.does(queues.set_capacity, made, most) is None


def test_a_capacity_above_the_limit_with_the_capability(make_queue: MakeQueue) -> None:
    """Q-13: with CAP_SYS_RESOURCE any capacity is allowed."""
    made, [most] = make_queue(), limit("msgmnb")
    if attempt(queues.set_capacity, made, most + 1) == "EPERM":
        pytest.skip("CAP_SYS_RESOURCE is missing here, or is a user namespace's only")
    assert queues.stat(made)["qbytes"] == most + 1


def test_a_capacity_is_cut_to_an_int(make_queue: MakeQueue) -> None:
    """Q-13: 2^32 becomes 0, which needs no capability."""
    made = make_queue()
    queues.set_capacity(made, 2**32)
    assert queues.stat(made)["qbytes"] == 0


def test_a_new_queue_is_empty(make_queue: MakeQueue) -> None:
    """Q-14: counters, times and pids are 0; the capacity is MSGMNB."""
    stat = queues.stat(make_queue())
    zeros = ("qnum", "cbytes", "lspid", "lrpid", "stime", "rtime")
    assert [stat[name] for name in zeros] == [0] * len(zeros)
    assert [stat["qbytes"]] == limit("msgmnb")
    assert abs(stat["ctime"] - time.time()) < 60


def test_no_more_queues_than_the_limit(new_child: NewChild) -> None:
    """Q-14: MSGMNI, then ENOSPC; MSGMNB is the namespace's."""
    child = needs.in_namespace(new_child(), msgmni="2", msgmnb="77")
    made = [child.does(queues.create, keys.IPC_PRIVATE, 0o600) for _ in range(3)]
    assert made[2] == "ENOSPC"
    assert child.does(queues.stat, made[0])["qbytes"] == 77
    assert child.does(queues.remove, made[0]) is None
    assert isinstance(child.does(queues.create, keys.IPC_PRIVATE, 0o600), int)
