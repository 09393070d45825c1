"""Who woke whom: the operation of another process that ended a sleep, as far as the events tell.

The kernel does not say it, so it is inferred: the last operation by another process, before the sleeper's
call ended, that gave what it lacked. Several V's in a row wake several sleepers, so each counts as long as
it has units left that nobody was woken by. Which message a msgrcv took is known exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ipcsim.analysis.operations import Pairs

KEPT = 64  # of one semaphore: how many of the latest V's are remembered
Lacking = tuple[tuple[int, int], ...]  # the (semaphore number, delta) that could not be done at once


@dataclass(frozen=True, slots=True)
class Wake:
    """`waker`, at `waker_pc`, ended at `waker_time` what `woken`, at `woken_pc`, slept in until `time`.

    `sort` names the two operations: "V→P", "P→Z", "V→Z", "send→receive", "receive→send", "exit→P" (an
    end with SEM_UNDO), "SETVAL→P", "removal→P", "signal→P", "spawn→start".
    """

    time: int
    waker: int
    waker_pc: int
    woken: int
    woken_pc: int
    object: str
    sort: str
    waker_time: int


@dataclass(slots=True)
class Offer:
    """Something that may wake others; `ended` None while its call goes on, `left` are units not used up."""

    process: int
    pc: int
    begun: int
    ended: int | None
    left: int
    what: str

    def during(self, since: int) -> bool:
        """Whether it may have taken effect after `since`."""
        return self.ended is None or self.ended >= since

    @property
    def time(self) -> int:
        return self.begun if self.ended is None else self.ended


Side = Literal["rise", "fall"]
Key = tuple[Side, int, int]  # (which way, set, semaphore number)


class Wakes:
    """What happened lately that may have woken somebody."""

    def __init__(self) -> None:
        self._offers: dict[Key, deque[Offer]] = {}
        self._taken: dict[int, Offer] = {}  # the last msgrcv of each queue
        self._removed: dict[tuple[bool, int], Offer] = {}  # by (is a queue, number)
        self._signals: dict[int, Offer] = {}  # by the process that got it
        self._open: dict[int, list[Offer]] = {}  # of calls that go on and cannot block
        # semops that go on and found what they needed: (offer, set, operations) by process
        self._calling: dict[int, tuple[Offer, int, Pairs]] = {}

    # --- what may wake ---

    def semop(self, process: int, pc: int, begun: int, ended: int | None, set_: int, pairs: Pairs) -> None:
        """V's and P's of one call; `ended` None: it has only begun, but cannot block."""
        if ended is not None:
            self._calling.pop(process, None)
        for number, delta in pairs:
            if delta:
                what = "V" if delta > 0 else "P"
                offer = Offer(process, pc, begun, ended, abs(delta), what)
                self._offer(("rise" if delta > 0 else "fall", set_, number), offer)
                if ended is None:
                    self._open.setdefault(process, []).append(offer)

    def calling(self, process: int, pc: int, begun: int, set_: int, pairs: Pairs) -> None:
        """A semop has begun that could be done at once: its end may be recorded late."""
        self._calling[process] = (Offer(process, pc, begun, None, 1, "P"), set_, pairs)

    def value(self, process: int, pc: int, begun: int, ended: int, set_: int, numbers: Iterable[int]) -> None:
        """SETVAL, SETALL: may have raised or lowered."""
        for number in numbers:
            offer = Offer(process, pc, begun, ended, 1 << 30, "SETVAL")
            self._offer(("rise", set_, number), offer)
            self._offer(("fall", set_, number), offer)

    def exit(self, process: int, pc: int, time: int, undone: dict[tuple[int, int], int]) -> None:
        """The process ends, and the kernel undoes this."""
        for (set_, number), amount in undone.items():
            side: Side = "rise" if amount > 0 else "fall"
            self._offer((side, set_, number), Offer(process, pc, time, None, abs(amount), "exit"))

    def _offer(self, key: Key, offer: Offer) -> None:
        kept = self._offers.get(key)
        if kept is None:
            kept = self._offers[key] = deque(maxlen=KEPT)
        kept.append(offer)

    def over(self, process: int, time: int) -> None:
        """What the process had only begun has ended."""
        for offer in self._open.pop(process, ()):
            offer.ended = time

    def took(self, process: int, pc: int, begun: int, ended: int, queue: int) -> None:
        self._taken[queue] = Offer(process, pc, begun, ended, 1, "receive")

    def removed(self, process: int, pc: int, begun: int, queue: bool, number: int) -> None:
        self._removed[queue, number] = Offer(process, pc, begun, None, 1, "removal")

    def signalled(self, process: int, pc: int, begun: int, target: int) -> None:
        self._signals[target] = Offer(process, pc, begun, None, 1, "signal")

    # --- who did ---

    def of_semop(self, woken: int, since: int, set_: int, lacking: Lacking) -> tuple[Offer, int, int] | None:
        """(waker, semaphore number, delta waited for) of a semop that slept from `since` on."""
        found: tuple[Offer, int, int] | None = None
        for number, delta in lacking:
            offer = self._unfinished(woken, set_, number) if delta == 0 else None
            if offer is None:
                offer = self._find(woken, since, ("rise" if delta < 0 else "fall", set_, number))
            if offer is None and delta == 0:  # a value below zero cannot be: but SETVAL may rise to it
                offer = self._find(woken, since, ("rise", set_, number))
            if offer is None:
                continue
            offer.left += min(delta, -1)
            if found is None or offer.time >= found[0].time:
                found = (offer, number, delta)
        return found

    def _unfinished(self, woken: int, set_: int, number: int) -> Offer | None:
        """A call by another, not ended yet as far as is known, that lowers this semaphore."""
        for process, (offer, its_set, pairs) in self._calling.items():
            if process != woken and its_set == set_ and any(n == number and d < 0 for n, d in pairs):
                return offer
        return None

    def _find(self, woken: int, since: int, key: Key) -> Offer | None:
        """The earliest that still has units, else the last one; a fall to zero is always the last."""
        last = None
        for offer in reversed(self._offers.get(key, ())):
            if not offer.during(since):
                break
            if offer.process == woken:
                continue
            if last is None:
                last = offer
                if key[0] == "fall":
                    break
            if offer.left > 0:
                last = offer
        return last

    def of_send(self, woken: int, since: int, queue: int) -> Offer | None:
        return self._recent(self._taken.get(queue), woken, since)

    def of_removal(self, woken: int, since: int, queue: bool, number: int) -> Offer | None:
        return self._recent(self._removed.get((queue, number)), woken, since)

    def of_signal(self, woken: int, since: int) -> Offer | None:
        return self._recent(self._signals.get(woken), woken, since)

    @staticmethod
    def _recent(offer: Offer | None, woken: int, since: int) -> Offer | None:
        return offer if offer is not None and offer.process != woken and offer.during(since) else None
