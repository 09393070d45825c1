"""The world as properties see it: the phases of processes, and the values of objects where they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ipcsim.errors import NOWHERE, EvaluationError, Location
from ipcsim.kernel.world import Thing, World
from ipcsim.program import Program
from ipcsim.program.expressions import Observable, position
from ipcsim.program.instructions import ObjectKind, ObjectRef


@dataclass(frozen=True, slots=True)
class FinalState:
    """The values at the end (or at another moment of rest), one entry a declared object; None where it is
    gone.

    A segment's entry has one value a field, as `Struct.unpack` gives them."""

    semaphores: tuple[tuple[int, ...] | None, ...]
    queues: tuple[int | None, ...]
    segments: tuple[tuple[Any, ...] | None, ...]

    def by_object(self) -> Mapping[ObjectRef, list[Any] | None]:
        """The same, with the length of a queue as its one value."""
        found: dict[ObjectRef, list[Any] | None] = {}
        for kind, left in (
            (ObjectKind.SEMAPHORES, self.semaphores),
            (ObjectKind.QUEUE, [None if n is None else (n,) for n in self.queues]),
            (ObjectKind.SEGMENT, self.segments),
        ):
            for number, values in enumerate(left):
                found[ObjectRef(kind, number)] = None if values is None else list(values)
        return found


class Unknown(EvaluationError):
    """The value is there, but the events do not tell it."""


class NotThere(EvaluationError):
    """Of an object, called `name`, that does not exist now."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class Watched(Observable):
    """The world as a property sees it: phases always, values where they are known."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.phase: list[str | None] = [None] * len(program.processes)
        self.place: list[Location] = [NOWHERE] * len(program.processes)
        self.ended = [False] * len(program.processes)
        self.values = World(program)
        self.had: set[str] = set()  # objects whose value was asked for and there; whoever asks empties it

    @classmethod
    def at_end(cls, program: Program, final: FinalState) -> Watched:
        """The world when everybody has ended."""
        world = cls(program)
        world.ended = [True] * len(world.ended)
        for ref, values in final.by_object().items():
            world.values.present[ref] = None if values is None else Thing(values)
        return world

    def at(self, family: int, index: int | None, phase: str) -> bool:
        first = self._program.members(family).start
        number = position(first, self._program.families[family].count, index)
        return self.phase[number] == phase if phase else self.ended[number]

    def semaphore(self, set_: int, number: int) -> int:
        return int(self._value(ObjectRef(ObjectKind.SEMAPHORES, set_), number))

    def queue_length(self, queue: int) -> int:
        return int(self._value(ObjectRef(ObjectKind.QUEUE, queue), 0))

    def segment(self, segment: int, field: int) -> Any:
        return self._value(ObjectRef(ObjectKind.SEGMENT, segment), field)

    def _value(self, ref: ObjectRef, place: int) -> Any:
        thing, declared = self.values.present[ref], self._program.object(ref)
        if thing is None:
            raise NotThere(f"there is no {_NOUN[ref.kind]} `{declared.name}` then", declared.name)
        if place >= len(thing.values):
            made = len(thing.values)
            raise NotThere(f"`{declared.name}` was made with {made} semaphores only", declared.name)
        if thing.values[place] is None:
            raise Unknown(f"`{declared.name}` has no known value here")
        self.had.add(declared.name)
        return thing.values[place]


_NOUN = {
    ObjectKind.SEMAPHORES: "semaphore set",
    ObjectKind.QUEUE: "queue",
    ObjectKind.SEGMENT: "segment",
}
