"""Builds the `History` of a trace: one pass over its events, in the order of time.

A call that may sleep did so where another process's record lies between its begin and its end and either
something was lacking when it began or somebody gave what it took; in a free run it must have lasted
`LEAST_SLEEP` besides, since a call that loses the processor looks the same otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ipcsim.analysis.history import History, Lane, Span, Step, by_steps, is_exact
from ipcsim.analysis.history_calls import Plan, Plans, Sort, result_text, waiting_for
from ipcsim.analysis.history_lanes import Lanes, Thread, end_of, ordered
from ipcsim.analysis.history_objects import Message, Objects
from ipcsim.analysis.history_wakes import Offer, Wake, Wakes
from ipcsim.analysis.operations import Operations, Pairs
from ipcsim.analysis.waits import next_pc, resolve_wait
from ipcsim.errors import NOWHERE
from ipcsim.facts import errnos
from ipcsim.kernel.effects import Set
from ipcsim.kernel.holdings import Held, Holdings
from ipcsim.kernel.observed import semop
from ipcsim.kernel.static import effects_of
from ipcsim.kernel.values import written
from ipcsim.program.instructions import (
    Assert,
    Instruction,
    KernelCall,
    ObjectCall,
    ObjectKind,
    Phase,
    Semop,
    SetValue,
    Signal,
    Store,
)
from ipcsim.trace import Event, EventKind, Trace

LEAST_SLEEP = 10_000  # ns
DEATH = -1  # the pc of a step that is a process's end by a signal

Changes = tuple[tuple[str, str], ...]


class Builder:
    """`advance` takes in events up to a time, `build` all of them."""

    def __init__(self, trace: Trace) -> None:
        program = self._program = trace.program
        self._trace, self.events = trace, ordered(trace)
        self._next = 0
        self._exact = is_exact(trace)
        self._start = self.events[0].time if self.events else 0
        if by_steps(trace):
            self._start = min(0, self._start)
        self._end = end_of(trace, self.events)
        self._operations = Operations(program)
        self._plans = Plans(program, self._operations)
        self.objects = Objects(program, self._start)
        self._holdings = Holdings(program)
        self._held: tuple[tuple[int, str, int], ...] = ()  # what the event at hand changed of it
        self._wakes = Wakes()
        self._found: list[Wake] = []
        self._steps: list[Step] = []
        self._lanes = lanes = Lanes(len(program.processes), self._start)
        self._threads = lanes.threads
        self._spawners: dict[int, Offer] = {}
        self._setting: dict[int, int] = {}  # who is in a set_value, at which pc
        for p in program.processes:
            if program.families[p.family].spawned:
                self._threads[p.number].lane = Lane.UNBORN

    def advance(self, until: int | None = None) -> Sequence[Event]:
        """Take in the events up to `until` (None: all) that were not taken in yet; these events."""
        events, first = self.events, self._next
        while self._next < len(events) and (until is None or events[self._next].time <= until):
            self._take(self._next, events[self._next])
            self._next += 1
        return events[first : self._next]

    def _take(self, index: int, event: Event) -> None:
        if self._threads[event.process].lane is Lane.UNBORN:
            self._born(event)
        kind = event.kind
        if kind is EventKind.BEGIN:
            self._begin(index, event)
        elif kind is EventKind.END:
            self._finish(index, event)
        elif kind is EventKind.STEP:
            self._step(event)
        elif kind is EventKind.DIED:
            self._died(event)

    def build(self) -> History:
        self.advance()
        for process, thread in enumerate(self._threads):
            self._close(process, thread)
        notes = [n.get("from") for n in self._trace.notes if n.get("note") == "lasso"]
        return History(
            self._program,
            self._start,
            self._end,
            tuple(tuple(s) for s in self._lanes.spans),
            tuple(tuple(p) for p in self._lanes.phases),
            tuple(self._found),
            tuple(self._steps),
            {label: tuple(changes) for label, changes in self.objects.series.items()},
            self._exact,
            by_steps(self._trace),
            next((n for n in notes if isinstance(n, int)), None),
            self._trace,
        )

    # --- calls ---

    def _begin(self, index: int, event: Event) -> None:
        process, time = event.process, event.time
        thread, plan = self._threads[process], self._plans.of(process, event.pc)
        thread.begun, thread.index, thread.early, thread.last_pc = event, index, False, event.pc
        thread.begun_at = time
        thread.lacking = ()
        if plan.sort is Sort.SEMOP:
            pairs = plan.pairs
            if pairs is None:
                size = self._program.sets[plan.number].size
                pairs = tuple(o for o in self._operations.of(event) if 0 <= o[0] < size)
            thread.pairs = pairs
            if plan.ends_phase and thread.phase is not None:
                self._lanes.leave_phase(process, time)
            if plan.gives:
                self.objects.semop(time, plan.number, pairs)
                self._wakes.semop(process, event.pc, time, None, plan.number, pairs)
                thread.early = True
            else:
                thread.lacking = self._lacking(plan.number, pairs)
                if not thread.lacking:
                    self._wakes.calling(process, event.pc, time, plan.number, pairs)
        elif plan.sort is Sort.SEND:
            self.objects.sending(plan.number, Message(event.a, event.b, time, process, event.pc))
        elif plan.sort is Sort.OBJECT and isinstance(plan.instruction, ObjectCall):
            ref = plan.instruction.object
            if plan.instruction.action == "remove":
                self._wakes.removed(process, event.pc, time, ref.kind is ObjectKind.QUEUE, ref.number)
        elif plan.sort is Sort.SET_VALUE:
            self._setting[process] = event.pc
        elif plan.sort is Sort.SIGNAL:
            self._wakes.signalled(process, event.pc, time, event.a)
        elif plan.sort is Sort.SPAWN:
            self._spawners[event.a] = Offer(process, event.pc, time, None, 1, "spawn")

    def _lacking(self, set_: int, pairs: Pairs) -> Pairs:
        """The operations that the values at hand do not allow."""
        values = self.objects.sets[set_]
        if values is None:
            return ()
        found: list[tuple[int, int]] = []
        for number, delta in pairs:
            value = values[number] if number < len(values) else None
            if value is not None and (value < -delta if delta < 0 else delta == 0 and value != 0):
                found.append((number, delta))
        return tuple(found)

    def _finish(self, index: int, event: Event) -> None:
        process = event.process
        thread, plan = self._threads[process], self._plans.of(process, event.pc)
        begun, thread.begun = thread.begun, None
        since = event.time if begun is None else begun.time
        thread.begun_at, thread.begun_a = since, 0 if begun is None else begun.a
        changes = self._effect(event, thread, plan, since)
        if plan.sleeps and begun is not None and self._slept(index, event, thread, begun):
            self._sleep(event, thread, plan, begun)
        result = errnos.name(event.errno) if event.errno else ""
        if not event.errno:
            result = result_text(plan.instruction, True, event.a, event.b)
            if plan.sort is Sort.SEND and begun is not None:
                result = f"type {begun.a}, {begun.b} bytes"
        self._done(event, since, plan, result, changes)
        if event.errno and not (
            isinstance(plan.instruction, KernelCall) and plan.instruction.handler(result)
        ):
            self._lanes.stop(process, event.time, Lane.DEAD, event.pc)

    def _slept(self, index: int, event: Event, thread: Thread, begun: Event) -> bool:
        """Whether the call slept. Exactly ordered: somebody else moved before it ended. Free: so too, and
        it took longer than a call takes."""
        if index - thread.index <= 1:
            return False
        return self._exact or event.time - begun.time >= LEAST_SLEEP

    def _sleep(self, event: Event, thread: Thread, plan: Plan, begun: Event) -> None:
        process = event.process
        waker = self._waker(event, thread, plan, begun.time)
        if waker is None and not thread.lacking and not event.errno:
            return  # everything was there: it only lost the processor
        self._lanes.enter(process, begun.time, Lane.BLOCKED)
        wait = resolve_wait(plan.instruction, begun.a, begun.b, thread.pairs) if plan.instruction else None
        lacking = thread.lacking or thread.pairs
        on = waiting_for(self._program, self.objects.semaphore_labels, plan, lacking, begun.a)
        self._lanes.add(Span(process, begun.time, event.time, Lane.BLOCKED, event.pc, wait, on))
        thread.since, thread.lane, thread.pc = event.time, Lane.RUNNING, event.pc
        if waker is not None:
            self._found.append(waker)

    def _waker(self, event: Event, thread: Thread, plan: Plan, since: int) -> Wake | None:
        process, queue = event.process, plan.sort is not Sort.SEMOP
        name = errnos.name(event.errno) if event.errno else ""
        call = {Sort.SEMOP: "P", Sort.SEND: "send", Sort.RECEIVE: "receive"}[plan.sort]
        thing = self._program.queues[plan.number].name if queue else self._program.sets[plan.number].name
        offer: Offer | None = None
        if name == "EIDRM":
            offer = self._wakes.of_removal(process, since, queue, plan.number)
        elif name == "EINTR":
            offer = self._wakes.of_signal(process, since)
        elif name:
            return None
        elif plan.sort is Sort.SEMOP:
            found = self._wakes.of_semop(process, since, plan.number, thread.lacking or thread.pairs)
            if found is not None:
                offer, number, delta = found
                call = "Z" if delta == 0 else "P"
                thing = self.objects.semaphore_labels[plan.number][number]
        elif plan.sort is Sort.SEND:
            offer = self._wakes.of_send(process, since, plan.number)
        else:
            message = thread.message
            if message is not None and message.process != process and message.time >= since:
                offer = Offer(message.process, message.pc, message.time, message.time, 1, "send")
        if offer is None:
            return None
        moment = offer.time if offer.time <= event.time else event.time
        return Wake(
            event.time, offer.process, offer.pc, process, event.pc, thing, f"{offer.what}→{call}", moment
        )

    # --- effects ---

    def _effect(self, event: Event, thread: Thread, plan: Plan, since: int) -> Changes:
        """What the call changed, and (label, value) of it."""
        objects, process, time = self.objects, event.process, event.time
        if event.errno:
            self._failure(event, thread, plan)
            return ()
        match plan.sort:
            case Sort.SEMOP:
                return self._semop_effect(event, thread, plan, since)
            case Sort.SEND:
                objects.sent(plan.number, time, process, True)
                labels = [objects.queue_labels[plan.number]]
            case Sort.RECEIVE:
                thread.message = objects.received(plan.number, time, event.b)
                self._wakes.took(process, event.pc, since, time, plan.number)
                labels = [objects.queue_labels[plan.number]]
            case Sort.SET_VALUE:
                return self._set_value_effect(process, plan, time, event.a)
            case Sort.SIGNAL if isinstance(plan.instruction, Signal) and plan.instruction.signal == "SIGKILL":
                # what the kernel undoes for the killed one shows before its end is recorded
                labels = objects.ended(thread.begun_a, time)
                self._hold(self._holdings.ended(thread.begun_a))
            case Sort.OBJECT if isinstance(plan.instruction, ObjectCall):
                labels = objects.object_call(time, plan.instruction)
                self._forget(plan.instruction)
            case _:
                return ()
        return self._values(labels)

    def _semop_effect(self, event: Event, thread: Thread, plan: Plan, since: int) -> Changes:
        objects, pairs, set_ = self.objects, thread.pairs, plan.number
        if thread.early:
            self._wakes.over(event.process, event.time)
        else:
            if self._setting and self._lacking(set_, pairs):
                self._set_early(set_, event.time)
            objects.semop(event.time, set_, pairs)
            self._wakes.semop(event.process, event.pc, since, event.time, set_, pairs)
        if plan.undo:
            objects.adjust(event.process, set_, pairs, plan.undo)
        if isinstance(plan.instruction, Semop):
            self._hold(self._holdings.apply(event.process, semop(plan.instruction, pairs), plan.at))
        labels = objects.semaphore_labels[set_]
        if len(pairs) == 1:  # by far the commonest
            number, delta = pairs[0]
            label = labels[number]
            return ((label, objects.now(label)),) if delta else ()
        return self._values(dict.fromkeys(labels[n] for n, delta in pairs if delta))

    def _set_value_effect(self, process: int, plan: Plan, time: int, result: int) -> Changes:
        self._setting.pop(process, None)
        thread, call = self._threads[process], plan.instruction
        if not isinstance(call, SetValue):
            return ()
        if thread.early:
            return self._values(thread.labels)
        thread.labels = labels = self.objects.set_value(process, time, call, result)
        names = self.objects.semaphore_labels[call.set]
        numbers = [names.index(n) for n in labels]
        self._hold([h for n in numbers for h in self._holdings.forget(Set(call.set, range(n, n + 1), ()))])
        self._wakes.value(process, plan.pc, thread.begun_at, time, call.set, numbers)
        return self._values(labels)

    def _set_early(self, set_: int, time: int) -> None:
        """A semop succeeded that the values at hand do not allow: a set_value that has begun is why."""
        for process, pc in list(self._setting.items()):
            plan = self._plans.of(process, pc)
            if isinstance(plan.instruction, SetValue) and plan.instruction.set == set_:
                self._set_value_effect(process, plan, time, 0)
                self._threads[process].early = True

    def _failure(self, event: Event, thread: Thread, plan: Plan) -> None:
        """The call failed: what was counted early did not happen."""
        if plan.sort is Sort.SEMOP and thread.early:
            self.objects.semop(event.time, plan.number, thread.pairs, -1)
            self._wakes.over(event.process, event.time)
        elif plan.sort is Sort.SEND:
            self.objects.sent(plan.number, event.time, event.process, False)
        self._setting.pop(event.process, None)

    def _forget(self, instruction: Instruction) -> None:
        self._hold(
            [h for e in effects_of(instruction, self._program, written) for h in self._holdings.forget(e)]
        )

    def _hold(self, changed: Sequence[Held]) -> None:
        """What the event at hand has changed of what is held."""
        labels = self.objects.semaphore_labels
        self._held = tuple([(h.process, labels[h.set][h.number], h.units) for h in changed])

    def _values(self, labels: Iterable[str]) -> Changes:
        return tuple((label, self.objects.now(label)) for label in labels)

    # --- steps that cannot block, and ends ---

    def _step(self, event: Event) -> None:
        process, time = event.process, event.time
        thread, plan = self._threads[process], self._plans.of(process, event.pc)
        since = time if thread.begun is None else thread.begun.time
        thread.begun, thread.last_pc = None, event.pc
        changes: Changes = ()
        result = ""
        if event.errno:
            result = event.data.rstrip(b"\0").decode("utf-8", "replace")
        else:
            result = result_text(plan.instruction, False, event.a, event.b)
            match plan.instruction:
                case Store() as store:
                    changes = self._values(self.objects.stored(event, store))
                case Phase(name=name):
                    self._lanes.leave_phase(process, time)
                    thread.phase, thread.phase_since = name, time
                    changes = ((self._program.processes[process].name, name),)
        if plan.sort in (Sort.EXIT, Sort.CRASH):
            self._wakes.exit(process, event.pc, time, self.objects.undone_by(process))
            changes = self._values(self.objects.ended(process, time))
            self._hold(self._holdings.ended(process))
            self._lanes.stop(process, time, Lane.ENDED if plan.sort is Sort.EXIT else Lane.DEAD, event.pc)
        elif event.errno or (isinstance(plan.instruction, Assert) and not event.a):
            self._lanes.stop(process, time, Lane.DEAD, event.pc)
        self._done(event, since, plan, result, changes)

    def _done(self, event: Event, since: int, plan: Plan, result: str, changes: Changes) -> None:
        """A step is over."""
        process, pc = event.process, event.pc
        then = next_pc(self._program.code(process), event.kind, pc, event.errno, event.a)
        held, self._held = self._held, ()
        self._steps.append(
            Step(event.time, since, process, pc, plan.text, plan.at, result, changes, then, held)
        )

    def _died(self, event: Event) -> None:
        """The process is gone: by a signal, after an error, or by the `exit` just seen."""
        process, time = event.process, event.time
        thread = self._threads[process]
        if thread.lane not in (Lane.ENDED, Lane.DEAD):
            undone = self.objects.undone_by(process)
            self._wakes.exit(process, thread.last_pc, time, undone)
            self._blocked_until(process, thread, time)
            self._lanes.stop(process, time, Lane.DEAD, thread.last_pc)
        changes = self._values(self.objects.ended(process, time))
        self._hold(self._holdings.ended(process))
        held, self._held = self._held, ()
        if event.a < 0 or changes:
            text = f"killed by signal {-event.a}" if event.a < 0 else "gone; SEM_UNDO"
            self._steps.append(Step(time, time, process, DEATH, text, NOWHERE, "", changes, DEATH, held))

    def _blocked_until(self, process: int, thread: Thread, time: int) -> None:
        """A call that never ended: asleep in it until `time`."""
        begun, thread.begun = thread.begun, None
        plan = None if begun is None else self._plans.of(process, begun.pc)
        if begun is None or plan is None or not plan.sleeps or plan.instruction is None:
            return
        wait = resolve_wait(plan.instruction, begun.a, begun.b, thread.pairs)
        if wait is None:
            return
        self._lanes.enter(process, begun.time, Lane.BLOCKED)
        lacking = (plan.sort is Sort.SEMOP and self._lacking(plan.number, thread.pairs)) or thread.pairs
        on = waiting_for(self._program, self.objects.semaphore_labels, plan, lacking, begun.a)
        self._lanes.add(Span(process, begun.time, time, Lane.BLOCKED, begun.pc, wait, on))
        thread.since, thread.lane, thread.pc = time, Lane.RUNNING, begun.pc

    # --- lanes and phases ---

    def _born(self, event: Event) -> None:
        process = event.process
        self._lanes.enter(process, event.time, Lane.RUNNING)
        offer = self._spawners.get(process)
        if offer is not None:
            name = self._program.processes[process].name
            self._found.append(
                Wake(event.time, offer.process, offer.pc, process, 0, name, "spawn→start", offer.begun)
            )

    def _close(self, process: int, thread: Thread) -> None:
        """The trace is over."""
        self._blocked_until(process, thread, self._end)
        self._lanes.leave_phase(process, self._end)
        last = Span(process, thread.since, max(thread.since, self._end), thread.lane, thread.pc)
        # how it was left is told in any case, also where that was the very last that happened
        if last.end > last.start or last.lane in (Lane.ENDED, Lane.DEAD) or not self._lanes.spans[process]:
            self._lanes.spans[process].append(last)
