from __future__ import annotations

from ipcsim.analysis.may import (
    ANY_TYPE,
    EXCLUDE,
    FALL,
    PLAIN,
    RECEIVE,
    REMOVE,
    RISE,
    SEND,
    VARIES,
    Ability,
    MayAnalysis,
)
from ipcsim.program.expressions import Binary, BoolOp, Const, Local
from ipcsim.program.instructions import Assign, Branch

from .programs import (
    LEFT,
    at,
    exit_,
    family,
    forks,
    jump,
    op,
    p,
    philosophers,
    program,
    queue,
    receive,
    remove,
    semaphores,
    semop,
    send,
    set_value,
    v,
)


def abilities(prog, process=0, pc=0):
    return set(MayAnalysis(prog).effects(process, pc).abilities)


def test_only_what_is_still_ahead_counts():
    prog = program(family("x", p(0), v(1), v(0)), sets=[semaphores(1, 0)])
    assert abilities(prog, pc=0) == {Ability(FALL, 0, 0, 1), Ability(RISE, 0, 1, 1), Ability(RISE, 0, 0, 1)}
    assert abilities(prog, pc=2) == {Ability(RISE, 0, 0, 1)}
    assert abilities(prog, pc=3) == set()
    assert abilities(prog, pc=77) == set()


def test_constant_index_is_exactly_one_semaphore():
    prog = philosophers(5)
    assert abilities(prog, 2, 4) >= {Ability(RISE, 0, 2, 1), Ability(RISE, 0, 3, 1)}
    assert Ability(RISE, 0, 4, 1) not in abilities(prog, 2, 4)


def test_index_that_varies_means_any_of_the_array():
    code = (Assign(at=at(1), text="", slot=1, value=Const(3)), semop(op(0, -1, LEFT, 5)))
    assert abilities(program(family("x", *code), sets=[forks(5)])) == {Ability(FALL, 0, 0, 5)}


def test_delta_that_varies_means_both_directions():
    code = (Assign(at=at(1), text="", slot=1, value=Const(3)), semop(op(0, LEFT)))
    assert abilities(program(family("x", *code), sets=[semaphores(1)])) == {
        Ability(FALL, 0, 0, 1),
        Ability(RISE, 0, 0, 1),
    }


def test_messages_and_removal():
    code = (
        Assign(at=at(1), text="", slot=1, value=Const(3)),
        send(0, 7),
        send(0, LEFT),
        receive(0, -2),
        receive(0, 4, exclude=True),
        receive(0, LEFT),
        remove(),
    )
    assert abilities(program(family("x", *code), sets=[semaphores(1)], queues=[queue()])) == {
        Ability(SEND, 0, 7, 0),
        Ability(SEND, 0, ANY_TYPE, 0),
        Ability(RECEIVE, 0, -2, PLAIN),
        Ability(RECEIVE, 0, 4, EXCLUDE),
        Ability(RECEIVE, 0, 0, VARIES),
        Ability(REMOVE, 0, 0, 0),
    }


def test_setting_a_value_may_raise_or_lower():
    prog = program(family("x", set_value(0, 2)), sets=[semaphores(1)])
    assert abilities(prog) == {Ability(RISE, 0, 0, 1), Ability(FALL, 0, 0, 1)}
    assert abilities(program(family("x", set_value(0, 0)), sets=[semaphores(1)])) == {Ability(FALL, 0, 0, 1)}


def test_undo_is_given_back_where_the_process_may_end():
    prog = program(family("x", p(0, undo=True), p(1)), sets=[semaphores(1, 0)])
    assert Ability(RISE, 0, 0, 1) in abilities(prog, pc=1)
    forever = program(family("x", p(0, undo=True), p(1), jump(1)), sets=[semaphores(1, 0)])
    assert Ability(RISE, 0, 0, 1) not in abilities(forever, pc=1)
    may_fail = program(family("x", p(0, undo=True), p(1, nowait=True), jump(1)), sets=[semaphores(1, 0)])
    assert Ability(RISE, 0, 0, 1) in abilities(may_fail, pc=1)


def test_error_handlers_are_paths():
    code = (p(0, nowait=True, handlers=(("EAGAIN", 3),)), jump(0), exit_(), v(1))
    assert Ability(RISE, 0, 1, 1) in abilities(program(family("x", *code), sets=[semaphores(1, 0)]))


def test_a_branch_on_a_constant_is_taken_one_way():
    first = Branch(at=at(1), text="", condition=Binary("==", Local(0, "me"), Const(0)), otherwise=2)
    prog = program(family("x", first, v(0), p(1), count=2), sets=[semaphores(0, 0)])
    assert Ability(RISE, 0, 0, 1) in abilities(prog, 0)
    assert Ability(RISE, 0, 0, 1) not in abilities(prog, 1)
    assert Ability(FALL, 0, 1, 1) in abilities(prog, 1)


def test_a_branch_is_decided_by_a_part_of_its_condition():
    """Whoever is not 0 never gives, whatever `left` is by then."""
    condition = BoolOp(
        "and", (Binary("==", Local(0, "me"), Const(0)), Binary(">", Local(1, "left"), Const(3)))
    )
    count = Assign(at=at(1), text="", slot=1, value=Binary("+", Local(1, "left"), Const(1)))
    first = Branch(at=at(1), text="", condition=condition, otherwise=3)
    prog = program(family("x", count, first, v(0), p(1), jump(0), count=2), sets=[semaphores(0, 0)])
    assert Ability(RISE, 0, 0, 1) in abilities(prog, 0)
    assert Ability(RISE, 0, 0, 1) not in abilities(prog, 1)
