"""What calls compete for: the common words of waiters and of those who are served meanwhile.

A call *wants* keys while it waits and, when it succeeds, is *served* keys. Somebody is overtaken when
another is served a key that it wants:

- a P wants, and is served, the semaphore;
- a Z together with a P or V in one array (Z readers and V writers: an acquisition) is overtaken by every V
  on its semaphore. A Z alone, which waits for the others to finish, competes with nobody;
- a receive is overtaken by a receive of a message that it could have taken; a send by a send;
- where a property says that a phase must be reached again and again (`always_eventually`), a process that
  has this phase also wants its turn at the whole semaphore set (SET), before those who take what it waits
  for elsewhere in their code. The first reader keeps the writers' semaphore for all readers after it, so
  the others, who could take it, never do while the writer waits.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from ipcsim.analysis.operations import Operations, Pairs
from ipcsim.analysis.resolve import Constants, Known
from ipcsim.program import Program, PropertyKind
from ipcsim.program.expressions import Const
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
    Load,
    ObjectCall,
    Pause,
    Phase,
    Receive,
    Repeat,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)
from ipcsim.trace import Event

P, V, SET, RECEIVE, SEND = "P", "V", "set", "receive", "send"


class Key(NamedTuple):
    """`sort` P or V: semaphore `number` of set `object`; SET: any of it, by somebody who may take that one.
    RECEIVE: selector `number` on queue `object`; SEND: that queue."""

    sort: str
    object: int
    number: int = 0
    exclude: bool = False


class Request(NamedTuple):
    """Of a semop also its set and operations."""

    wants: tuple[Key, ...]
    serves: tuple[Key, ...]
    set: int = -1
    pairs: Pairs = ()


class Requests:
    """The requests of a Program's calls; constant ones are worked out once."""

    def __init__(self, program: Program, operations: Operations) -> None:
        self._program = program
        self._operations = operations
        self._constants: dict[int, dict[int, Known]] = {}
        self._cache: dict[tuple[int, int], Request | None] = {}
        self._hungry = _hungry_families(program)
        self._taken: dict[int, frozenset[tuple[int, int]]] = {}
        # whether any call asks for several semaphores at once
        semops = [i for f in program.families for i in f.code if isinstance(i, Semop)]
        self.has_arrays = any(len(i.operations) > 1 and not _only_gives(i) for i in semops)

    def constant(self, process: int, pc: int) -> Request | None:
        """The request of the call at `pc` where it never changes; None: it varies, or never waits."""
        key = (process, pc)
        if key not in self._cache:
            self._cache[key] = self._work_out(process, pc, self._program.instruction(process, pc))
        return self._cache[key]

    def of(self, event: Event) -> Request | None:
        """The request whose BEGIN or END this is, with the operations or type of this very call."""
        instruction = self._program.instruction(event.process, event.pc)
        if isinstance(instruction, Semop):
            constant = self.constant(event.process, event.pc)
            if constant is not None:
                return constant
            pairs = self._operations.of(event)
            return self._semop(event.process, instruction, pairs) if pairs else None
        if isinstance(instruction, Receive):
            wanted = Key(RECEIVE, instruction.queue, event.a, instruction.exclude and event.a > 0)
            return Request((wanted,), (Key(RECEIVE, instruction.queue, event.b),))
        return self.constant(event.process, event.pc)

    def _work_out(self, process: int, pc: int, instruction: Instruction) -> Request | None:
        match instruction:
            case Semop():
                pairs = self._operations.constant(process, pc)
                return self._semop(process, instruction, pairs) if pairs else None
            case Send(queue=queue):
                return Request((Key(SEND, queue),), (Key(SEND, queue),))
            case Receive(queue=queue, exclude=exclude):
                selector = self._selector(process, pc, instruction)
                if selector is None:
                    return None
                key = Key(RECEIVE, queue, selector, exclude and selector > 0)
                return Request((key,), (key,))
            case GetValue() | SetValue() | ObjectCall() | Signal() | Spawn() | Load() | Store():
                return None
            case Phase() | Choose() | Assert() | Exit() | Crash():
                return None
            case Assign() | Branch() | Jump() | Repeat() | Pause():
                return None
            case _:
                assert_never(instruction)

    def _selector(self, process: int, pc: int, instruction: Receive) -> int | None:
        p = self._program.processes[process]
        family = self._program.families[p.family]
        known = self._constants.setdefault(p.family, {})
        if pc not in known:
            known[pc] = Constants(family).known(instruction.type)
        value = known[pc](family.initial[p.instance])
        return value if isinstance(value, int) else None

    def _semop(self, process: int, instruction: Semop, pairs: Pairs) -> Request:
        set_ = instruction.set
        wants = [Key(P, set_, n) for n, delta in pairs if delta < 0]
        if any(delta for _, delta in pairs):
            wants += [Key(V, set_, n) for n, delta in pairs if delta == 0]
        serves = [Key(P, set_, n) for n, delta in pairs if delta < 0]
        if self.has_arrays:  # only an array can want a V
            serves += [Key(V, set_, n) for n, delta in pairs if delta > 0]
        if self._hungry and serves:
            serves += [Key(SET, s, n) for s, n in sorted(self._takes(process)) if s == set_]
            if self._program.processes[process].family in self._hungry:
                wants += [Key(SET, set_, n) for n, delta in pairs if delta < 0]
        return Request(tuple(dict.fromkeys(wants)), tuple(dict.fromkeys(serves)), set_, pairs)

    def _takes(self, process: int) -> frozenset[tuple[int, int]]:
        """The semaphores, as (set, number), that a process has a P on, where they never change."""
        found = self._taken.get(process)
        if found is None:
            calls = [
                (instruction.set, self._operations.constant(process, pc) or ())
                for pc, instruction in enumerate(self._program.code(process))
                if isinstance(instruction, Semop)
            ]
            taken = frozenset((set_, n) for set_, pairs in calls for n, delta in pairs if delta < 0)
            found = self._taken[process] = taken
        return found


def _only_gives(instruction: Semop) -> bool:
    deltas = [o.delta.value if isinstance(o.delta, Const) else 0 for o in instruction.operations]
    return all(isinstance(d, int) and d > 0 for d in deltas)


def _hungry_families(program: Program) -> frozenset[int]:
    """The families that have a phase which a property wants to be reached again and again."""
    wanted = {p.phase for p in program.properties if p.kind is PropertyKind.ALWAYS_EVENTUALLY}
    return frozenset(
        number
        for number, family in enumerate(program.families)
        if any(isinstance(i, Phase) and i.name in wanted for i in family.code)
    )
