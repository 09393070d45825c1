"""A path through the model: as a schedule to replay, as the events of a trace, as a table of steps.

A path is what was explored; what of it somebody has to be given the turn for is the schedule. Where
falling asleep is no step of the model, a path ends with those asleep who wait (`settle`), as real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from ipcsim.explorer.forms import Form
from ipcsim.explorer.graph import Graph
from ipcsim.facts import errnos, signals
from ipcsim.facts.limits import MSGMNB
from ipcsim.model import calls
from ipcsim.model.effects import Act, Action, Effects, Failure, Step
from ipcsim.model.layout import View
from ipcsim.model.locals import GONE, Local, Mode
from ipcsim.model.machine import Machine
from ipcsim.model.turn import Turn
from ipcsim.program.instructions import Choose, Crash, Exit, KernelCall, Signal
from ipcsim.program.objects import Segment
from ipcsim.schedule import Choice, Schedule
from ipcsim.snapshot import QueueState, Status
from ipcsim.trace import RECORD, Decoder, Event, EventKind, TraceWriter, data_records, head, new_trace

EXIT_CODES = {Failure.ERRNO: 97, Failure.EVALUATION: 98, Failure.ASSERTION: 99}  # as a worker's


@dataclass
class Path:
    """`actions` from the machine's first state; `asleep` are the sleeping calls appended to them, or `racing`
    two accesses that come next in no order. `loop`: the number of the first action of a part that repeats for
    ever."""

    machine: Machine
    actions: list[Action]
    asleep: list[Step] = field(default_factory=list)
    racing: list[Step] = field(default_factory=list)
    loop: int | None = None

    @property
    def states(self) -> list[int]:
        """The states on the way, the first and the last included."""
        found = [self.machine.init]
        for action in self.actions:
            found.append(found[-1] + action.delta)
        return found

    @property
    def final(self) -> int:
        return self.states[-1]

    @property
    def hurried(self) -> bool:
        """Whether somebody had a turn while an end, or the arrival of a signal, was under way: a controlled
        run, which waits for both, cannot go such a way."""
        return any(
            self._under_way(state, action)
            for state, action in zip(self.states, self.actions, strict=False)
            if action.steps and action.steps[0].scheduled
        )

    def _under_way(self, state: int, action: Action) -> bool:
        for proc in self.machine.processes:
            local = self.machine.local(state, proc.number)
            if local.coming is not None or local.mode is Mode.ENDING:
                return True
        step = action.steps[0]
        if not isinstance(self.machine.processes[step.process].code[step.pc], Signal) or step.errno:
            return False
        target = self.machine.local(state, step.begin[0])  # found, although it has ended
        return target.mode in GONE and not target.reaped

    # --- a schedule ---

    @property
    def schedule(self) -> Schedule:
        """The turns to give."""
        steps = [s for a in self.actions for s in a.steps] + self.racing + self.asleep
        return Schedule(tuple(c for s in steps for c in self._choices(s)))

    def _choices(self, step: Step) -> Iterator[Choice]:
        if step.act is Act.STRIKE:
            yield Choice(step.process, timeout=True)
        elif step.act is Act.DIE and step.scheduled:
            yield Choice(step.process, dies=True)
        elif step.scheduled:
            chooses = isinstance(self.machine.processes[step.process].code[step.pc], Choose)
            yield Choice(step.process, step.end[0] if chooses else None)

    # --- events ---

    def records(self) -> Iterator[tuple[int, bytes]]:
        """(process, records) as workers would have written them; times are the numbers of the steps."""
        time = 0
        for action in self.actions:
            time += 1
            for step in action.steps:
                yield from ((step.process, raw) for raw in self._records(step, time))
        for step in (*self.racing, *self.asleep):
            time += 1
            yield from ((step.process, raw) for raw in self._records(step, time))

    def events(self) -> list[Event]:
        """The events of the path, in its order."""
        decoders = [Decoder(p.number) for p in self.machine.processes]
        return [e for process, raw in self.records() for e in decoders[process].decode(raw)]

    def _records(self, step: Step, time: int) -> Iterator[bytes]:
        pc = step.pc
        number = errnos.NUMBERS.get(step.errno or "", 0)
        if step.act is Act.DIE:
            yield RECORD.pack(time, head(EventKind.DIED, 0), step.end[0], int(step.scheduled))
            return
        if step.act in (Act.UNDO, Act.REAP):
            return  # nobody writes it down
        if step.act in (Act.CALL, Act.SLEEP, Act.LAST):
            yield from _packed(time, head(EventKind.BEGIN, pc), step.begin)
        if step.act in (Act.CALL, Act.WAKE):
            yield from _packed(time, head(EventKind.END, pc, number), step.end)
        elif step.act is Act.STRIKE:
            yield from _packed(time, head(EventKind.END, pc, errnos.NUMBERS["EAGAIN"]), (-1, 0, b""))
        elif step.act is Act.STEP:
            failed = step.failure is Failure.EVALUATION
            end = (0, 0, step.problem.encode()[:256]) if failed else step.end
            if step.failure is Failure.FAULT:  # announced, and never done
                yield from _packed(time, head(EventKind.BEGIN, pc), end)
            else:
                yield from _packed(time, head(EventKind.STEP, pc, -1 if failed else 0), end)
        code = self._exit_code(step)
        if code is not None:
            yield RECORD.pack(time, head(EventKind.DIED, 0), code, 0)

    def _exit_code(self, step: Step) -> int | None:
        """How the process ends with this step; None where it goes on."""
        if step.failure is Failure.FAULT:
            return -signals.NUMBERS["SIGSEGV"]
        if step.failure is not None:
            return EXIT_CODES[step.failure]
        match self.machine.processes[step.process].code[step.pc]:
            case Exit() if step.act is Act.STEP:
                return step.end[0] & 0xFF
            case Crash() if step.act is Act.STEP:
                return -signals.NUMBERS["SIGKILL"]
        return None

    def write(self, folder: FilePath, **header: Any) -> TraceWriter:
        """The path as a new trace in `folder`, still open for its outcome. OSError, EnvironmentProblem."""
        writer = new_trace(folder, self.machine.program, **header)
        for process, raw in self.records():
            writer.records(process, raw)
        if self.loop is not None:
            writer.note({"note": "lasso", "from": self.loop + 1})
        return writer

    # --- what changed ---

    def rows(self) -> list[dict[str, Any]]:
        """One entry a step: process, place, text, and what of the objects changed."""
        found: list[dict[str, Any]] = []
        for i, (action, before) in enumerate(zip(self.actions, self.states, strict=False)):
            changes = list(changed(self.machine, before, before + action.delta, action.writes))
            for k, step in enumerate(action.steps):
                # what is joined to a step, or done for others because of it, changes nothing by itself
                row = self._row(step, changes if k == 0 else [])
                row["loop"] = self.loop is not None and i >= self.loop
                found.append(row)
        found += [{**self._row(step, ["next, in any order"]), "loop": False} for step in self.racing]
        found += [{**self._row(step, ["for ever"]), "loop": False} for step in self.asleep]
        return found

    def _row(self, step: Step, changes: list[str]) -> dict[str, Any]:
        proc = self.machine.processes[step.process]
        instruction = proc.code[step.pc]
        notes = {
            Act.SLEEP: ["falls asleep"],
            Act.LAST: ["is done, and never returns"],
            Act.WAKE: ["wakes up"],
            Act.STRIKE: ["timeout"],
            Act.DIE: ["is killed"],
            Act.UNDO: ["its end gives back what it held"],
            Act.REAP: ["its pid is free"],
        }.get(step.act, [])
        if step.errno:
            notes = [*notes, step.errno]
        if step.failure is Failure.ASSERTION:
            notes = [*notes, "does not hold"]
        return {
            "process": proc.name,
            "at": str(instruction.at),
            "text": instruction.text,
            "changes": [*notes, *changes],
        }


def _packed(time: int, word: int, parts: tuple[int, int, bytes]) -> Iterator[bytes]:
    a, b, data = parts
    raw = b"".join(RECORD.pack(time, int(EventKind.DATA), x, y) for x, y in data_records(data))
    yield raw + RECORD.pack(time, word, a, b)


def changed(machine: Machine, before: int, after: int, writes: Iterable[int]) -> Iterator[str]:
    """`fork[1]: 1 → 0` for each object whose value differs."""
    old, new = View(machine.layout, before), View(machine.layout, after)
    names = labels(machine)
    for slot in sorted(writes):
        if slot in names and old[slot] != new[slot]:
            name = names[slot]
            yield f"{name}: {_shown(old[slot])} → {_shown(new[slot])}"


def labels(machine: Machine) -> dict[int, str]:
    """The slots that users know, by the names they gave them."""
    program = machine.program
    found = {
        slot: declared.label(number)
        for slots, declared in zip(machine.sem, program.sets, strict=True)
        for number, slot in enumerate(slots)
    }
    found |= {slot: f"len({q.name})" for slot, q in zip(machine.queue, program.queues, strict=True)}
    for generations, segment in zip(machine.element, program.segments, strict=True):
        for fields in generations:
            found |= _field_labels(segment, fields)
    return found


def _field_labels(segment: Segment, fields: list[list[int]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for slots, declared in zip(fields, segment.struct.fields, strict=True):
        for i, slot in enumerate(slots):
            index = f"[{i}]" if declared.count is not None and not declared.is_text else ""
            found[slot] = f"{segment.name}.{declared.name}{index}"
    return found


def _shown(value: Any) -> str:
    return (
        str(len(value)) if isinstance(value, tuple) else repr(value) if isinstance(value, str) else str(value)
    )


# --- finding paths ---


def to(machine: Machine, graph: Graph, number: int, form: Form | None = None) -> Path:
    """The path to a state, by first discovery."""
    return Path(machine, list(along(machine, graph, graph.way(number), form)))


def along(machine: Machine, graph: Graph, way: list[int], form: Form | None = None) -> Iterator[Action]:
    """The actions that lead through these states (or ones that they stand for), from the machine's first."""
    state, stands_for = machine.init, int if form is None else form.of
    for number in way[1:]:
        wanted = graph.states[number]
        action = next(a for a in machine.actions(state) if stands_for(state + a.delta) == wanted)
        yield action
        state += action.delta
        for more in () if form is None else form.unseen(state):
            yield more
            state += more.delta


def settle(path: Path, stuck: Iterable[int]) -> Path:
    """Let those who wait for ever at the end of a path begin their calls, as real processes would."""
    machine, state = path.machine, path.final
    if machine.explicit:
        return path
    for process in stuck:
        local = machine.local(state, process)
        instruction = machine.processes[process].code[local.pc]
        if local.mode is Mode.READY and isinstance(instruction, KernelCall):
            path.asleep.append(_falls_asleep(machine, state, process, local))
    return path


def labelled(machine: Machine, graph: Graph, steps: Iterable[tuple[int, int, int, int]]) -> Iterator[Action]:
    """The actions of (state, process, alternative, next state) steps; not where states stand for others."""
    for number, process, alternative, _ in steps:
        yield machine.actions_of(graph.states[number], process)[alternative]


def _falls_asleep(machine: Machine, state: int, process: int, local: Local) -> Step:
    """The BEGIN of a call that has to wait."""
    turn = Turn(machine, View(machine.layout, state), process, local)
    instruction = turn.proc.code[local.pc]
    begin = calls.begin_record(turn, instruction)
    return Step(process, local.pc, Act.SLEEP, begin=begin, scheduled=True)


def status(machine: Machine, state: int, process: int) -> Status:
    """What a snapshot calls the state of a process."""
    local = machine.local(state, process)
    match local.mode:
        case Mode.UNBORN:
            return Status.UNBORN
        case Mode.ENDED:
            return Status.ENDED
        case Mode.FAILED | Mode.DEAD:
            return Status.DEAD
        case Mode.ASLEEP:
            return Status.BLOCKED
    instruction = machine.processes[process].code[local.pc]
    waits = isinstance(instruction, KernelCall) and not machine.actions_of(state, process)
    return Status.BLOCKED if waits else Status.RUNNING


def queue_state(machine: Machine, state: int, number: int) -> QueueState:
    messages = machine.layout.get(state, machine.queue[number])
    capacity = machine.program.queues[number].bytes
    if machine.living is not None:
        capacity = machine.living.capacity(Effects(View(machine.layout, state)), number)
    return QueueState(
        len(messages),
        sum(m.length for m in messages),
        MSGMNB if capacity is None else capacity,
        tuple(m.type for m in messages),
    )
