"""What a process may still do: a static may-analysis over the Program's code.

From a program counter every path is followed, errno handlers too, so the result is a superset of what
any continuation does. That is the safe side for calling something a deadlock: whoever is said to be
unable to help is unable. It does not prove that a process *will* do any of it.

Constants of an instance are used: `fork[left]` with a fixed `left` is one semaphore, and a branch whose
condition never changes is taken one way only.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Final, NamedTuple, assert_never

from ipcsim.analysis.operations import index_of, number_of
from ipcsim.analysis.resolve import Constants, Known, Locals
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


_Source = Callable[[Locals], tuple[Ability, ...]]
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
        ids = {self._id(a) for source in family.sources_of(mask) for a in source(initial)}
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
        constants = Constants(family)
        self._sources: list[_Source] = []
        self._own = [0] * len(family.code)
        undo: list[_Source] = []
        certain = _certainly_there(program, family)
        for pc, instruction in enumerate(family.code):
            if may_end(instruction, certain):
                self._own[pc] |= self.END
            sources = list(_sources(program, constants, instruction))
            if sources:
                self._own[pc] |= 1 << len(self._sources) + 1
                self._sources.append(_together(sources))
            if isinstance(instruction, Semop):
                undo += [
                    _semaphore(program, instruction.set, o, constants, sign=-1)
                    for o in instruction.operations
                    if o.undo
                ]
        self._undo = _together(undo) if undo else None
        self._flow, self._branches = Flow(family.code), Branches(family)
        self._variants: dict[Decided, list[int]] = {}

    def sources_of(self, mask: int) -> Iterator[_Source]:
        if mask & self.END and self._undo:
            yield self._undo
        bits = mask >> 1
        while bits:
            low = bits & -bits
            yield self._sources[low.bit_length() - 1]
            bits ^= low

    def reach(self, initial: Locals) -> list[int]:
        """For each pc, the bits of everything reachable from it, itself included."""
        decided = self._branches.decided(initial)
        found = self._variants.get(decided)
        if found is None:
            found = self._variants[decided] = ahead(self._flow.decided(decided), self._own)
        return found


def _together(sources: list[_Source]) -> _Source:
    if len(sources) == 1:
        return sources[0]
    return lambda initial: tuple([a for source in sources for a in source(initial)])


def _sources(program: Program, constants: Constants, instruction: Instruction) -> Iterator[_Source]:
    match instruction:
        case Semop(set=set_, operations=operations):
            for operation in operations:
                yield _semaphore(program, set_, operation, constants)
        case SetValue():
            yield _set_value(program, instruction, constants)
        case Send(queue=queue, type=type_):
            yield _send(queue, constants.known(type_))
        case Receive(queue=queue, type=type_, exclude=exclude):
            yield _receive(queue, constants.known(type_), EXCLUDE if exclude else PLAIN)
        case Signal(family=family, index=index, signal=name):
            yield _processes(program, INTERRUPT, family, index, constants)
            if name in ("SIGCONT", "SIGKILL"):
                yield _processes(program, CONTINUE, family, index, constants)
        case Spawn(family=family, index=index):
            yield _processes(program, SPAWN, family, index, constants)
        case ObjectCall(action=Lifecycle.REMOVE | Lifecycle.CHANGE, object=ref) if (
            ref.kind is not ObjectKind.SEGMENT
        ):
            removed = (Ability(REMOVE, ref.number, int(ref.kind is ObjectKind.QUEUE), 0),)
            yield lambda _: removed
        case ObjectCall() | GetValue() | Load() | Store():
            pass
        case Phase() | Choose() | Assert() | Exit() | Crash():
            pass  # what the end of a process gives back is another matter: see `may_end`
        case Assign() | Branch() | Jump() | Repeat() | Pause():
            pass
        case _:
            assert_never(instruction)


def _semaphore(
    program: Program, set_: int, operation: SemaphoreOperation, constants: Constants, sign: int = 1
) -> _Source:
    index, delta = index_of(operation, constants), constants.known(operation.delta)
    base, count, single = operation.base, operation.count or 1, operation.index is None

    def source(initial: Locals) -> tuple[Ability, ...]:
        first, extent = base, 1
        if not single:
            number = index(initial)
            if number is None or not 0 <= number < count:
                extent = count
            else:
                first += number
        change = delta(initial)
        if change is None:
            return (Ability(RISE, set_, first, extent), Ability(FALL, set_, first, extent))
        if change == 0:
            return ()
        return (Ability(RISE if change * sign > 0 else FALL, set_, first, extent),)

    return source


def _processes(program: Program, act: int, family: int, index: Expr | None, constants: Constants) -> _Source:
    """What is done to one process of a family; to any of them where the index varies."""
    first = next(p.number for p in program.processes if p.family == family)
    size = program.families[family].size
    which = None if index is None else constants.known(index)

    def source(initial: Locals) -> tuple[Ability, ...]:
        place = 0 if which is None else which(initial)
        if place is not None and 0 <= place < size:
            return (Ability(act, first + place, 0, 0),)
        return tuple([Ability(act, first + i, 0, 0) for i in range(size)])

    return source


def _set_value(program: Program, instruction: SetValue, constants: Constants) -> _Source:
    set_, size = instruction.set, program.sets[instruction.set].size
    index = index_of(instruction, constants)
    values = [constants.known(v) for v in instruction.values]
    base, count = instruction.base, instruction.count or 1

    def source(initial: Locals) -> tuple[Ability, ...]:
        if instruction.all:
            first, extent = 0, size
        else:
            number = number_of(instruction, index, tuple(initial))
            first, extent = (base, count) if number is None else (number, 1)
        fall = Ability(FALL, set_, first, extent)
        if all(v(initial) == 0 for v in values):
            return (fall,)
        return (fall, Ability(RISE, set_, first, extent))

    return source


def _send(queue: int, type_: Known) -> _Source:
    def source(initial: Locals) -> tuple[Ability, ...]:
        value = type_(initial)
        if value is not None and value <= 0:
            return ()  # EINVAL, always
        return (Ability(SEND, queue, ANY_TYPE if value is None else value, 0),)

    return source


def _receive(queue: int, type_: Known, how: int) -> _Source:
    def source(initial: Locals) -> tuple[Ability, ...]:
        value = type_(initial)
        return (Ability(RECEIVE, queue, 0, VARIES) if value is None else Ability(RECEIVE, queue, value, how),)

    return source


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
