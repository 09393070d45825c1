"""Livelock in a run: steps go on, progress does not.

Where the Program marks a phase as progress, so many steps without anybody entering it are a livelock.
Where it marks none, only the sure sign counts: everybody who is not asleep polls, and no call changes
anything. The finding names its bound. It does not prove that progress could never have come: that takes
`verify`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ipcsim.analysis.cycles import components
from ipcsim.analysis.wording import listed, quoted
from ipcsim.errors import Location
from ipcsim.program import Program
from ipcsim.program.instructions import Phase, Repeat, successors
from ipcsim.trace import EventKind
from ipcsim.verdict import Finding, Kind, Verdict

_TOP = 4  # how many instructions of a circling process are named
_COUNTED = (EventKind.END, EventKind.STEP)


class Livelock:
    """Fed with counted heads, of one event or of a whole batch; `settle` judges in between."""

    def __init__(self, program: Program, bound: int | None = None) -> None:
        self._program = program
        self._bound = program.settings.livelock if bound is None else bound
        self._progress = sorted(
            {i.name for f in program.families for i in f.code if isinstance(i, Phase) and i.progress}
        )
        self._live = set(range(len(program.processes)))
        self._steps = 0
        self._counts: dict[int, Counter[int]] = {}
        self._asleep: frozenset[int] = frozenset()
        self._reset = False
        self._windows = 0
        self._found: Finding | None = None

    @property
    def needed(self) -> bool:
        return self._bound is not None

    def count(self, process: int, heads: Mapping[int, int], steps: int, progress: bool, change: bool) -> None:
        """`process` made `steps` steps, these records among them."""
        if progress or (change and not self._progress):
            self._reset = True
        self._steps += steps
        if self._bound is None or 2 * self._steps < self._bound:
            return  # only the second half is looked at closely
        counts = self._counts.get(process)
        if counts is None:
            counts = self._counts[process] = Counter()
        for head, times in heads.items():
            counts[head] += times

    def ended(self, process: int) -> None:
        self._live.discard(process)

    def asleep(self, processes: Iterable[int]) -> None:
        """These are confirmed to sleep in calls without a timeout that cannot succeed as things are."""
        self._asleep = frozenset(processes)

    @property
    def wants_sleepers(self) -> bool:
        """Whether the next `settle` may judge, and must know who is asleep."""
        return not self._progress and self._bound is not None and self._steps >= self._bound

    def settle(self) -> None:
        """Judge what was counted; between batches, so that a reset in any of them counts for all."""
        if self._reset:
            self._reset = False
            self._windows = 0
            self._clear()
        elif self._bound is not None and self._steps >= self._bound and self._found is None:
            self._judge()

    def _clear(self) -> None:
        self._steps = 0
        self._counts.clear()
        self._asleep = frozenset()

    def _judge(self) -> None:
        stepping = {p: n for p in self._counts if (n := self._made(p))}
        if self._progress:
            self._found = self._finding(sorted(stepping))
            return
        # whoever neither polls nor sleeps might yet change something, and so might one that polls no more
        share = sum(stepping.values()) // (4 * max(1, len(stepping)))
        pollers = {p for p, n in stepping.items() if n >= share and self._goes_round_for_ever(p)}
        sure = bool(pollers) and self._live <= pollers | self._asleep
        self._windows = self._windows + 1 if sure else 0
        if self._windows >= 2:
            self._found = self._finding(sorted(pollers))
        else:
            self._steps = 0
            self._counts.clear()

    def _goes_round_for_ever(self, process: int) -> bool:
        """Whether its steps form a circle that no counted loop (`repeat`) will end."""
        code = self._program.code(process)
        seen = {
            pc
            for head in self._counts[process]
            if (pc := head >> 8 & 0xFFFFFFFF) < len(code) and head & 0xFF in _COUNTED
        }

        def follow(pc: int) -> tuple[int, ...]:
            after = (pc + 1,) if isinstance(code[pc], Repeat) else successors(code, pc)
            return tuple(n for n in after if n < len(code))

        return any(len(c) > 1 and seen <= set(c) for c in components(sorted(seen), follow))

    def _made(self, process: int) -> int:
        return sum(n for head, n in self._counts[process].items() if head & 0xFF in _COUNTED)

    @property
    def found(self) -> bool:
        return self._found is not None

    def findings(self) -> tuple[Finding, ...]:
        return () if self._found is None else (self._found,)

    def _finding(self, processes: list[int]) -> Finding:
        names = [self._program.processes[p].name for p in processes]
        one = len(names) == 1
        if self._progress:
            phases = listed([quoted(p) for p in self._progress], last="or")
            told = f"{'takes' if one else 'take'} one step after the other, but nobody gets to {phases}"
            steps = f"{self._steps:,} steps without progress"
        else:
            told = f"{'polls' if one else 'poll'} without waiting, and nothing changes any more"
            steps = f"{self._steps:,} steps in a row"
        return Finding(
            Kind.LIVELOCK,
            Verdict.LIVELOCK,
            f"{listed(names, 6)} {told} ({steps}, the bound is {self._bound:,}).",
            processes=tuple(names),
            at=self._top(processes[0])[0][0] if processes and self._top(processes[0]) else None,
            details=tuple(self._detail(p) for p in processes[:12]),
        )

    def _top(self, process: int) -> list[tuple[Location, str, int]]:
        """Where the process circles: place, step and how often, the most frequent first."""
        at: Counter[int] = Counter()
        for head, n in self._counts[process].items():
            if head & 0xFF in _COUNTED:
                at[head >> 8 & 0xFFFFFFFF] += n
        code = self._program.code(process)
        top = [(pc, n) for pc, n in at.most_common(_TOP) if pc < len(code)]
        return [(code[pc].at, code[pc].text, n) for pc, n in top]

    def _detail(self, process: int) -> tuple[str, str, str]:
        top = self._top(process)
        text = ", ".join(f"{text} {n:,} times (line {at.line})" for at, text, n in top)
        place = str(top[0][0]) if top else ""
        return (self._program.processes[process].name, f"goes round {text}", place)
