from __future__ import annotations

from dataclasses import replace

import pytest

from ipcsim.analysis.clocks import Clocks
from ipcsim.analysis.races import RaceDetector
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import (
    GetValue,
    Lifecycle,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    SemaphoreQuestion,
    Signal,
)
from ipcsim.verdict import Kind, Verdict

from .events import Story
from .programs import (
    at,
    crash,
    family,
    jump,
    load,
    p,
    program,
    queue,
    receive,
    segment,
    semaphores,
    semop,
    send,
    set_value,
    store,
    v,
    z,
)


def races(prog, story):
    detector = RaceDetector(prog)
    for event in story.events:
        detector.feed(event)
    return detector.findings()


def shared(*families, fields=("balance",), sets=(1, 0), **segment_options):
    return program(
        *families, sets=[semaphores(*sets)], queues=[queue()], segments=[segment(*fields, **segment_options)]
    )


UPDATE = family("client", load(line=3), store(line=4), count=2)
LOCKED = family("client", p(0), load(), store(), v(0), jump(0), count=2)


def test_a_lost_update():
    prog = shared(UPDATE)
    found = races(prog, Story().step(0, 0).step(1, 0).step(0, 1).step(1, 1))
    assert {f.kind for f in found} == {Kind.RACE}
    assert {f.verdict for f in found} == {Verdict.RACE}
    (finding,) = found  # one a field
    assert finding.message == (
        "`account.balance` is stored by client[0] (line 4) and stored by client[1] (line 4), "
        "and nothing orders the two: one of the two stores can be lost."
    )
    assert finding.details[0] == ("client[0]", "stores account.balance", "test.yaml:4")
    assert finding.details[2] == (
        "",
        "likewise account.balance, stored at line 4 and loaded at test.yaml:3",
        "",
    )


def test_a_load_that_may_come_too_early():
    prog = shared(family("x", store(line=4)), family("y", load(line=9)))
    (finding,) = races(prog, Story().step(1, 0).step(0, 0))
    assert finding.message == (
        "`account.balance` is stored by x (line 4) and loaded by y (line 9), "
        "and nothing orders the two: the load may see it or not."
    )


def test_a_race_shows_even_where_the_values_came_out_right():
    assert races(shared(UPDATE), Story().step(0, 0, 1).step(1, 0, 1))


def test_a_lock_orders():
    story = Story()
    for i in (0, 1, 0, 1):
        story.call(i, 0).step(i, 1, 2).call(i, 3)
    assert races(shared(LOCKED), story) == ()


def test_only_before_and_after_are_known_of_a_call():
    # the P returns before the V's END is written: the effect lies somewhere in between
    story = Story().call(0, 0).step(0, 1, 2).begin(1, 0).begin(0, 3).end(1, 0).step(1, 1, 2).end(0, 3)
    assert races(shared(LOCKED), story) == ()


def test_another_semaphore_does_not_order():
    other = family("other", p(1), load(), store(), v(1))
    prog = shared(LOCKED, other, sets=(1, 1))
    assert races(prog, Story().call(0, 0).step(0, 1, 2).call(0, 3).call(2, 0).step(2, 1, 2))


def test_a_failed_p_orders_nothing():
    code = (p(0, nowait=True, handlers=(("EAGAIN", 1),)), load(), store(), v(0))
    prog = shared(family("x", *code, count=2))
    story = Story().call(0, 0).step(0, 1, 2).call(0, 3).begin(1, 0).end(1, 0, errno=11).step(1, 1)
    assert races(prog, story)


def test_messages_order():
    prog = shared(family("x", store(), send(0, 5)), family("y", receive(0, 5), load()))
    assert races(prog, Story().step(0, 0).send(0, 1, 5).receive(1, 0, 5, 5).step(1, 1)) == ()


def test_a_message_of_another_type_does_not():
    prog = shared(family("x", store(), send(0, 5)), family("y", receive(0, 0), load()))
    assert races(prog, Story().step(0, 0).send(0, 1, 5).receive(1, 0, 0, 4).step(1, 1))


def test_a_full_queue_orders_the_receiver_before_the_sender():
    # one message fits; the receiver loads before it makes room, the sender stores after its second send
    prog = program(
        family("x", send(0, 1), store()),
        family("y", load(), receive(0, 0)),
        queues=[queue(bytes=4)],
        segments=[segment("slot")],
    )
    story = Story().send(0, 0, 1).begin(0, 0, 1, 4).step(1, 0).receive(1, 1, 0, 1).end(0, 0).step(0, 1)
    assert races(prog, story) == ()
    roomy = program(*prog.families, queues=[queue(bytes=400)], segments=prog.segments)
    assert races(roomy, story)


def test_a_barrier_orders():
    # each counts down and then waits for zero, before it looks at what the other did
    code = (store(index=Const(0)), p(0), z(0), load(index=Const(0)))
    prog = program(family("x", *code, count=2), sets=[semaphores(2)], segments=[segment("n", count=2)])
    story = Story().step(0, 0, b=0).call(0, 1).begin(0, 2).step(1, 0, b=1).begin(1, 1)
    story.end(0, 2).end(1, 1).call(1, 2).step(0, 3, b=1).step(1, 3, b=0)
    assert races(prog, story) == ()
    early = Story().step(0, 0, b=0).step(1, 0, b=1).step(0, 3, b=1)
    assert races(prog, early)


def test_test_and_set_orders():
    lock, unlock = semop((0, 0), (0, 1)), p(0)
    prog = shared(family("x", lock, load(), store(), unlock, count=2), sets=(0, 0))
    story = Story()
    for i in (0, 1):
        story.call(i, 0).step(i, 1, 2).call(i, 3)
    assert races(prog, story) == ()


def test_undo_orders_the_dead_before_the_next():
    prog = shared(family("x", p(0, undo=True), load(), store(), crash(), count=2))
    story = Story().call(0, 0).step(0, 1, 2).begin(1, 0).end(1, 0).died(0, -9).step(1, 1, 2)
    assert races(prog, story) == ()


def test_setting_and_asking_for_a_value_order():
    ask = GetValue(at=at(1), text="", set=0, question=SemaphoreQuestion.VALUE, into=1)
    prog = shared(family("x", store(), set_value(0, 3)), family("y", ask, load()), family("z", p(0), load()))
    assert races(prog, Story().step(0, 0).call(0, 1).call(1, 0).step(1, 1).call(2, 0).step(2, 1)) == ()


def test_atomic_fields_are_no_race_and_order():
    flag = segment("flag", "data")
    struct = flag.struct
    fields = (replace(struct.fields[0], atomic=True), struct.fields[1])
    made = replace(flag, struct=replace(struct, fields=fields))
    prog = program(family("x", store(1), store(0)), family("y", load(0), load(1)), segments=[made])
    assert races(prog, Story().step(0, 0).step(0, 1).step(1, 0).step(1, 1)) == ()
    # the record of the store may come late: the load has seen it all the same
    assert races(prog, Story().step(0, 0).step(1, 0).step(0, 1).step(1, 1)) == ()
    # but nothing is ordered before the other even got near its store
    assert races(prog, Story().step(1, 0).step(1, 1).step(0, 0))


def test_elements_of_an_array_are_apart():
    prog = shared(family("x", store(index=Const(0)), count=2), fields=("slot",), count=4)
    assert races(prog, Story().step(0, 0, b=1).step(1, 0, b=2)) == ()
    (finding,) = races(prog, Story().step(0, 0, b=3).step(1, 0, b=3))
    assert finding.objects == ("account.slot[3]",)


@pytest.mark.parametrize(
    "families",
    [
        (family("x", load(), count=5),),
        (family("x", load(), store()),),
        (family("x", p(0), v(0), count=5),),
    ],
)
def test_nothing_to_watch(families):
    assert not RaceDetector(shared(*families)).needed


def test_loads_alone_never_race():
    prog = shared(UPDATE)
    assert races(prog, Story().step(0, 0).step(1, 0)) == ()


def test_a_send_that_fails_passes_nothing_on():
    prog = shared(
        family("x", store(), send(0, 5, nowait=True, handlers=(("EAGAIN", 2),))),
        family("y", receive(0, 5), load()),
    )
    # the message that y gets is another one: that of x did not fit
    story = Story().step(0, 0).begin(0, 1, 5, 4).end(0, 1, errno=11).receive(1, 0, 5, 5).step(1, 1)
    assert races(prog, story)
    # as long as the call goes on, nobody knows
    overlapping = Story().step(0, 0).begin(0, 1, 5, 4).receive(1, 0, 5, 5).step(1, 1).end(0, 1, errno=11)
    assert races(prog, overlapping) == ()


def test_esrch_orders_and_a_signal_does_not():
    kill = Signal(at=at(1), text="", family=0, index=None, signal="SIGCONT", handlers=(("ESRCH", 1),))
    prog = shared(family("x", store()), family("y", kill, load()))
    gone = Story().step(0, 0).died(0).begin(1, 0, 0).end(1, 0, errno=3).step(1, 1)
    assert races(prog, gone) == ()
    there = Story().step(0, 0).begin(1, 0, 0).end(1, 0).step(1, 1)
    assert races(prog, there)


def test_continuing_orders_however_it_overlaps_with_stopping():
    def signal(name):
        return Signal(at=at(1), text="", family=0, index=None, signal=name)

    prog = shared(family("x", signal("SIGSTOP"), load()), family("y", store(), signal("SIGCONT")))
    first = Story().begin(0, 0, 0).step(1, 0).begin(1, 1, 0).end(0, 0).step(0, 1).end(1, 1)
    assert races(prog, first) == ()
    second = Story().step(1, 0).begin(1, 1, 0).begin(0, 0, 0).end(1, 1).end(0, 0).step(0, 1)
    assert races(prog, second) == ()


def test_what_stat_says_orders_nothing():
    stat = ObjectCall(
        at=at(1), text="", action=Lifecycle.STAT, object=ObjectRef(ObjectKind.QUEUE, 0), field="qnum", into=1
    )
    prog = shared(family("x", store(), send(0, 5)), family("y", stat, load()))
    assert races(prog, Story().step(0, 0).send(0, 1, 5).call(1, 0).step(1, 1))


def test_many_clocks_over_one_thing():
    clocks = Clocks(4)
    clocks.offer(0, "it")
    clocks.offer(1, "it")
    clocks.settle(0, "it", False)
    clocks.acquire(2, "it")
    assert clocks.of[2] == {1: 1, 2: 1}
    clocks.settle(1, "it", True)
    clocks.release(3, "it")
    clocks.acquire(0, "it")
    assert clocks.of[0] == {0: 1, 1: 1, 3: 1}
