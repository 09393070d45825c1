"""What a process may still do: a static may-analysis over the Program's code.

From a program counter every path is followed, errno handlers too, so the result is a superset of what
any continuation does. That is the safe side for calling something a deadlock: whoever is said to be
unable to help is unable. It does not prove that a process *will* do any of it.

Constants of an instance are used: `fork[left]` with a fixed `left` is one semaphore, and a branch whose
condition never changes is taken one way only.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Final, NamedTuple, assert_never

from ipcsim.analysis.resolve import Constants, Locals
from ipcsim.kernel import effects
from ipcsim.kernel.effects import (
    Ask,
    Attach,
    AwaitZero,
    Change,
    Create,
    Detach,
    Effect,
    Find,
    Give,
    Inspect,
    Interrupt,
    OnQueue,
    OnSemaphores,
    Remove,
    Set,
    Start,
    Take,
)
from ipcsim.kernel.static import effects_of
from ipcsim.program import Family, Program, names
from ipcsim.program.constants import expressions_of
from ipcsim.program.expressions import Binary, Call, Const, Expr, Index, children
from ipcsim.program.flow import Branches, Decided, Flow, ahead
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
    ObjectKind,
    ObjectRef,
    Pause,
    Phase,
    Receive,
    Repeat,
    SemaphoreOperation,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)

RISE: Final = 0  # semaphores `first` … `first + extent − 1` of set `object` may rise
FALL: Final = 1  # … may fall
SEND: Final = 2  # a message of type `first` (ANY_TYPE: of a type that varies) into queue `object`
RECEIVE: Final = 3  # a receive from queue `object` asking for `first`; `extent` is how (see below)
REMOVE: Final = 4  # removes, or changes by IPC_SET, set (first 0) or queue (first 1) `object`
INTERRUPT: Final = 5  # sends process `object` a signal: a sleeping call of it ends (EINTR)
SPAWN: Final = 6  # starts process `object`
CONTINUE: Final = 7  # sends process `object` SIGCONT or SIGKILL: it is stopped no longer

ANY_TYPE: Final = 0
PLAIN, EXCLUDE, VARIES = 0, 1, 2  # `extent` of RECEIVE: as asked, MSG_EXCEPT, the type varies


class Ability(NamedTuple):
    """One thing that a process may still do; see the constants above for `act`."""

    act: int
    object: int
    first: int
    extent: int


class Effects:
    """All that a process may still do. `ids` number the abilities within their `MayAnalysis`."""

    __slots__ = ("_known", "ids", "may_end")

    def __init__(self, ids: tuple[int, ...], may_end: bool, known: list[Ability]) -> None:
        self.ids = ids
        self.may_end = may_end
        self._known = known

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset([self._known[i] for i in self.ids])


_NOTHING = Effects((), False, [])
_CACHE_LIMIT = 300_000


class MayAnalysis:
    """Answers what each process of `program` may still do from each program counter; lazily."""

    def __init__(self, program: Program) -> None:
        self.program = program = names.unified(program)
        self.abilities: list[Ability] = []  # by id
        self._ids: dict[Ability, int] = {}
        self._on: dict[tuple[int, int], list[int]] = {}  # (act, object) → ids
        self._families: list[_FamilyMay | None] = [None] * len(program.families)
        self._reach: dict[int, list[int]] = {}  # process → its family variant's masks by pc
        self._cache: dict[tuple[int, int], Effects] = {}

    def effects(self, process: int, pc: int) -> Effects:
        """What `process` may still do when it is at, or inside, the instruction at `pc`."""
        reach = self._reach.get(process)
        if reach is None:
            reach = self._reach[process] = self._prepare(process)
        if not 0 <= pc < len(reach):
            return _NOTHING
        key = (process, reach[pc])
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            found = self._cache[key] = self._resolve(process, reach[pc])
        return found

    def ability_ids(self, act: int, object_: int) -> list[int]:
        """The ids of all abilities of this sort on this object seen so far."""
        return list(self._on.get((act, object_), ()))

    def id_of(self, ability: Ability) -> int | None:
        """Its id where some process has shown it so far."""
        return self._ids.get(ability)

    def _prepare(self, process: int) -> list[int]:
        p = self.program.processes[process]
        family = self._families[p.family]
        if family is None:
            family = self._families[p.family] = _FamilyMay(self.program, self.program.families[p.family])
        return family.reach(self.program.families[p.family].initial[p.instance])

    def _resolve(self, process: int, mask: int) -> Effects:
        p = self.program.processes[process]
        family = self._families[p.family]
        assert family is not None
        initial = self.program.families[p.family].initial[p.instance]
        ids = {self._id(a) for a in family.abilities(mask, initial)}
        return Effects(tuple(ids), bool(mask & family.END), self.abilities)

    def _id(self, ability: Ability) -> int:
        number = self._ids.get(ability)
        if number is None:
            number = self._ids[ability] = len(self.abilities)
            self.abilities.append(ability)
            self._on.setdefault((ability.act, ability.object), []).append(number)
        return number


class _FamilyMay:
    """The effects of one family's code: a bit for each instruction that has some, one for ending."""

    END = 1

    def __init__(self, program: Program, family: Family) -> None:
        self._program = program
        self._constants = Constants(family)
        self._active: list[Instruction] = []  # those with effects
        self._undone: list[Instruction] = []  # those of them that the end of the process undoes
        self._own = [0] * len(family.code)
        certain = _certainly_there(program, family)
        for pc, instruction in enumerate(family.code):
            if may_end(instruction, certain):
                self._own[pc] |= self.END
            if found := effects_of(instruction, program, lambda _: None):
                self._own[pc] |= 1 << len(self._active) + 1
                self._active.append(instruction)
                if any(True for effect in found for _ in _undone(effect)):
                    self._undone.append(instruction)
        self._flow, self._branches = Flow(family.code), Branches(family)
        self._variants: dict[Decided, list[int]] = {}

    def abilities(self, mask: int, initial: Locals) -> list[Ability]:
        """Those that the bits stand for, in the process with these first locals."""
        value, found = self._constants.of(initial), list[Ability]()
        bits = mask >> 1
        while bits:
            low = bits & -bits
            for effect in effects_of(self._active[low.bit_length() - 1], self._program, value):
                found += _abilities(effect)
            bits ^= low
        if mask & self.END:
            for instruction in self._undone:
                for effect in effects_of(instruction, self._program, value):
                    for back in _undone(effect):
                        found += _abilities(back)
        return found

    def reach(self, initial: Locals) -> list[int]:
        """For each pc, the bits of everything reachable from it, itself included."""
        decided = self._branches.decided(initial)
        found = self._variants.get(decided)
        if found is None:
            found = self._variants[decided] = ahead(self._flow.decided(decided), self._own)
        return found


def _abilities(effect: Effect) -> Sequence[Ability]:
    """What of an effect can help, or harm, somebody who waits."""
    match effect:
        case Take() | Give() | Set() | AwaitZero() | Ask():
            return _on_semaphores(effect)
        case effects.Send() | effects.Receive():
            return _on_queue(effect)
        case Interrupt(processes=processes, continues=continues):
            acts = (INTERRUPT, CONTINUE) if continues else (INTERRUPT,)
            return [Ability(act, p, 0, 0) for act in acts for p in processes]
        case Start(processes=processes):
            return [Ability(SPAWN, p, 0, 0) for p in processes]
        case Remove(object=ref) | Change(object=ref):
            if ref.kind is ObjectKind.SEGMENT:
                return ()
            return (Ability(REMOVE, ref.number, int(ref.kind is ObjectKind.QUEUE), 0),)
        case Create() | Find() | Attach() | Detach() | Inspect() | effects.Load() | effects.Store():
            return ()
        case _:
            assert_never(effect)


def _on_semaphores(effect: OnSemaphores) -> Sequence[Ability]:
    set_, first, extent = effect.set, effect.numbers.start, len(effect.numbers)
    match effect:
        case Take():
            return (Ability(FALL, set_, first, extent),)
        case Give():
            return (Ability(RISE, set_, first, extent),)
        case Set(values=values):
            acts = (FALL, RISE) if any(v != 0 for v in values) else (FALL,)
            return [Ability(act, set_, first, extent) for act in acts]
        case AwaitZero() | Ask():
            return ()
        case _:
            assert_never(effect)


def _on_queue(effect: OnQueue) -> Sequence[Ability]:
    match effect:
        case effects.Send(queue=queue, type=type_):
            never = type_ is not None and type_ <= 0  # EINVAL, always
            return () if never else (Ability(SEND, queue, ANY_TYPE if type_ is None else type_, 0),)
        case effects.Receive(queue=queue, selector=None):
            return (Ability(RECEIVE, queue, 0, VARIES),)
        case effects.Receive(queue=queue, selector=selector, exclude=exclude):
            return (Ability(RECEIVE, queue, selector or 0, EXCLUDE if exclude else PLAIN),)
        case _:
            assert_never(effect)


def _undone(effect: Effect) -> Iterator[Effect]:
    """What the end of the process does about it (S-16)."""
    match effect:
        case Take(undo=True):
            yield Give(effect.set, effect.numbers, effect.units)
        case Give(undo=True):
            yield Take(effect.set, effect.numbers, effect.units)


def _certainly_there(program: Program, family: Family) -> frozenset[ObjectRef]:
    """The objects that every process of the family can use at any time, as large as declared: the run makes
    them, and nobody makes, finds, removes, attaches or detaches them, or is refused."""
    if family.identity is not None:
        return frozenset()
    changing = (Lifecycle.CREATE, Lifecycle.OPEN, Lifecycle.REMOVE, Lifecycle.ATTACH, Lifecycle.DETACH)
    calls = (i for f in program.families for i in f.code if isinstance(i, ObjectCall))
    touched = {i.object for i in calls if i.action in changing}
    return frozenset(r for r, o in program.objects() if o.created_by_run and r not in touched)


def may_end(instruction: Instruction, certain: Container[ObjectRef]) -> bool:
    """Whether the process can end at this instruction, by itself or by an error that nothing handles.

    It matters for SEM_UNDO: whoever may end may give back what it took. A plain blocking P or receive fails
    only where its object is not there, not as large as declared, or not for this process; `certain` are those
    that this cannot happen with.
    """
    match instruction:
        case Exit() | Crash() | Assert():
            return True
        case Semop(set=number) if ObjectRef(ObjectKind.SEMAPHORES, number) not in certain:
            return True
        case Receive(queue=number) if ObjectRef(ObjectKind.QUEUE, number) not in certain:
            return True
        case Load(segment=number) if ObjectRef(ObjectKind.SEGMENT, number) not in certain:
            return True
        case Semop(operations=operations, nowait=nowait, timeout=timeout):
            return nowait or timeout is not None or any(_may_fail(o) for o in operations)
        case Receive(nowait=False, timeout=None, size=None):
            return _expressions_may_raise(instruction)
        case KernelCall() | Store():
            return True
        case Load(index=index) if index is not None:
            return True
        case Load() | Phase() | Choose() | Assign() | Branch() | Jump() | Repeat() | Pause() | Receive():
            return _expressions_may_raise(instruction)
        case GetValue() | SetValue() | Send() | ObjectCall() | Signal() | Spawn():
            return True
        case _:
            assert_never(instruction)


def _may_fail(operation: SemaphoreOperation) -> bool:
    # ERANGE: a semaphore, or the undo counter, leaves its range (S-4)
    lowers = isinstance(operation.delta, Const) and operation.delta.value <= 0  # type: ignore[operator]
    fixed = operation.index is None or isinstance(operation.index, Const)
    return operation.undo or operation.nowait or not lowers or not fixed


def _expressions_may_raise(instruction: Instruction) -> bool:
    return any(may_raise(e) for e in expressions_of(instruction))


def may_raise(expr: Expr) -> bool:
    """Whether evaluation can fail: division, overflow, an index, min or max of nothing."""
    if isinstance(expr, Index | Call) or (isinstance(expr, Binary) and expr.op in ("*", "//", "%")):
        return True
    return any(may_raise(c) for c in children(expr))
