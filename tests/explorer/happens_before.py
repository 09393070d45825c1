"""Happens-before on the model by its plain definition: sets of what each process and each thing knows of.

Of `ipcsim` only the model and the table of what orders are used, nothing of how run or verify apply it.
Two ways to ask for races: `in_executions` looks at every execution, one by one, and keeps all accesses;
`in_states` follows one access at a time through all states, which loops allow as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ipcsim.facts import ordering as facts
from ipcsim.facts.limits import MSGMNB
from ipcsim.model import semaphore_calls
from ipcsim.model.effects import Act, Action, Step
from ipcsim.model.layout import View
from ipcsim.model.locals import Mode
from ipcsim.model.machine import Machine
from ipcsim.model.turn import Turn
from ipcsim.program.instructions import (
    GetValue,
    KernelCall,
    Load,
    ObjectCall,
    ObjectKind,
    Receive,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)

Past = frozenset[int]  # numbers of accesses
NAMES = {Semop: "semop", SetValue: "set_value", GetValue: "get", Send: "send", Receive: "receive",
         Signal: "signal", Spawn: "spawn"}  # fmt: skip
OVER = (Mode.ENDING, Mode.ENDED, Mode.FAILED, Mode.DEAD)
ASLEEP = (Mode.ASLEEP, Mode.STOPPED_ASLEEP, Mode.STOPPED_CAUGHT)


class Knows(NamedTuple):
    """What is known: by processes, over things, and by the receives of each queue, the last ones last."""

    processes: tuple[Past, ...]
    things: frozenset[tuple[Any, Past]] = frozenset()
    rooms: tuple[tuple[Past, ...], ...] = ()


class TooManyWays(Exception):
    """More executions, or states with what is known in them, than brute force is for."""


class _Writing:
    """A `Knows` while an action changes it."""

    def __init__(self, machine: Machine, state: int, knows: Knows) -> None:
        self.machine, self.state = machine, state
        self.processes = list(knows.processes)
        self.things: dict[Any, Past] = dict(knows.things)
        self.rooms = [list(room) for room in knows.rooms]

    def frozen(self) -> Knows:
        return Knows(
            tuple(self.processes), frozenset(self.things.items()), tuple(tuple(r) for r in self.rooms)
        )

    def row(self, process: int, call: str, result: str, thing: Any, before: Past | None = None) -> None:
        """A result of the table over the things `thing(sort)`. It passes on what was known `before`."""
        order = facts.of(call, result)
        before = self.processes[process] if before is None else before
        for sort in order.learns:
            for one in thing(sort):
                self.learn(process, one)
        for sort in order.passes:
            for one in thing(sort):
                if sort == facts.ROOM:
                    self.rooms[one[1]].append(before)
                else:
                    self.things[one] = self.things.get(one, Past()) | before

    def learn(self, process: int, thing: Any) -> None:
        found = self.things.get(thing, Past())
        if thing[0] == facts.ROOM:
            found = self.room(thing[1])
        for other in self.machine.processes:  # a call that has begun offers already what it will pass on
            local = self.machine.local(self.state, other.number)
            call = other.code[local.pc]
            if local.mode in ASLEEP and isinstance(call, KernelCall):
                sorts = about(self.machine, self.state, other.number, call, None)
                if any(thing == t for c, o in sorts for s in facts.of(c, "success").passes for t in o(s)):
                    found |= self.processes[other.number] if thing[0] != facts.ROOM else Past()
        self.processes[process] |= found

    def room(self, queue: int) -> Past:
        """What the receives know that made the room for one message more."""
        most = capacity(self.machine, queue)
        free = most - len(self.machine.layout.get(self.state, self.machine.queue[queue])) - 1
        received = self.rooms[queue]
        first = received if most == 0 else received[: max(0, len(received) - free)]
        return Past().union(*first)


def capacity(machine: Machine, number: int) -> int:
    """How many messages of a queue fit in, all of them being of one length; 0: that is not known."""
    queue = machine.program.queues[number]
    code = [i for f in machine.program.families for i in f.code]
    if any(isinstance(i, Send) and i.queue == number and i.length is not None for i in code):
        return 0
    if any(isinstance(i, ObjectCall) and i.action == "change" for i in code) or not queue.created_by_run:
        return 0
    return (MSGMNB if queue.bytes is None else queue.bytes) // max(1, queue.message.size)


def about(machine: Machine, state: int, process: int, call: KernelCall, step: Step | None) -> list[Any]:
    """The rows of the table that a call is when it succeeds, each with its things by their sort."""
    turn = Turn(machine, View(machine.layout, state), process, machine.local(state, process))
    match call:
        case Semop(set=number):
            return [
                (
                    "V" if o.delta > 0 else "P" if o.delta < 0 else "Z",
                    lambda sort, n=o.number: [(sort, number, n)],
                )
                for o in semaphore_calls.operations(turn, call)
            ]
        case GetValue(set=number) | SetValue(set=number):
            size = machine.program.sets[number].size
            everything = call.question is SemaphoreQuestion.ALL if isinstance(call, GetValue) else call.all
            first = call.base + (turn.number(call.index) or 0)
            which = range(size) if everything else range(first, first + 1)
            return [(NAMES[type(call)], lambda sort: [(sort, number, n) for n in which])]
        case Send(queue=number):
            kind = int(turn.value(call.type))
            return [("send", lambda sort: [(sort, number, *((kind,) if sort == facts.MESSAGE else ()))])]
        case Receive(queue=number):
            kind = step.end[1] if step is not None else 0
            return [("receive", lambda sort: [(sort, number, *((kind,) if sort == facts.MESSAGE else ()))])]
        case ObjectCall(object=ref):
            whole, queue = [(ref.kind, ref.number)], [(ref.number,)] if ref.kind is ObjectKind.QUEUE else []
            objects = {facts.OBJECT: whole}
            name = str(call.action)
            return (
                []
                if call.field == "id"
                else [(name, lambda sort: [(sort, *t) for t in objects.get(sort, queue)])]
            )
        case _:
            assert isinstance(call, Signal | Spawn)
            assert step is not None
            return [(NAMES[type(call)], lambda sort: [(sort, step.begin[0])])]


def failed(machine: Machine, call: KernelCall, step: Step) -> Any:
    """The things that an errno of a call may tell of."""
    kinds = {Semop: ObjectKind.SEMAPHORES, SetValue: ObjectKind.SEMAPHORES, GetValue: ObjectKind.SEMAPHORES,
             Send: ObjectKind.QUEUE, Receive: ObjectKind.QUEUE}  # fmt: skip

    def thing(sort: str) -> list[Any]:
        match sort:
            case facts.OBJECT if isinstance(call, ObjectCall):
                return [(sort, call.object.kind, call.object.number)]
            case facts.OBJECT:
                number = call.set if isinstance(call, Semop | SetValue | GetValue) else call.queue  # type: ignore[attr-defined]
                return [(sort, kinds[type(call)], number)]
            case facts.END:
                return [(sort, step.begin[0])]
            case _:
                return [(sort, step.process)]

    return thing


def apply(machine: Machine, state: int, action: Action, knows: Knows) -> Knows:
    """What is known after an action."""
    after = state + action.delta
    writing = _Writing(machine, state, knows)
    ends = [
        p.number for p in machine.processes
        if machine.local(state, p.number).mode not in OVER and machine.local(after, p.number).mode in OVER
    ]  # fmt: skip
    for i, step in enumerate(action.steps):
        call = machine.processes[step.process].code[step.pc]
        mine = lambda sort, p=step.process: [(sort, p)]  # noqa: E731
        if isinstance(call, KernelCall) and step.act in (Act.CALL, Act.WAKE, Act.STRIKE, Act.LAST):
            if step.errno:
                name = str(call.action) if isinstance(call, ObjectCall) else NAMES[type(call)]
                writing.row(step.process, name, step.errno, failed(machine, call, step))
            else:
                _succeeds(writing, step, call)
        elif isinstance(call, Load | Store) and step.act is Act.STEP and step.failure is None:
            _accesses(writing, step, call)
        if step.process in ends and all(s.process != step.process for s in action.steps[i + 1 :]):
            if step.process != action.process or (step.act is Act.DIE and not step.scheduled):
                for sort in facts.of("killed", "success").learns:
                    writing.learn(step.process, (sort, step.process))
            writing.row(step.process, "end", "success", mine)
        if machine.local(after, step.process).mode in OVER:
            for set_, number in _given_back(machine, state, after, step.process):
                over = lambda sort, s=set_, n=number: [(sort, s, n)]  # noqa: E731
                writing.row(step.process, "undo", "success", over)
    return writing.frozen()


def _given_back(machine: Machine, state: int, after: int, process: int) -> list[tuple[int, int]]:
    """The semaphores of which the end of a process undoes operations in this action."""
    slot = machine.undo.get(process)
    if slot is None:
        return []
    left = dict(machine.layout.get(after, slot))
    return [key for key, units in machine.layout.get(state, slot) if units and key not in left]


def _succeeds(writing: _Writing, step: Step, call: KernelCall) -> None:
    machine, before = writing.machine, writing.processes[step.process]
    rows = about(machine, writing.state, step.process, call, step)
    for name, thing in rows:
        writing.row(step.process, name, "success", thing, before)
    if isinstance(call, Spawn):
        writing.row(step.begin[0], "start", "success", lambda sort: [(sort, step.begin[0])])
    stopped = (Mode.STOPPED, Mode.STOPPED_ASLEEP, Mode.STOPPED_CAUGHT)
    continues = isinstance(call, Signal) and call.signal == "SIGCONT"
    if continues and machine.local(writing.state, step.begin[0]).mode in stopped:
        writing.row(step.begin[0], "continued", "success", lambda sort: [(sort, step.begin[0])])


def _accesses(writing: _Writing, step: Step, call: Load | Store) -> None:
    if writing.machine.program.segments[call.segment].struct.fields[call.field].atomic:
        name = "store" if isinstance(call, Store) else "load"
        here = (call.segment, call.field, step.end[1])
        writing.row(step.process, name, "success", lambda sort: [(sort, *here)])


def access(machine: Machine, action: Action) -> tuple[tuple[int, int, int], bool] | None:
    """(which element, whether it is a store) of an action that accesses a field that is not atomic."""
    if not action.steps:
        return None
    step = action.steps[0]
    instruction = machine.processes[step.process].code[step.pc]
    if step.act is not Act.STEP or not isinstance(instruction, Load | Store) or step.failure is not None:
        return None
    if machine.program.segments[instruction.segment].struct.fields[instruction.field].atomic:
        return None
    return (instruction.segment, instruction.field, step.end[1]), isinstance(instruction, Store)


def nothing(machine: Machine) -> Knows:
    return Knows((Past(),) * len(machine.processes), frozenset(), ((),) * len(machine.program.queues))


def in_executions(machine: Machine, most: int) -> bool:
    """Whether any execution has a race; `TooManyWays` where more than `most` steps have to be looked at."""
    todo: list[tuple[int, Knows, tuple[Any, ...]]] = [(machine.init, nothing(machine), ())]
    looked_at = 0
    while todo:
        state, knows, accesses = todo.pop()
        for action in machine.actions(state):
            looked_at += 1
            if looked_at > most:
                raise TooManyWays
            after, made, found = apply(machine, state, action, knows), accesses, access(machine, action)
            if found is not None:
                place, stores = found
                mine = knows.processes[action.process]
                if any(
                    place == where and (stores or stored) and who != action.process and number not in mine
                    for number, (where, stored, who) in enumerate(accesses)
                ):
                    return True
                after = _marked(after, action.process, len(accesses))
                made = (*accesses, (place, stores, action.process))
            todo.append((state + action.delta, after, made))
    return False


def _marked(knows: Knows, process: int, number: int) -> Knows:
    of = list(knows.processes)
    of[process] |= {number}
    return knows._replace(processes=tuple(of))


def in_states(machine: Machine, states: Iterable[int], most: int) -> set[int]:
    """The states in which the second access of a race is next, for accesses done in any of `states`."""
    found: set[int] = set()
    seen: set[tuple[int, Any, Knows]] = set()
    todo: list[tuple[int, Any, Knows]] = []
    for state in states:
        for action in machine.actions(state):
            first = access(machine, action)
            if first is not None:
                begun = _marked(nothing(machine), action.process, 0)
                todo.append((state + action.delta, first, begun))
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        if len(seen) > most:
            raise TooManyWays
        state, (place, stores), knows = node
        for action in machine.actions(state):
            second = access(machine, action)
            conflicts = second is not None and second[0] == place and (stores or second[1])
            if conflicts and not knows.processes[action.process]:
                found.add(state)
            after = _short(machine, apply(machine, state, action, knows))
            if not all(after.processes):
                todo.append((state + action.delta, (place, stores), after))
    return found


def _short(machine: Machine, knows: Knows) -> Knows:
    """With all receives in one that are so long ago that every send learns of them."""
    rooms = []
    for number, room in enumerate(knows.rooms):
        old = len(room) - capacity(machine, number)
        rooms.append(room if old < 2 else (Past().union(*room[:old]), *room[old:]))
    return knows._replace(rooms=tuple(rooms))
