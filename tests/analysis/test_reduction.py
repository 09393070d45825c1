"""The reduction against two oracles: a fixpoint by brute force, and every continuation of a small model."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ipcsim.analysis.graph import analyse
from ipcsim.analysis.may import ANY_TYPE, EXCLUDE, FALL, RECEIVE, RISE, SEND, VARIES, MayAnalysis
from ipcsim.analysis.needs import NeedSort, needs_of
from ipcsim.facts.selectors import takes, within
from ipcsim.program.instructions import Semop
from ipcsim.snapshot import QueueState, ReceiveWait, SendWait, Status
from ipcsim.verdict import Kind

from .programs import (
    blocked,
    choose,
    ended,
    exit_,
    family,
    jump,
    on,
    program,
    queue,
    receive,
    running,
    semaphores,
    semop,
    send,
    snapshot,
)

SEMAPHORES = 3
operations = st.lists(
    st.tuples(st.integers(0, SEMAPHORES - 1), st.sampled_from([-2, -1, -1, 0, 1, 1, 2])),
    min_size=1,
    max_size=3,
)
types = st.integers(1, 3)
selectors = st.tuples(st.integers(-3, 3), st.booleans())
steps = st.one_of(
    operations.map(lambda o: semop(*o)),
    types.map(lambda t: send(0, t)),
    selectors.map(lambda s: receive(0, s[0], exclude=s[1])),
)
codes = st.lists(steps, min_size=1, max_size=4)


@st.composite
def instants(draw):
    """A program of several processes and a snapshot of it, whether or not it could come about."""
    families = [
        family(f"p{i}", *code) for i, code in enumerate(draw(st.lists(codes, min_size=1, max_size=5)))
    ]
    prog = program(*families, sets=[semaphores(1, 1, 0)], queues=[queue()])
    held = draw(st.lists(types, max_size=3))
    known = draw(st.booleans())
    states = []
    for i, f in enumerate(families):
        pc = draw(st.integers(0, len(f.code) - 1))
        instruction = f.code[pc]
        kind = draw(st.sampled_from(["run", "block", "block", "block", "end"]))
        if kind == "end" or isinstance(instruction, type(exit_())):
            states.append(ended(i, pc))
        elif kind == "run":
            states.append(running(i, pc))
        else:
            states.append(blocked(i, pc, wait_of(instruction), timed=draw(st.integers(0, 9)) == 0))
    values = tuple(draw(st.lists(st.integers(0, 2), min_size=3, max_size=3)))
    state = QueueState(len(held), 4 * len(held), 12, tuple(held) if known else None)
    return prog, snapshot(*states, values=[values], queues=[state])


def wait_of(instruction):
    if isinstance(instruction, Semop):
        return on(*((o.base, o.delta.value) for o in instruction.operations))
    if isinstance(instruction, type(send(0))):
        return SendWait(0, instruction.type.value, 4)
    return ReceiveWait(0, instruction.type.value, instruction.exclude)


def helps(ability, need, snap, sendable):
    """Whether one ability may satisfy one need, spelled out."""
    sem = range(ability.first, ability.first + ability.extent)
    if ability.act == RISE and ability.object == need.object and need.sort in ("rise", "fall", "array"):
        if need.sort == NeedSort.RISE and need.detail in sem:
            return True
        return any(n in sem for n in need.overflow)
    if ability.act == FALL and need.sort == NeedSort.FALL:
        return need.detail in sem
    if ability.act == SEND and need.sort == NeedSort.MESSAGE:
        return ability.first == ANY_TYPE or takes(need.detail, need.exclude, ability.first)
    if ability.act == RECEIVE and need.sort == NeedSort.ROOM:
        there = snap.queues[0].types
        if there is None or ability.extent == VARIES:
            return True
        exclude = ability.extent == EXCLUDE and ability.first > 0
        return any(takes(ability.first, exclude, t) for t in (*there, *sendable))
    return False


def by_force(prog, snap, may):
    needs = {s.process: needs_of(prog, snap, s) for s in snap.processes if s.status is Status.BLOCKED}
    live = {s.process for s in snap.processes if s.status is Status.RUNNING}
    live |= {p for p, n in needs.items() if not n}
    while True:
        able = [a for p in live for a in may.effects(p, snap.processes[p].pc).abilities]
        sendable = [a.first for a in able if a.act == SEND]
        more = {
            p for p, ns in needs.items() if all(any(helps(a, n, snap, sendable) for a in able) for n in ns)
        }
        if more <= live:
            return tuple(sorted(set(needs) - live))
        live |= more


@given(instants())
@settings(max_examples=400, deadline=None)
def test_the_same_as_a_fixpoint_by_brute_force(instant):
    prog, snap = instant
    report = analyse(prog, snap, MayAnalysis(prog))
    assert report.deadlocked == by_force(prog, snap, MayAnalysis(prog))
    findings = report.findings()
    names = {prog.processes[p].name for p in report.deadlocked}
    assert {n for f in findings for n in f.processes} == names
    causes = [f for f in findings if f.kind is not Kind.WAITS_BEHIND]
    assert bool(causes) is bool(names)
    assert sum(len(f.processes) for f in findings) == len(names)  # each in exactly one
    for f in findings:
        assert f.message[0].isalpha()
        assert f.message.endswith(".")
        assert f.cycle == () or f.cycle[0] == f.cycle[-1]


# --- every continuation of a small model: semops only ---


def attempt(values, pairs):
    now = list(values)
    for number, delta in pairs:
        if (delta == 0 and now[number]) or now[number] + delta < 0:
            return None
        now[number] += delta
    return tuple(now)


def moves(prog, values, pcs):
    """(process, values, pc) of every step that can be taken."""
    for process, pc in enumerate(pcs):
        instruction = prog.code(process)[pc]
        if isinstance(instruction, Semop):
            after = attempt(values, [(o.base, o.delta.value) for o in instruction.operations])
            if after is not None and max(after) < 6:
                yield process, after, pc + 1
        elif hasattr(instruction, "targets"):
            for target in instruction.targets:
                yield process, values, target
        elif hasattr(instruction, "target"):
            yield process, values, instruction.target


def picture(prog, values, pcs):
    states = []
    for process, pc in enumerate(pcs):
        instruction = prog.code(process)[pc]
        if isinstance(instruction, type(exit_())):
            states.append(ended(process, pc))
        elif isinstance(instruction, Semop):
            wait = wait_of(instruction)
            asleep = attempt(values, wait.operations) is None
            states.append(blocked(process, pc, wait) if asleep else running(process, pc))
        else:
            states.append(running(process, pc))
    return snapshot(*states, values=[values])


@st.composite
def models(draw):
    families = []
    for i in range(draw(st.integers(2, 3))):
        code = [semop(*o) for o in draw(st.lists(operations, min_size=1, max_size=3))]
        end = draw(st.sampled_from(["exit", "loop", "choice"]))
        code += {"exit": [], "loop": [jump(0)], "choice": [choose(0, len(code) + 1)]}[end]
        families.append(family(f"p{i}", *code))
    return program(*families, sets=[semaphores(*draw(st.lists(st.integers(0, 2), min_size=3, max_size=3)))])


@given(models())
@settings(max_examples=150, deadline=None)
def test_the_deadlocked_never_move_again_and_a_standstill_is_reported(prog):
    may = MayAnalysis(prog)
    start = (prog.sets[0].initial, (0,) * len(prog.families))
    seen, pending, after = {start}, [start], {}
    while pending and len(seen) < 600:
        values, pcs = state = pending.pop()
        after[state] = []
        for process, now, pc in moves(prog, values, pcs):
            following = (now, (*pcs[:process], pc, *pcs[process + 1 :]))
            after[state].append((process, following))
            if following not in seen:
                seen.add(following)
                pending.append(following)
    dead = {s: set(analyse(prog, picture(prog, *s), may).deadlocked) for s in after}
    for state, following in after.items():
        assert not dead[state] & {p for p, _ in following}
        for _, other in following:
            assert dead[state] <= dead.get(other, dead[state])  # and they stay deadlocked
        now = picture(prog, *state).processes
        if not any(s.status is Status.RUNNING for s in now):
            assert dead[state] == {s.process for s in now if s.status is Status.BLOCKED}


@settings(deadline=None)
@given(st.integers(-4, 4), st.booleans(), st.integers(-4, 4), st.booleans())
def test_within_means_every_message(inner, inner_exclude, outer, outer_exclude):
    messages = range(1, 12)
    contained = all(takes(outer, outer_exclude, t) for t in messages if takes(inner, inner_exclude, t))
    assert within(inner, inner_exclude, outer, outer_exclude) is contained
