"""The values that properties see in a controlled run against the kernel, where objects come and go."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from ipcsim.analysis.properties import Properties
from ipcsim.kernel.world import Thing, World
from ipcsim.program import Program, Scheduler
from ipcsim.program.instructions import (
    GetValue,
    Instruction,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    SemaphoreQuestion,
)
from ipcsim.runner.supervisor import run
from ipcsim.sysv import semaphores
from ipcsim.trace import Event, EventKind, read_trace
from ipcsim.verdict import Kind, Verdict
from tests.runner.helpers import one, program

SEEDS = range(12)
ERRORS = ("EINVAL", "EEXIST", "ENOENT", "EAGAIN", "ENOMSG", "EIDRM", "ERANGE", "EINTR", "EFBIG")
HANDLED = f"on_error: {{{', '.join(f'{e}: []' for e in ERRORS)}}}"
CALLS = {  # and how likely each is
    "create: s": 4, "create: {object: s, exclusive: true}": 2, "open: s": 4, "remove: s": 2,
    "create: q": 4, "create: {object: q, exclusive: true}": 2, "open: q": 4, "remove: q": 2,
    "create: m": 5, "open: m": 3, "remove: m": 2,
    "V: a": 5, "V: {b: 3}, undo: true": 3, "P: a, nowait: true": 3,
    "P: {b: i + 1}, undo: true, nowait: true": 2,
    "P: a, timeout: 1ms": 4, "Z: a, timeout: 1ms": 1,
    "set_value: {a: 2}": 1, "set_value: {a: i}": 2, "set_value: {'c[i % 2]': 5}": 1,
    "set_value: {all: s, values: [i, 1, i + 2, 3]}": 1, "set_value: {all: s, values: [1, 2, 3, 4]}": 1,
    "send: {queue: q, type: 1, message: {n: i}}": 6, "receive: {queue: q}, nowait: true": 3,
    "receive: {queue: q}, timeout: 1ms": 3,
    "get: {value: a, into: v}": 6, "get: {value: b, into: v}": 6, "get: {value: 'c[i % 2]', into: v}": 3,
    "stat: {object: q, field: qnum, into: v}": 6,
}  # fmt: skip
OWN = {
    "set: {i: (i + 1) % 4}": 3,
    "attach: {object: m, into: where}, on_error: {EINVAL: [set: {up: up - 1}]}}, {set: {up: up + 1}": 6,
    "detach: m, on_error: {EINVAL: [set: {up: up + 1}]}}, {set: {up: up - 1}": 1,
    "detach: {object: m, address: where}, on_error: {EINVAL: [set: {up: up + 1}]}}, {set: {up: up - 1}": 1,
    "if: up > 0, then: [{set: {m.x: i}}, {set: {v: m.x}}]": 5,
    "if: up > 0, then: [{set: {v: m.x}}, {set: {'m.y[i % 2]': i + 7}}, {set: {v: 'm.y[i % 2]'}}]": 5,
}
LENGTH = 30


def scenario(rng: random.Random) -> str:
    """Processes that make, find, use and remove three objects at random; every errno is handled."""
    key = rng.randrange(0x1000_0000, 0x7000_0000)
    every = {f"{{{call}, {HANDLED}}}": n for call, n in CALLS.items()}
    every |= {f"{{{step}}}": n for step, n in OWN.items()}

    def steps(more: tuple[str, ...] = ()) -> str:
        found = rng.choices(list(every), list(every.values()), k=LENGTH)
        for step in more:
            found.insert(rng.randrange(LENGTH), step)
        end = rng.choice(("[]", "[crash: SIGKILL]"))
        return f"steps: [{', '.join(found)}, {{if: 'true', then: {end}}}]"

    own = "locals: {i: 0, v: 0, up: 0, where: 0}"
    return f"""
semaphores: {{s: {{a: 0, b: 0, c: {{count: 2}}, key: {key}}}}}
queues: {{q: {{message: {{n: int}}, key: {key}}}}}
segments: {{m: {{x: int, y: "int[2]", key: {key}}}}}
processes:
  p: {{{own}, {steps(("{spawn: child}", "{phase: over}"))}}}
  q: {{{own}, {steps()}}}
  r: {{{own}, {steps()}}}
  child: {{spawned: true, {own}, {steps()}}}
properties:
  looked at: {{never: "at(p, 'over') and ended(p) and a == 0 and len(q) == 0 and m.x == 0"}}
run: {{livelock: off, starvation: off}}
"""


def compare(made: Program, events: tuple[Event, ...]) -> int:
    """Every answer of the kernel against the book; how many there were."""
    properties = Properties(made, exact=True)
    values, seen = properties.world.values, 0
    for event in events:
        instruction = made.instruction(event.process, event.pc) if event.kind is not EventKind.DIED else None
        if event.kind in (EventKind.END, EventKind.STEP) and instruction is not None:
            seen += _same(values, event, instruction)
        properties.feed(event)
    return seen


def _same(values: World, event: Event, instruction: Instruction) -> bool:
    """Whether the event is an answer that the book knows as well; then the two are the same."""
    match instruction:
        case GetValue(question=SemaphoreQuestion.VALUE, set=set_, base=base, count=count) if not event.errno:
            thing = _handle(values, event, ObjectRef(ObjectKind.SEMAPHORES, set_))
            assert event.a in thing.values[base : base + (count or 1)]
        case ObjectCall(action=Lifecycle.STAT, object=ref) if not event.errno:
            assert _handle(values, event, ref).values == [event.a]
        case ObjectCall(action=Lifecycle.OPEN, object=ref):
            there = values.present[ref]
            assert (there is None) == bool(event.errno)
            assert there is None or there.id in (event.a, None)
        case Load(segment=number, field=field):
            value = values.attachments(event.process, number)[-1][1].values[field]
            assert event.a == (value[event.b] if isinstance(value, tuple) else value)
        case _:
            return False
    return not event.errno


def _handle(values: World, event: Event, ref: ObjectRef) -> Thing:
    thing = values.handle(event.process, ref)
    assert thing is not None
    return thing


def test_what_an_earlier_run_has_left_in_a_persistent_object_counts() -> None:
    text = """
semaphores: {s: {a: 3, key: KEY, persist: true}}
processes: {p: {steps: [V: a, phase: x]}}
properties: {first: {never: "at(p, 'x') and a == 4"}}
run: {scheduler: random, seed: 1}
"""
    key = random.SystemRandom().randrange(0x1000_0000, 0x7000_0000)
    made = program(text.replace("KEY", str(key)))
    try:
        assert run(made).verdict is Verdict.VIOLATION
        assert run(made).verdict is Verdict.OK  # it is 5 then
    finally:
        semaphores.remove(semaphores.create(key, 0, 0))


def test_a_name_of_nothing_is_not_judged_and_if_it_always_was_that_is_an_error() -> None:
    text = """
queues: {q: {message: {n: int}, key: KEY}}
processes: {p: {locals: {x: 0}, steps: [phase: x, {if: x == WHEN, then: [create: q, remove: q]}]}}
properties: {few: {never: len(q) > 3}}
run: {scheduler: random, seed: 1}
""".replace("KEY", str(random.SystemRandom().randrange(0x1000_0000, 0x7000_0000)))
    assert run(program(text.replace("WHEN", "0"))).verdict is Verdict.OK
    outcome = run(program(text.replace("WHEN", "1")))
    assert outcome.verdict is Verdict.ERROR
    assert "(line 4) cannot be judged: there is no queue `q` then" in one(outcome, Kind.EVALUATION).message


def test_the_end_looks_at_the_object_that_was_made_last() -> None:
    """Whoever made it is read before the one that had made and removed the one before."""
    text = """
semaphores: {s: {go: 0}}
queues: {q: {message: {n: int}, key: KEY}}
processes:
  last: {steps: [P: go, create: q, {send: {queue: q, type: 1, message: {n: 1}}}]}
  first: {steps: [create: q, remove: q, V: go]}
properties: {one is left: {at_end: len(q) == 1}}
""".replace("KEY", str(random.SystemRandom().randrange(0x1000_0000, 0x7000_0000)))
    for scheduler in (Scheduler.FREE, Scheduler.FREE, Scheduler.RANDOM):
        made = program(text)
        outcome = run(made, settings=replace(made.settings, scheduler=scheduler))
        assert outcome.verdict is Verdict.LEAK, outcome.findings


@pytest.mark.parametrize("seed", SEEDS)
def test_the_book_says_what_the_kernel_says(seed: int, tmp_path: Path) -> None:
    made = program(scenario(random.Random(seed)))
    outcome = run(
        made, settings=replace(made.settings, scheduler=Scheduler.RANDOM, seed=seed), folder=tmp_path
    )
    assert not [f for f in outcome.findings if f.verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE)]
    assert compare(made, read_trace(Path(outcome.extra["trace"])).events) > 5
