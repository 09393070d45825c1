"""Vector clocks: what each process knows of the others' steps.

A clock is a dict process → count; a process that is missing counts 0. Lamport 1978, Mattern 1989.
"""

from __future__ import annotations

from collections.abc import Hashable

Clock = dict[int, int]


def join(into: Clock, other: Clock) -> None:
    """`into` learns what `other` knows."""
    for process, count in other.items():
        if into.get(process, 0) < count:
            into[process] = count


class Clocks:
    """The clocks of all processes, and of the things over which they pass on what they know."""

    def __init__(self, processes: int) -> None:
        self.of: list[Clock] = [{p: 1} for p in range(processes)]
        self._passed: dict[Hashable, _Passed] = {}

    def release(self, process: int, thing: Hashable) -> None:
        """Whoever acquires `thing` later knows all that `process` did so far."""
        self._thing(thing).add(self.of[process])

    def offer(self, process: int, thing: Hashable) -> None:
        """As `release`, of a call that has begun and may yet fail: `settle` says what became of it."""
        self._thing(thing).offer(process, self.of[process])

    def settle(self, process: int, thing: Hashable, success: bool) -> None:
        """The call of an `offer` is over. What failed has passed nothing on."""
        self._thing(thing).settle(process, success)

    def tick(self, process: int) -> None:
        """What `process` does from here on is not covered by what it released so far."""
        self.of[process][process] += 1

    def acquire(self, process: int, thing: Hashable) -> None:
        passed = self._passed.get(thing)
        if passed is not None:
            join(self.of[process], passed.known())

    def learn(self, process: int, other: int) -> None:
        """`process` knows all that `other` did so far."""
        join(self.of[process], self.of[other])
        self.tick(other)

    def _thing(self, thing: Hashable) -> _Passed:
        found = self._passed.get(thing)
        if found is None:
            found = self._passed[thing] = _Passed()
        return found


class _Passed:
    """What was passed on over one thing: for good, and by calls that have begun and not ended."""

    __slots__ = ("_all", "_good", "_open")

    def __init__(self) -> None:
        self._good: Clock = {}
        self._open: dict[int, Clock] = {}
        self._all: Clock | None = self._good  # both; None: to be worked out again

    def add(self, clock: Clock) -> None:
        join(self._good, clock)
        if self._all is not None and self._all is not self._good:
            join(self._all, clock)

    def offer(self, process: int, clock: Clock) -> None:
        self._open[process] = dict(clock)
        if self._all is self._good:
            self._all = dict(self._good)
        if self._all is not None:
            join(self._all, clock)

    def settle(self, process: int, success: bool) -> None:
        clock = self._open.pop(process, None)
        if clock is None:
            return
        if success:
            join(self._good, clock)
        if not self._open:
            self._all = self._good
        elif not success:
            self._all = None

    def known(self) -> Clock:
        if self._all is None:
            self._all = dict(self._good)
            for clock in self._open.values():
                join(self._all, clock)
        return self._all
