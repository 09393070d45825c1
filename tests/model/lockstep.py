"""The model and the kernel side by side: one step on both, everything compared.

Where the kernel is free (which of the blocked senders that fit goes next, Q-4) the model has several
ways to come to rest. All that agree with what was seen are kept, and a disagreement is a step after which
none is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ipcsim.model.effects import Act, Action, Step
from ipcsim.model.locals import LIVING, Local, Mode
from ipcsim.model.machine import Machine
from ipcsim.model.turn import SHOWN
from ipcsim.program import Discipline, Program
from ipcsim.program.instructions import (
    GetValue,
    Instruction,
    KernelCall,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    Receive,
    SemaphoreQuestion,
    Store,
)
from tests.model.children import Pool
from tests.model.looking import Seen
from tests.model.modelled import ANYBODY, different, fields_of, objects_of, queue_of, set_of
from tests.model.telling import brief, kind_of
from tests.model.world import World

STEP, STRIKE, KILL = "step", "strike", "kill"
AFTER_REMOVAL = 15  # steps; all calls on what is gone end with EINVAL
OFTEN = 40  # how much likelier a step is than a timeout or a kill
KILLS = 1  # how many processes of one program may be killed from outside


class Choice(NamedTuple):
    process: int
    what: str = STEP


class Rest(NamedTuple):
    """One way in which the model comes to rest after a step."""

    state: int
    steps: tuple[Step, ...]


class Disagreement(AssertionError):
    """The model has no way to do what the kernel did."""


@dataclass
class Covered:
    """What was compared: how often each kind of call, each errno, each hand-over."""

    steps: int = 0
    programs: int = 0
    disagreements: int = 0
    unsupported: Counter[str] = field(default_factory=Counter)  # programs that the model gives up, by reason
    calls: Counter[str] = field(default_factory=Counter)
    errnos: Counter[str] = field(default_factory=Counter)
    hand_overs: Counter[str] = field(default_factory=Counter)
    free: int = 0  # steps after which the kernel could have gone several ways


class _Wide(dict[str, int]):
    """Wide slots for everything: nothing may overflow in the middle of a comparison."""

    def get(self, _name: str, _default: Any = None) -> Any:
        return 24


class Lockstep:
    """One Program on both sides."""

    def __init__(self, program: Program, pool: Pool, covered: Covered | None = None) -> None:
        self.machine = Machine(program, Discipline.KERNEL, crashes=KILLS, widths=_Wide())
        self.program = program
        self.covered = Covered() if covered is None else covered
        self._driven = sum(not f.spawned for f in program.families)
        self.world = World(program, pool.take(self._driven))
        self.states = [r.state for r in self._rests([Rest(self.machine.init, ())])]
        self.done: list[Choice] = []
        self.last = Rest(self.states[0], ())

    def __enter__(self) -> Lockstep:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.close()

    # --- choices ---

    def possible(self) -> list[Choice]:
        """What can be done next: the same in every state that agrees with what was seen. Ordinary steps are
        named more often than kills."""
        found: list[Choice] = []
        machine, state = self.machine, self.states[0]
        for process in range(self._driven):
            local = machine.local(state, process)
            if local.mode is Mode.READY:
                if self._worth_doing(state, process, local):
                    found += [Choice(process)] * (OFTEN * (4 if self._wakes(state, process) else 1))
            elif local.mode is Mode.ASLEEP and self._instruction(local, process).timeout is not None:
                found += [Choice(process, STRIKE)]
        budget = machine.layout.get(state, machine.budget) if machine.budget is not None else 0
        if budget:
            alive = [p for p in range(self._driven) if machine.local(state, p).mode in LIVING]
            found += [Choice(p, KILL) for p in alive[len(self.done) % max(1, len(alive)) :][:1]]
        if all(c.what == KILL for c in found) and not self._worth_killing(state):
            return []
        return found

    def _worth_doing(self, state: int, process: int, local: Local) -> bool:
        """All but the exit that ends every code, where it changes nothing: it costs a fork."""
        if local.pc < len(self.machine.processes[process].code) - 1:
            return True
        undo = self.machine.undo.get(process)
        return undo is not None and bool(self.machine.layout.get(state, undo))

    def _wakes(self, state: int, process: int) -> bool:
        """Whether the next step of a process ends somebody's sleep: what is to be compared above all."""
        return any(
            step.act is Act.WAKE for a in self.machine.actions_of(state, process) for step in a.steps[1:]
        )

    def _worth_killing(self, state: int) -> bool:
        return any(self.machine.layout.get(state, slot) for slot in self.machine.undo.values())

    def _instruction(self, local: Local, process: int) -> Any:
        return self.machine.processes[process].code[local.pc]

    def run(self, schedule: list[int]) -> None:
        """Take choices as the numbers say, until nothing is possible; then look into the queues."""
        left = AFTER_REMOVAL
        for number in schedule:
            possible = self.possible()
            left -= self.world.bare
            if not possible or not left:
                break
            self.take(possible[number % len(possible)])
        self.finish()

    # --- a step ---

    def take(self, choice: Choice) -> None:
        """One step on both sides."""
        process = choice.process
        local = self.machine.local(self.states[0], process)
        instruction = self._instruction(local, process)
        self.done.append(choice)
        before = list(self.states)
        rests = self._rests(
            [
                Rest(self.machine.next(state, action), action.steps)
                for state in before
                for action in self._actions(state, choice)
            ]
        )
        if choice.what == STEP:
            seen = self.world.step(process, instruction)
        else:
            seen = self.world.strike(process) if choice.what == STRIKE else self.world.kill(process)
        agree = [r for r in rests if self._difference(r, seen) is None]
        self._cover(choice, instruction, agree, len(rests))
        if not agree:
            raise Disagreement(self._told(choice, instruction, rests, seen))
        self.states = sorted({r.state for r in agree})
        self.last = agree[0]

    def _actions(self, state: int, choice: Choice) -> Iterator[Action]:
        """The model's actions that are this choice."""
        for action in self.machine.actions_of(state, choice.process):
            if not action.steps or not action.steps[0].scheduled:
                continue
            act = action.steps[0].act
            what = KILL if act is Act.DIE else STRIKE if act is Act.STRIKE else STEP
            if what == choice.what:
                yield action

    def _rests(self, begun: list[Rest]) -> list[Rest]:
        """Go on with whatever nobody has to be given the turn for, in every order, until nothing is left."""
        found: list[Rest] = []
        met: set[Rest] = set()
        todo = begun
        while todo:
            rest = todo.pop()
            if rest in met:
                continue
            met.add(rest)
            free = [
                action
                for process in range(self._driven)
                for action in self.machine.actions_of(rest.state, process)
                if not action.steps or not action.steps[0].scheduled
            ]
            if not free:
                found.append(rest)
            todo += [Rest(self.machine.next(rest.state, a), rest.steps + a.steps) for a in free]
        return found

    # --- comparing ---

    def _difference(self, rest: Rest, seen: Seen) -> str | None:
        """The first thing in which the model differs from what was seen, in words."""
        state = rest.state
        modes = [self.machine.local(state, p).mode for p in range(self._driven)]
        asleep = {p for p, m in enumerate(modes) if m is Mode.ASLEEP}
        if asleep != seen.asleep:
            return f"asleep are {sorted(asleep)}"
        stopped = {p for p, m in enumerate(modes) if m in LIVING - {Mode.READY, Mode.ASLEEP}}
        if stopped != seen.stopped:
            return f"stopped are {sorted(stopped)}"
        gone = {s.process for s in rest.steps if not _lives(modes[s.process])}
        if gone != seen.gone:
            return f"gone are {sorted(gone)}"
        answers = {
            s.process: self._answer(s, seen)
            for s in rest.steps
            if s.act in (Act.CALL, Act.WAKE, Act.STRIKE, Act.STEP)
            and _lives(modes[s.process])
            and isinstance(self._at(s), KernelCall | Load | Store)
        }
        real = {p: self._real_answer(rest, p, a) for p, a in seen.answers.items()}
        if answers != real:
            return f"the calls end with {answers}, really {real}"
        if self.machine.living is not None:
            found_wrong = different(objects_of(self.machine, state), seen.objects)
            if found_wrong is not None:
                return found_wrong
        for number, looked in seen.sets.items():
            if looked is not None and (mine := set_of(self.machine, state, number, looked)) != looked:
                return f"set {number} is {mine}"
        for number, found in seen.queues.items():
            if found is not None and (its := queue_of(self.machine, state, number, found)) != found:
                return f"queue {number} is {its}"
        return None

    def _answer(self, step: Step, seen: Seen) -> Any:
        if step.errno is not None:
            return step.errno
        match self._at(step):
            case Receive():
                return step.end
            case ObjectCall(field="lpid") if step.end[0] == ANYBODY:
                return seen.answers[step.process][1]
            case ObjectCall(action=Lifecycle.ATTACH):
                return 0  # where it is attached is the kernel's affair
            case Load():
                return step.end[0] if step.end[0] or not step.end[2] else step.end[2]
            case GetValue() | ObjectCall():
                return step.end[0]
        return None

    def _at(self, step: Step) -> Instruction:
        return self.machine.processes[step.process].code[step.pc]

    def _real_answer(self, rest: Rest, process: int, answer: tuple[str | None, Any]) -> Any:
        errno, result = answer
        if errno is not None:
            return errno
        pc = next((s.pc for s in rest.steps if s.process == process), 0)
        match self.machine.processes[process].code[pc]:
            case Receive():
                return len(result[1]), result[0], result[1]
            case GetValue(question=SemaphoreQuestion.PID):
                return self.world.as_modelled(result)
            case GetValue(question=SemaphoreQuestion.ALL):
                return 0  # the values are looked at anyway
            case ObjectCall(action=Lifecycle.ATTACH):
                return 0
            case Load() if isinstance(result, str):
                return result.encode()[:SHOWN] or 0
            case Load() | GetValue() | ObjectCall():
                return 0 if result is None else result
        return None

    def finish(self) -> None:
        """Compare what lies in the queues, message by message, and in the segments, field by field."""
        self._compare_segments()
        for number in range(len(self.program.queues)):
            ref = ObjectRef(ObjectKind.QUEUE, number)
            if self.machine.leader[ref] != ref or (qnum := self._messages(number)) is None:
                continue
            real = self.world.contents(number, qnum)
            models = [
                [(m.type, m.raw) for m in messages]
                for s in self.states
                for messages in [self.machine.layout.get(s, self.machine.queue[number])]
            ]
            if real not in models:
                raise Disagreement(f"queue {number} holds {real}, not {models}\n{self._history()}")
        self.covered.programs += 1

    def _compare_segments(self) -> None:
        for number, segment in enumerate(self.program.segments):
            models = [fields_of(self.machine, state, number) for state in self.states]
            real = {found: self.world.fields(found, segment) for found in models[0]}
            if real not in models:
                raise Disagreement(f"segment {number} has {real}, not {models}\n{self._history()}")

    def _messages(self, number: int) -> int | None:
        """How many messages lie in a queue; None where it has been removed."""
        if self.world.live(ObjectKind.QUEUE, number) is None:
            return None
        return len(self.machine.layout.get(self.states[0], self.machine.queue[number]))

    # --- telling ---

    def _cover(self, choice: Choice, instruction: Instruction, agree: list[Rest], ways: int) -> None:
        covered = self.covered
        covered.steps += 1
        covered.free += ways > 1
        cause = kind_of(instruction) if choice.what == STEP else choice.what
        covered.calls[cause] += 1
        for step in agree[0].steps if agree else ():
            if step.errno is not None:
                covered.errnos[step.errno] += 1
            if step.act is Act.WAKE:
                woken = kind_of(self.machine.processes[step.process].code[step.pc])
                covered.hand_overs[f"{woken} ends by {cause}: {step.errno or 'done'}"] += 1

    def _told(self, choice: Choice, instruction: Instruction, rests: list[Rest], seen: Seen) -> str:
        lines = [f"{choice} {brief(instruction)}", f"really: {seen}"]
        lines += [f"model:  {self._difference(r, seen)}" for r in rests[:5]] or ["model: no such step"]
        return "\n".join([*lines, self._history()])

    def _history(self) -> str:
        """The program and the choices so far, to be read and to be done again."""
        lines = [f"sets {[s.initial for s in self.program.sets]}"]
        lines += [f"queues {[q.bytes for q in self.program.queues]}"]
        for number, family in enumerate(self.program.families):
            lines += [f"p{number}:", *(f"  {pc} {brief(i)}" for pc, i in enumerate(family.code))]
        return "\n".join([*lines, f"choices {[tuple(c) for c in self.done]}"])


def _lives(mode: Mode) -> bool:
    return mode in LIVING
