"""What one process is between two steps: its place, and the variables that still matter.

Two processes that will do the same from here on should be in the same local state. So variables that
never change are not in it, and of the others only those that some later step reads (liveness: A. Aho,
M. Lam, R. Sethi, J. Ullman, "Compilers", 9.2.5). A hidden loop counter that has run out is then equal to
one that never ran.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple

from ipcsim.errors import EvaluationError
from ipcsim.program import Family, Program
from ipcsim.program.constants import constant_locals, expressions_of, written_slots
from ipcsim.program.expressions import (
    Const,
    Evaluator,
    Expr,
    Locals,
    bounded,
    compile_expression,
    fold,
    generator_slots,
    slots_of,
)
from ipcsim.program.flow import Branches, Flow, ahead
from ipcsim.program.instructions import (
    Assign,
    Branch,
    Instruction,
    Jump,
    Pause,
    Repeat,
)

MOST_SILENT = 5_000_000  # silent instructions in a row that the model follows


class Mode(IntEnum):
    """The life of a process: (UNBORN →) READY ⇄ ASLEEP → (ENDING →) ENDED, FAILED or DEAD."""

    READY = 0  # about to do the instruction at its pc
    ASLEEP = 1  # inside the call at its pc, in the kernel's queue
    STOPPED = 2  # by SIGSTOP while ready
    STOPPED_ASLEEP = 3  # by SIGSTOP while asleep: no longer in the queue (S-23)
    UNBORN = 4  # nobody has spawned it yet
    ENDED = 5  # by itself
    FAILED = 6  # by an errno that nothing handles, an assertion, an expression without a value
    DEAD = 7  # by a signal
    STOPPED_CAUGHT = 8  # like STOPPED_ASLEEP, and a signal has come that it catches
    ENDING = 9  # it takes no more steps of its code, and what it holds goes back one thing after another


LIVING = frozenset(
    (Mode.READY, Mode.ASLEEP, Mode.STOPPED, Mode.STOPPED_ASLEEP, Mode.STOPPED_CAUGHT, Mode.ENDING)
)
GONE = frozenset((Mode.ENDED, Mode.FAILED, Mode.DEAD))


class Coming(IntEnum):
    """What has been sent to a process that may be inside a kernel call, and has not reached it.

    A sleeper is in its queue until it has taken itself off, and a waker may still complete its call (S-30,
    Q-15). One that is about to call may have entered the kernel already: then the call is still done.
    """

    SIGNAL = 0  # one that it catches: EINTR
    RESTART = 1  # it was stopped and continued: a msgsnd or msgrcv begins again by itself
    STOP = 2
    STOP_CAUGHT = 3  # SIGSTOP, and a signal that it catches
    KILL = 4


class Local(NamedTuple):
    """One process's part of a state.

    `values` belong to the family's `varying` slots (None where no later step reads it); `phase` is kept
    only where a property asks for it; `handles` only where objects come and go (see `living`). `coming` is
    on its way to it; `due` the errno with which a stopped process will find its call ended, and that
    nothing handles; `fate` the mode of one that is ENDING when it is over; `reaped`: kill(2) no longer
    finds it (S-29).
    """

    pc: int
    mode: Mode
    values: tuple[Any, ...] = ()
    phase: str | None = None
    handles: Any = None
    coming: Coming | None = None
    due: str | None = None
    fate: Mode | None = None
    reaped: bool = False


class Text:
    """A family's code, and what is known of it without running it."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.code = family.code
        bound = frozenset(s for i in self.code for e in expressions_of(i) for s in generator_slots(e))
        written = frozenset(s for i in self.code for s in written_slots(i))
        # a generator's variable is 0 again after each evaluation
        self.varying = tuple(sorted(written - bound))

    @cached_property
    def flow(self) -> Flow:
        """Where each instruction leads in some process of the family."""
        return Flow(self.code)

    @cached_property
    def branches(self) -> Branches:
        return Branches(self.family)

    @cached_property
    def live(self) -> list[frozenset[int]]:
        """For each pc, the varying variables that some step from there on may read before it writes them."""
        reads = [_mask(self._reads(i)) for i in self.code]
        writes = [_mask(self._writes(i)) for i in self.code]
        found = ahead(self.flow, reads, writes)
        slots = {mask: frozenset(s for s in self.varying if mask >> s & 1) for mask in set(found)}
        return [slots[mask] for mask in found]

    def _reads(self, instruction: Instruction) -> frozenset[int]:
        slots = {s for e in expressions_of(instruction) for s in slots_of(e)}
        if isinstance(instruction, Repeat) or (
            isinstance(instruction, Assign) and instruction.index is not None
        ):
            slots.add(instruction.slot)
        return frozenset(slots) & frozenset(self.varying)

    def _writes(self, instruction: Instruction) -> frozenset[int]:
        if isinstance(instruction, Repeat) or (
            isinstance(instruction, Assign) and instruction.index is not None
        ):
            return frozenset()
        return written_slots(instruction)


def _mask(slots: frozenset[int]) -> int:
    return sum(1 << slot for slot in slots)


class ModelProcess:
    """One process: its family's text with its own constants filled in.

    Expressions are compiled once; `env` makes the list of variables that they are evaluated on.
    """

    def __init__(self, program: Program, number: int, text: Text) -> None:
        process = program.processes[number]
        self.number = number
        self.name = process.name
        self.text = text
        self.code = text.code
        self.family = process.family
        self.initial = text.family.initial[process.instance]
        self._known = constant_locals(text.family, process.instance)
        self._compiled: dict[int, Evaluator] = {}  # by the expression's identity; the Program keeps it alive

    @cached_property
    def flow(self) -> Flow:
        """Where each instruction leads in this process."""
        return self.text.flow.decided(self.text.branches.decided(self.initial))

    def rounds(self, pc: int) -> int | None:
        """How often the instruction at `pc` can be done at most; None where no bound is known."""
        total = 1
        for source, target, counter in self._loops:
            if target <= pc <= source:
                if counter is None:
                    return None
                total *= max(1, self._count(counter))
        return total

    @cached_property
    def endless(self) -> bool:
        """Whether the process may go on for ever: some way back is not that of a counted loop."""
        return any(counter is None for _, _, counter in self._loops)

    @cached_property
    def _loops(self) -> list[tuple[int, int, int | None]]:
        """Each way back in the code: (from, to, the slot that counts the rounds); None where nothing does."""
        return [
            (source, target, i.slot if isinstance(i, Repeat) and target == i.target else None)
            for source, (i, targets) in enumerate(zip(self.code, self.flow.next, strict=True))
            for target in targets
            if target <= source
        ]

    def _count(self, slot: int) -> int:
        """The most rounds of a counted loop whose counter is `slot`."""
        values = [self.fold(i.value) for i in self.code if isinstance(i, Assign) and i.slot == slot]
        known = [v.value for v in values if isinstance(v, Const) and isinstance(v.value, int)]
        return max(known) if len(known) == len(values) and known else 2**63

    def fold(self, expr: Expr) -> Expr:
        """`expr` with what never changes in this process filled in."""
        return fold(expr, self._known)

    def evaluate(self, expr: Expr, env: Locals) -> Any:
        """The value of an expression of the code. Raises `EvaluationError`."""
        found = self._compiled.get(id(expr))
        if found is None:
            found = self._compiled[id(expr)] = compile_expression(self.fold(expr))
        return found(env)

    def env(self, local: Local) -> Locals:
        """The variables in this local state; those that no longer matter have their first value."""
        env = list(self.initial)
        for slot, value in zip(self.text.varying, local.values, strict=False):
            if value is not None:
                env[slot] = value
        return env

    def at(self, pc: int, env: Locals, phase: str | None, handles: Any) -> Local:
        """The local state of being about to do the instruction at `pc`."""
        live = self.text.live[pc]
        values = tuple([env[s] if s in live else None for s in self.text.varying])
        return Local(pc, Mode.READY, values, phase, handles)

    def run_silently(self, pc: int, env: Locals) -> int:
        """Do the silent instructions from `pc` on; the pc of the next visible one.

        Raises `Stuck` (with the pc) where an expression has no value or the end never comes: where it is in
        the same place with the same variables again (R. Brent, BIT 20, 1980: compared with what they were
        after 1, 2, 4, 8, … steps). Raises `Unsupported` where it would take too long to find out.
        """
        code = self.code
        mark, before, power = pc, list(env), 1
        for step in range(MOST_SILENT):
            instruction = code[pc]
            if instruction.visible:
                return pc
            try:
                pc = self._silent(instruction, pc, env)
            except EvaluationError as error:
                raise Stuck(pc, str(error)) from None
            if pc == mark and env == before:
                raise Stuck(pc, "it goes round for ever in steps that nobody else can see", endless=True)
            if step + 1 == power:
                mark, before, power = pc, list(env), 2 * power
        raise Unsupported(
            f"{self.name} does more than {MOST_SILENT:,} steps in a row that nobody else can see "
            f"({code[pc].at}), and the model follows no more"
        )

    def _silent(self, instruction: Instruction, pc: int, env: Locals) -> int:
        match instruction:
            case Assign(slot=slot, value=value, index=None):
                result = self.evaluate(value, env)
                env[slot] = bounded(result) if isinstance(result, int) else result
            case Assign(slot=slot, value=value, index=index):
                assert index is not None
                items, place = list(env[slot]), self.evaluate(index, env)
                if not 0 <= place < len(items):
                    raise EvaluationError(f"index {place} is outside 0 … {len(items) - 1}")
                items[place] = bounded(self.evaluate(value, env))
                env[slot] = tuple(items)
            case Branch(condition=condition, otherwise=otherwise):
                return pc + 1 if self.evaluate(condition, env) else otherwise
            case Jump(target=target):
                return target
            case Repeat(slot=slot, target=target):
                env[slot] -= 1
                return target if env[slot] > 0 else pc + 1
            case Pause():
                pass
            case _:
                raise TypeError(f"not a silent instruction: {type(instruction).__name__}")
        return pc + 1


class Unsupported(Exception):
    """The model has no answer here; the message says what it is that it cannot do."""


class Stuck(Exception):
    """A process cannot go on at `pc`: `problem` says why. `endless`: it never stops trying."""

    def __init__(self, pc: int, problem: str, endless: bool = False) -> None:
        super().__init__(problem)
        self.pc, self.problem, self.endless = pc, problem, endless
