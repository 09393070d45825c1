"""The control-flow graph of a family's code, and what can be said of all ways through it at once.

An instruction leads on in two manners: it has been *done*, or it is a call that has *failed* with an errno
that is handled, and so has done nothing. What must hold, or may be met, on every way is the least fixpoint of
one equation for each pc, over values that can be joined (G. Kildall, "A unified approach to global program
optimization", POPL 1973). `forward` asks what has come before a pc, `backward` what may still come. Both take
up a pc again only where something has changed that it depends on, in the order of the code, so that only
loops need another round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property, reduce
from heapq import heappop, heappush
from operator import or_
from typing import Any, TypeVar, assert_never

from ipcsim.errors import EvaluationError
from ipcsim.program.constants import constant_locals
from ipcsim.program.expressions import (
    BoolOp,
    Const,
    Expr,
    IfElse,
    children,
    compile_expression,
    fold,
    generator_slots,
    slots_of,
)
from ipcsim.program.instructions import (
    Assert,
    Assign,
    Branch,
    Choose,
    Code,
    Crash,
    Exit,
    Instruction,
    Jump,
    KernelCall,
    Load,
    Pause,
    Phase,
    Repeat,
    Store,
)
from ipcsim.program.program import Family

T = TypeVar("T")
Pcs = tuple[int, ...]
Decided = tuple[tuple[int, Pcs], ...]  # (pc of a branch, where it always leads)
Transfer = Callable[[int, T], T]  # (pc, what holds on one side of it) → what holds on the other
Join = Callable[[T, T], T]


def ways(pc: int, instruction: Instruction) -> tuple[Pcs, Pcs]:
    """Where the process can be after it has done the instruction; and where, when the call has failed."""
    match instruction:
        case Exit() | Crash():
            return (), ()
        case Jump(target=target):
            return (target,), ()
        case Branch(otherwise=otherwise):
            return (pc + 1, otherwise), ()
        case Repeat(target=target):
            return (target, pc + 1), ()
        case Choose(targets=targets):
            return targets, ()
        case KernelCall(handlers=handlers):
            return (pc + 1,), tuple([target for _, target in handlers])
        case Load() | Store() | Phase() | Assert() | Assign() | Pause():
            return (pc + 1,), ()
        case _ as other:
            assert_never(other)


class Flow:
    """The graph: by pc, where the instruction leads once it is `done`, and as a call that has `failed`."""

    def __init__(self, code: Code) -> None:
        both = [ways(pc, instruction) for pc, instruction in enumerate(code)]
        self.done, self.failed = [d for d, _ in both], [f for _, f in both]

    def decided(self, branches: Decided) -> Flow:
        """The graph in which these branches lead one way only."""
        if not branches:
            return self
        other = copy(self)
        vars(other).pop("next", None)
        other.done = self.done.copy()
        for pc, targets in branches:
            other.done[pc] = targets
        return other

    @cached_property
    def next(self) -> list[Pcs]:
        """By pc, what can follow it in either manner."""
        return [d + f if f else d for d, f in zip(self.done, self.failed, strict=True)]

    def from_(self, *starts: int) -> Iterator[int]:
        """The pcs that can be come to from these, themselves included."""
        return walk(starts, self.next.__getitem__)


class Branches:
    """The branches of a family whose condition never changes in a process: one way is never taken there."""

    def __init__(self, family: Family) -> None:
        self._fixed = frozenset(constant_locals(family, 0)) if family.initial else frozenset()
        self._asked = [
            (pc, ask, ((pc + 1,), (i.otherwise,)))
            for pc, i in enumerate(family.code)
            if isinstance(i, Branch) and (ask := self._asking(i.condition)) is not None
        ]

    def decided(self, initial: Sequence[Any]) -> Decided:
        """Where these branches lead in the process that begins with such locals."""
        found: list[tuple[int, Pcs]] = []
        for pc, ask, (so, otherwise) in self._asked:
            try:
                holds = ask(initial)
            except EvaluationError:
                found.append((pc, ()))  # the process ends here
            else:
                if holds is not None:
                    found.append((pc, so if holds else otherwise))
        return tuple(found)

    def _asking(self, condition: Expr) -> Callable[[Sequence[Any]], Any] | None:
        """What tells whether the condition holds, None where that varies; none where it always does."""
        bound = generator_slots(condition)
        free = slots_of(condition) - bound
        if free <= self._fixed:
            evaluate = compile_expression(condition)
            return lambda initial: bool(evaluate(list(initial)))  # a generator writes its variable
        if free & self._fixed and _stops_early(condition):
            return lambda initial: self._folded(condition, initial)
        return None

    def _folded(self, condition: Expr, initial: Sequence[Any]) -> bool | None:
        folded = fold(condition, {slot: initial[slot] for slot in self._fixed})
        return bool(folded.value) if isinstance(folded, Const) else None


def _stops_early(expr: Expr) -> bool:
    """Whether some part of it may be left out: `me == 0 and n > 3` does not depend on `n` where `me` is 1."""
    return isinstance(expr, BoolOp | IfElse) or any(map(_stops_early, children(expr)))


# --- the solvers ---


def forward(
    flow: Flow, start: T, join: Join[T], done: Transfer[T], failed: Transfer[T] = lambda _, before: before
) -> dict[int, T]:
    """By pc that can be come to at all, what holds before it on every way there; `start` before the first.

    `done` and `failed` say what the instruction makes of it in either manner.
    """
    before, work = {0: start}, [0]
    while work:
        pc = heappop(work)
        if work and work[0] == pc:
            continue  # there again
        for targets, transfer in ((flow.done[pc], done), (flow.failed[pc], failed)):
            after = transfer(pc, before[pc]) if targets else start
            for target in targets:
                known = after if target not in before else join(before[target], after)
                if target not in before or known != before[target]:
                    before[target] = known
                    heappush(work, target)
    return before


def backward(
    flow: Flow, nothing: T, join: Join[T], done: Transfer[T], failed: Transfer[T] = lambda _, behind: behind
) -> list[T]:
    """By pc, what may come from there on, itself included.

    `done` and `failed` make it of what may come behind the instruction in either manner, which is `nothing`
    where it does not lead on so.
    """
    sources, before = _turned(flow.next), [nothing] * len(flow.next)
    work = [-pc for pc in reversed(range(len(before)))]
    while work:
        pc = -heappop(work)
        if work and work[0] == -pc:
            continue  # there again
        known = done(pc, reduce(join, map(before.__getitem__, flow.done[pc]), nothing))
        if flow.failed[pc]:
            known = join(known, failed(pc, reduce(join, map(before.__getitem__, flow.failed[pc]), nothing)))
        if known != before[pc]:
            before[pc] = known
            for source in sources[pc]:
                heappush(work, -source)
    return before


def ahead(flow: Flow, own: Sequence[int], lost: Sequence[int] | None = None) -> list[int]:
    """By pc, the bits of `own` that may be met from there on, itself included; those that an instruction has
    `lost` when it is done are not looked for behind it."""
    if lost is None:
        return backward(flow, 0, or_, lambda pc, after: own[pc] | after)
    return backward(flow, 0, or_, lambda pc, after: own[pc] | after & ~lost[pc])


# --- graphs of any kind ---


def walk(starts: Iterable[T], onward: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """Each thing that can be come to from these, once, themselves included; depth first."""
    work = list(starts)
    seen = set(work)
    while work:
        thing = work.pop()
        yield thing
        for other in onward(thing):
            if other not in seen:
                seen.add(other)
                work.append(other)


def cycles(follow: Sequence[Iterable[int]]) -> list[list[int]]:
    """The strongly connected components that contain a step; `follow[n]` are the nodes after n.

    By two walks, the second back from who was finished last in the first (S. Kosaraju; M. Sharir, 1981).
    Not by networkx: it would have to be loaded before the workers can start.
    """
    finished: list[int] = []
    seen: set[int] = set()
    for start in range(len(follow)):
        way = [] if start in seen else [(start, iter(follow[start]))]
        seen.add(start)
        while way:
            node, targets = way[-1]
            target = next((t for t in targets if t not in seen), None)
            if target is None:
                finished.append(way.pop()[0])
            else:
                seen.add(target)
                way.append((target, iter(follow[target])))
    sources, left, found = _turned(follow), set(finished), list[list[int]]()
    for node in reversed(finished):
        if node in left:
            found.append(list(walk([node], lambda n: [s for s in sources[n] if s in left])))
            left.difference_update(found[-1])
    return [c for c in found if len(c) > 1 or c[0] in follow[c[0]]]


def _turned(follow: Sequence[Iterable[int]]) -> list[list[int]]:
    """By node, those that it comes after."""
    sources: list[list[int]] = [[] for _ in follow]
    for node, targets in enumerate(follow):
        for target in targets:
            sources[target].append(node)
    return sources
