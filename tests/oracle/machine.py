"""What steps are made of: how a call returns, how a process sleeps, wakes, ends; races."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from tests.oracle import control, queues, semaphores
from tests.oracle.expressions import NoValue
from tests.oracle.queues import Request
from tests.oracle.scenario import Doc, Scenario, object_of, split
from tests.oracle.semaphores import Array, Op
from tests.oracle.world import Message, Process, Sleeper, Undo, World

Discipline = Literal["weak", "kernel"]
CALLS = frozenset(("P", "V", "Z", "semop", "get", "set_value", "send", "receive", "stat", "signal", "spawn"))
CALLS |= {"create", "open", "remove"}


@dataclass(frozen=True)
class Machine:
    """A scenario with what is asked of it. `ordered`: races are looked for by what orders accesses, not only
    where two of them come next to each other."""

    it: Scenario
    discipline: Discipline = "weak"
    crashes: int = 0
    ordered: bool = False

    @property
    def kernel(self) -> bool:
        return self.discipline == "kernel"

    # --- what stands in a step ---

    def step(self, world: World, p: int) -> Doc:
        found = control.current(self.it, world.processes[p])
        assert found is not None
        return found

    def value(self, world: World, p: int, written: Any) -> Any:
        if not isinstance(written, str):
            return written
        return control.evaluator(self.it, p, world.processes[p]).value(written)

    def member(self, world: World, p: int, text: str) -> tuple[int, int]:
        """(set, number) of a semaphore that a step names."""
        name, index = split(text)
        set_, base, count = self.it.members[name]
        place = 0 if index is None else self.value(world, p, index)
        if not 0 <= place < count:
            raise NoValue(f"{text} is outside its array")
        return set_, base + place

    def array(self, world: World, p: int) -> tuple[int, Array]:
        """The set and the operations of the semop at which a process is."""
        step, ops, set_ = self.step(world, p), [], -1
        sign = -1 if "P" in step else 1
        for text, written, flags in _operations(step):
            set_, number = self.member(world, p, text)
            nowait, undo = (bool(step.get(f) or flags.get(f)) for f in ("nowait", "undo"))
            ops.append(Op(number, sign * self.value(world, p, written), nowait, undo))
        return set_, tuple(ops)

    def array_of(self, world: World, p: int) -> Array:
        return self.array(world, p)[1]

    def message(self, world: World, p: int) -> Message:
        asked = self.step(world, p)["send"]
        whole = self.it.queues[self.queue(asked)].length
        length = self.value(world, p, asked.get("length", whole))
        n = self.value(world, p, asked.get("message", {}).get("n", 0))
        return Message(self.value(world, p, asked["type"]), length, n if length else 0)

    def request(self, world: World, p: int) -> Request:
        asked = self.step(world, p)["receive"]
        whole = self.it.queues[self.queue(asked)].length
        return Request(
            self.value(world, p, asked.get("type", 0)),
            asked.get("except", False),
            self.value(world, p, asked.get("size", whole)),
            asked.get("noerror", False),
        )

    def queue(self, asked: Doc) -> int:
        return self.it.queue_names.index(asked["queue"])

    def object(self, name: str) -> int:
        """The number of a set or queue among all."""
        if name in self.it.set_names:
            return self.it.set_names.index(name)
        return len(self.it.sets) + self.it.queue_names.index(name)

    def of_queue(self, queue: int) -> int:
        return len(self.it.sets) + queue

    # --- going on ---

    def go_on(self, world: World, p: int, process: Process) -> None:
        """`process` is where p is after its step."""
        world.processes[p] = control.settle(self.it, p, process)

    def returned(self, world: World, p: int, errno: str | None, result: Any = None) -> None:
        """The call at which p is is over. Its program goes on unless it is being killed or stopped."""
        process = world.processes[p]
        if process.killed:
            self.end(world, p, "dead")
            return
        step = self.step(world, p)
        self._told(world, p, step, errno)
        process = process._replace(
            life="ready", stopped=process.stopped or process.stopping, stopping=False, signalled="", resume=""
        )
        if errno is None:
            into = _into(step)
            if into is not None:
                process = control.assigned(self.it, p, process, into, result)
            self.go_on(world, p, control.advance(process))
        elif errno in step.get("on_error", {}):
            self.go_on(world, p, control.push(self.it, process, step["on_error"][errno]))
        elif process.stopped:
            world.processes[p] = process._replace(due=True)
        else:
            self.fail(world, p, "error")

    def fail(self, world: World, p: int, kind: str) -> None:
        world.found.add(kind)
        self.end(world, p, "failed")

    # --- phases ---

    def begins(self, world: World, p: int, array: Array, set_: int) -> None:
        """A semop that gives what was not taken inside the phase ends it as it begins."""
        process = world.processes[p]
        if process.phase is None:
            return
        inside = dict(process.inside)
        if any(op.delta > inside.get((set_, op.number), 0) for op in array):
            world.update(p, phase=None, inside=())

    def took(self, world: World, p: int, array: Array, set_: int) -> None:
        process = world.processes[p]
        if process.phase is None:
            return
        inside = dict(process.inside)
        for op in array:
            key = (set_, op.number)
            inside[key] = max(0, inside.get(key, 0) - op.delta)
        world.update(p, inside=tuple(sorted((k, n) for k, n in inside.items() if n)))

    # --- semaphores ---

    def changed(self, world: World, set_: int, touched: list[int] | None) -> None:
        """The values of a set have changed."""
        array_of = partial(self.array_of, world)
        if not self.kernel:
            semaphores.look_again(world, set_, touched, array_of)
            return

        wake = semaphores.Wake(world, set_, array_of)
        wake.run(touched)
        for p, errno in wake.completed:
            if errno is None:
                self._through(world, p, set_, array_of(p))
            self.returned(world, p, errno)

    def _through(self, world: World, p: int, set_: int, array: Array) -> None:
        """p's array is done."""
        self.took(world, p, array, set_)
        self.synchronise(world, p, [("sem", set_, op.number) for op in array])

    def try_semop(self, world: World, p: int) -> semaphores.Blocked | None:
        """Do the array at which p is, or let it fail; what blocks it where it has to wait."""
        set_, array = self.array(world, p)
        result = semaphores.attempt(array, world.sems[set_], semaphores.undo_of(world, p, set_))
        if isinstance(result, semaphores.Blocked):
            return result
        world.sleepers[set_] = tuple([s for s in world.sleepers[set_] if s.process != p])
        if isinstance(result, str):
            self.returned(world, p, result)
            return None
        semaphores.apply(world, p, set_, array, result)
        self._through(world, p, set_, array)
        self.returned(world, p, None)
        if semaphores.alters(array):
            self.changed(world, set_, [op.number for op in array])
        return None

    # --- queues ---

    def deposit(self, world: World, queue: int, message: Message) -> None:
        """An accepted message: to the first sleeper that it suits (Q-3), or into the queue."""
        for p in world.receivers[queue] if self.kernel else ():
            request = self.request(world, p)
            if not request.matches(message):
                continue
            world.receivers[queue] = tuple([r for r in world.receivers[queue] if r != p])
            if request.too_big(message):
                self.returned(world, p, "E2BIG")
                continue
            self.synchronise(world, p, [("queue", queue)])
            self.returned(world, p, None, request.cut(message))
            return
        world.queues[queue] = (*world.queues[queue], message)

    def try_send(self, world: World, p: int) -> bool:
        """Whether the message of p could be sent, and is."""
        queue, message = self.queue(self.step(world, p)["send"]), self.message(world, p)
        if not queues.fits(world.queues[queue], message.length, self.it.queues[queue].capacity):
            return False
        world.senders[queue] = tuple([s for s in world.senders[queue] if s != p])
        self.synchronise(world, p, [("queue", queue)])
        self.returned(world, p, None)
        self.deposit(world, queue, message)
        return True

    def try_receive(self, world: World, p: int) -> bool:
        """Whether there is a message for p, and it got it (or E2BIG)."""
        queue, request = self.queue(self.step(world, p)["receive"]), self.request(world, p)
        messages = world.queues[queue]
        place = queues.pick(messages, request)
        if place is None:
            return False
        world.receivers[queue] = tuple([r for r in world.receivers[queue] if r != p])
        if request.too_big(messages[place]):
            self.returned(world, p, "E2BIG")
            return True
        world.queues[queue] = messages[:place] + messages[place + 1 :]
        self.synchronise(world, p, [("queue", queue)])
        self.returned(world, p, None, request.cut(messages[place]))
        return True

    # --- sleeping ---

    def sleeps_in(self, world: World, p: int) -> tuple[str, int] | None:
        """The queue of sleepers that p is in: (attribute of the world, number)."""
        for name in ("sleepers", "senders", "receivers"):
            for number, queue in enumerate(getattr(world, name)):
                if any((s.process if isinstance(s, Sleeper) else s) == p for s in queue):
                    return name, number
        return None

    def fall_asleep(self, world: World, p: int, name: str, number: int, entry: Any) -> None:
        """p is put into a queue of sleepers; only under `kernel` does its place there matter."""
        world.update(p, life="asleep")
        entries = (*getattr(world, name)[number], entry)
        getattr(world, name)[number] = entries if self.kernel else tuple(sorted(entries))

    def leave_queue(self, world: World, p: int) -> str | None:
        """p takes itself off the queue that it sleeps in; which sort of queue that was."""
        found = self.sleeps_in(world, p)
        if found is None:
            return None
        name, number = found
        getattr(world, name)[number] = tuple(
            [s for s in getattr(world, name)[number] if (s.process if isinstance(s, Sleeper) else s) != p]
        )
        return name

    # --- ends ---

    def kill(self, world: World, p: int) -> None:
        """SIGKILL of p, which is in its queue until it takes itself off (S-34, Q-19)."""
        if world.processes[p].life == "asleep":
            world.update(p, killed=True)
        else:
            self.end(world, p, "dead")

    def in_a_call(self, world: World, p: int) -> bool:
        """Whether p may be inside the kernel: asleep there, or about to do a call, which it may have entered
        already when a signal reaches it. Then the call is still done: one more, never two (S-29)."""
        process = world.processes[p]
        if process.life == "asleep":
            return True
        step = control.current(self.it, process)
        idle = process.life != "ready" or process.stopped or process.resume or step is None
        return not idle and bool(CALLS & (step or {}).keys())

    def end(self, world: World, p: int, how: Literal["ok", "failed", "dead"]) -> None:
        """p does no further step of its program; what it owes it gives back in steps of its own."""
        world.processes[p] = Process("exiting", how=how)
        if how != "dead" and not self.owes(world, p):
            self.gone(world, p)

    def owes(self, world: World, p: int) -> tuple[Undo, ...]:
        """What p gives back at its end, as it has to (S-16). An undo of nothing shows by S-11 at most."""
        return tuple([u for u in world.undo[p] if u.adjustments or "zcnt" in self.it.words])

    def gone(self, world: World, p: int) -> None:
        """The end is done: p is a zombie, which only kill(2) can tell from one that was reaped."""
        signals = "signal" in self.it.words
        world.processes[p] = Process("zombie" if signals else "gone", how=world.processes[p].how)
        world.handles[p] = ()
        world.undo[p] = ()

    # --- races, by what orders accesses ---
    #
    # Who knows of an access comes after it. For each element and process the last load and the last store
    # are kept, with all processes and objects that know of it: a process tells what it knows to what it
    # gives (V, a message, an atomic store), and learns from what it gets. Objects are told by takers, too:
    # that orders more than it should in one interleaving, and there is another one where it does not.

    def access(self, world: World, p: int, element: int, store: bool) -> None:
        """p loads or stores an element: `race` where another's access is not known to have been before."""
        if not self.ordered:
            return
        if self.it.atomic[element]:
            self.synchronise(world, p, [("field", element)])
            return
        for q in range(self.it.processes):
            for stored in (True, False) if store else (True,):
                knowers = world.known[self._access(element, q, stored)]
                if q != p and knowers and p not in knowers:
                    world.found.add("race")
        world.known[self._access(element, p, store)] = frozenset((p,))

    def _access(self, element: int, p: int, store: bool) -> int:
        return (element * self.it.processes + p) * 2 + store

    def synchronise(self, world: World, p: int, objects: Iterable[Any]) -> None:
        """p and these objects get to know each of what the other knows."""
        for here in objects:
            self.learns(world, p, here)
            self.learns(world, here, p)

    def _told(self, world: World, p: int, step: Doc, errno: str | None) -> None:
        """What a call tells by its result alone. EAGAIN, ENOMSG and a time-out order nothing."""
        if errno == "EINTR":
            self.learns(world, p, ("signal", p))
        number = self._object_of(step)
        if number is None:
            return
        if errno in ("EIDRM", "EINVAL", "ENOENT", "EEXIST"):
            self.learns(world, p, ("object", number))
        elif errno is None and {"create", "open", "remove"} & step.keys():
            self.synchronise(world, p, [("object", number)])

    def _object_of(self, step: Doc) -> int | None:
        """The set or queue that a call is about."""
        for key in ("create", "open", "remove"):
            if key in step:
                return self.object(object_of(step[key]))
        for key in ("send", "receive"):
            if key in step:
                return self.of_queue(self.queue(step[key]))
        for name, _, _ in _operations(step) if {"P", "V", "Z", "semop"} & step.keys() else ():
            return self.it.members[split(name)[0]][0]
        return None

    def learns(self, world: World, who: Any, from_: Any) -> None:
        """`who` (a process or an object) knows from now on what `from_` knows."""
        for place, knowers in enumerate(world.known):
            if from_ in knowers and who not in knowers:
                world.known[place] = knowers | {who}


def _operations(step: Doc) -> Iterable[tuple[str, Any, Doc]]:
    """(semaphore, amount, flags) of each operation of a P, V, Z or semop."""
    if "semop" in step:
        written = step["semop"]
        for one in written if isinstance(written, list) else [{k: v} for k, v in written.items()]:
            flags = {k: v for k, v in one.items() if k in ("nowait", "undo")}
            for name, delta in one.items():
                if name not in flags:
                    yield name, delta, flags
        return
    key = next(k for k in ("P", "V", "Z") if k in step)
    written = step[key]
    usual = 0 if key == "Z" else 1
    if isinstance(written, dict):
        for name, amount in written.items():
            yield name, amount, {}
    else:
        for name in written if isinstance(written, list) else [written]:
            yield name, usual, {}


def _into(step: Doc) -> str | None:
    for key in ("receive", "get", "stat", "create", "open"):
        if isinstance(step.get(key), dict):
            found: str | None = step[key].get("into")
            return found
    return None
