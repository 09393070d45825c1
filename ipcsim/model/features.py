"""What a machine has that some ways of exploring less cannot be used with: one table.

Whoever builds the machine, or a reduction, asks `Machine.off`; docs/verification.md shows the table. What
concerns single processes, semaphores or properties is decided where it is looked at (`invariants`: a set that
somebody sets has no counted units; `symmetry`: a family that asks who it is is not sorted; `rounds`: somebody
still holds something at the end of a round).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, assert_never

from ipcsim.model.living import Living
from ipcsim.model.locals import ModelProcess
from ipcsim.program import Program, PropertyKind
from ipcsim.program.instructions import (
    Assert,
    Assign,
    Branch,
    Choose,
    Crash,
    Exit,
    GetValue,
    Instruction,
    Jump,
    KernelCall,
    Lifecycle,
    Load,
    ObjectCall,
    Pause,
    Phase,
    Receive,
    Repeat,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)


class Saving(StrEnum):
    """A way of exploring less; its value is its name in the documentation."""

    SLEEP = "sleep that is no step"  # a call that has to wait is just not possible
    NEAR = "a look at neighbours only"  # after a step, at those who use what it has changed
    JOINED = "joined steps"  # one that nobody notices is done together with the one before it
    STUBBORN = "stubborn sets"
    SYMMETRY = "symmetry"
    BOTH = "symmetry with stubborn sets"
    UNITS = "counted units"
    ROUNDS = "uncounted rounds"


class Made(NamedTuple):
    """What a machine is made of."""

    program: Program
    kernel: bool  # the order of wake-ups is that of Linux
    crashes: int
    processes: Sequence[ModelProcess]


@dataclass(frozen=True, eq=False)
class Feature:
    """Something that a machine has: in words, how it is written, what it switches `off`, and why."""

    has: str
    written: str
    off: frozenset[Saving]
    why: str
    seen: Callable[[Made], bool]


def switched_off(made: Made) -> frozenset[Saving]:
    """What a machine that is made so cannot be explored with."""
    return frozenset().union(*(f.off for f in FEATURES if f.seen(made)))


def sleep_shows(program: Program) -> bool:
    """Whether anything tells a process asleep in a call from one that is about to make it."""
    return _some(program, _tells_sleep)


def _some(program: Program, wanted: Callable[[Instruction], bool]) -> bool:
    return any(wanted(i) for f in program.families for i in f.code)


def _tells_sleep(instruction: Instruction) -> bool:
    match instruction:
        case GetValue(question=question):
            return question in (SemaphoreQuestion.NCNT, SemaphoreQuestion.ZCNT)
        case ObjectCall(action=action):
            return action in (Lifecycle.REMOVE, Lifecycle.CHANGE)
        case Signal():
            return True
        case Semop() | SetValue() | Send() | Receive() | Spawn() | Load() | Store():
            return False
        case Phase() | Choose() | Assert() | Exit() | Crash():
            return False
        case Assign() | Branch() | Jump() | Repeat() | Pause():
            return False
        case _:
            assert_never(instruction)


def undoes(instruction: Instruction) -> bool:
    return isinstance(instruction, Semop) and any(o.undo for o in instruction.operations)


def _asks_who(instruction: Instruction) -> bool:
    return isinstance(instruction, GetValue) and instruction.question is SemaphoreQuestion.PID


def _more_than_units(instruction: Instruction) -> bool:
    return isinstance(instruction, Load | Store | KernelCall) and not isinstance(instruction, Semop)


# `accesses` says what a step depends on and what it changes: these rest on its being all that matters
_BY_TEXT = frozenset((Saving.NEAR, Saving.JOINED, Saving.STUBBORN))

# Not of the machine, but of what is looked for.
FAIR_LOOPS = Feature(
    "fair loops are looked for",
    "`always_eventually`, `progress: true`",
    frozenset((Saving.STUBBORN, Saving.SYMMETRY)),
    "a loop may need the very steps that are left out",
    lambda _: False,
)
FEATURES = (
    Feature(
        "the order of sleepers counts",
        "`--semaphores kernel`",
        _BY_TEXT | {Saving.SLEEP, Saving.SYMMETRY},
        "who falls asleep first is served first",
        lambda made: made.kernel,
    ),
    Feature(
        "who sleeps shows",
        "`get: ncnt`, `get: zcnt`, `signal`, `remove`, `change`",
        _BY_TEXT | {Saving.SLEEP, Saving.SYMMETRY, Saving.ROUNDS},
        "a sleeper is told from one who has not called yet, and is known by its number",
        lambda made: sleep_shows(made.program),
    ),
    Feature(
        "objects come and go",
        "`create`, `remove`, `attach`, `stat` and the like, `as:`, two names with one key",
        _BY_TEXT | {Saving.SYMMETRY, Saving.UNITS, Saving.ROUNDS},
        "which object a step finds, if any, depends on what others did and on handles of its own",
        lambda made: Living.needed(made.program),
    ),
    Feature(
        "an end gives back",
        "`undo: true`",
        _BY_TEXT | {Saving.SYMMETRY, Saving.UNITS, Saving.ROUNDS},
        "units move without a P or V, and what is owed is noted by process",
        lambda made: _some(made.program, undoes),
    ),
    Feature(
        "anybody may die",
        "`--crashes`",
        _BY_TEXT | {Saving.ROUNDS},
        "a process may end at any place, with what it holds",
        lambda made: made.crashes > 0,
    ),
    Feature(
        "who was last at a semaphore shows",
        "`get: pid`",
        _BY_TEXT | {Saving.SYMMETRY},
        "two steps that take or give are not the same in either order",
        lambda made: _some(made.program, _asks_who),
    ),
    Feature(
        "processes are spawned",
        "`spawned: true`",
        _BY_TEXT,
        "whether a process can step at all is up to another one",
        lambda made: any(f.spawned for f in made.program.families),
    ),
    Feature(
        "more than units is at stake",
        "any call but P, V and Z, any field of a segment",
        frozenset((Saving.ROUNDS,)),
        "what a step sees may be another thing in the next round",
        lambda made: _some(made.program, _more_than_units),
    ),
    Feature(
        "the end is looked at",
        "`at_end`",
        frozenset((Saving.ROUNDS,)),
        "who goes round for ever has none",
        lambda made: any(p.kind is PropertyKind.AT_END for p in made.program.properties),
    ),
    Feature(
        "somebody may go on for ever",
        "`forever`, `while`",
        frozenset((Saving.BOTH, Saving.ROUNDS)),
        "then it matters who never steps, which sorting hides, and what a loop leaves out",
        lambda made: any(p.endless for p in made.processes),
    ),
    FAIR_LOOPS,
)


def markdown() -> list[str]:
    """The table as lines of Markdown, for the documentation."""
    lines = ["| what there is | written | because of it there is no | why |", "|---|---|---|---|"]
    for feature in FEATURES:
        off = ", ".join(s for s in Saving if s in feature.off)
        lines.append(f"| {feature.has} | {feature.written} | {off} | {feature.why} |")
    return lines
