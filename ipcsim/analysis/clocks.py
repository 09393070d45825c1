"""Vector clocks: what each process knows of the others' steps.

A clock is a dict process → count; a process that is missing counts 0. Lamport 1978, Mattern 1989.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

Clock = dict[int, int]
K = TypeVar("K", bound=Hashable)


def join(into: Clock, other: Clock) -> None:
    """`into` learns what `other` knows."""
    for process, count in other.items():
        if into.get(process, 0) < count:
            into[process] = count


class Clocks:
    """The clocks of all processes, and of the things over which they pass on what they know."""

    def __init__(self, processes: int) -> None:
        self.of: list[Clock] = [{p: 1} for p in range(processes)]
        self._passed: dict[Hashable, Clock] = {}

    def release(self, process: int, thing: Hashable) -> None:
        """Whoever acquires `thing` later knows all that `process` did so far."""
        join(self._passed.setdefault(thing, {}), self.of[process])

    def tick(self, process: int) -> None:
        """What `process` does from here on is not covered by what it released so far."""
        self.of[process][process] += 1

    def acquire(self, process: int, thing: Hashable) -> None:
        known = self._passed.get(thing)
        if known is not None:
            join(self.of[process], known)

    def learn(self, process: int, other: int) -> None:
        """`process` knows all that `other` did so far."""
        join(self.of[process], self.of[other])
        self.tick(other)
