"""Livelock in a run: steps go on, nothing comes of them.

What comes of a step is progress (somebody enters a phase marked so) or, where the Program marks no phase, a
change of an object; a call that fails changes nothing, whatever the error. Since the last of that each
process has a window of its own, which begins anew where it gets to a place with variables that it has not
been in within the window (see `idle`): a counter that grows is such news, a flag put back is not.

A process whose window has become as long as the bound, all of it on one way round in the code, is in a
livelock if nobody else can help it out: every other process goes round as well (for at least a share of the
bound: some are faster than others), or sleeps where nothing wakes it. The finding names the bound. It does
not prove that progress could never have come: that takes `verify`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ipcsim.analysis.idle import idle, progress_phases
from ipcsim.analysis.wording import listed, quoted
from ipcsim.errors import Location
from ipcsim.program import Program
from ipcsim.program.instructions import Choose, KernelCall
from ipcsim.trace import EventKind
from ipcsim.verdict import Finding, Kind, Verdict

_TOP = 4  # how many instructions of a circling process are named
_SHARE = 4  # one part in so many of the bound shows that a slower process goes round as well
_COUNTED = (EventKind.END, EventKind.STEP)


class News(Protocol):
    """What the workers say of their variables; only a run that goes on can tell."""

    def of(self, process: int) -> int:
        """How often the process has been where it had not been since the last `renew`: it only grows."""
        ...

    def renew(self) -> None:
        """Everything is news again."""
        ...


@dataclass(slots=True)
class _Window:
    """One process since the last change: its steps, and the heads of the later ones, for the finding."""

    news: int
    due: int  # so many steps, and it is judged
    steps: int = 0
    heads: Counter[int] = field(default_factory=Counter)

    def made(self) -> Counter[int]:
        """pc → how often it was done."""
        found: Counter[int] = Counter()
        for head, times in self.heads.items():
            if head & 0xFF in _COUNTED:
                found[head >> 8 & 0xFFFFFFFF] += times
        return found


class Livelock:
    """Fed with counted heads, of one event or of a whole batch; `settle` judges in between.

    `sleeps` says of a process that neither goes round nor has ended whether it certainly sleeps (or has not
    been started), so that nobody but the others can set it going.
    """

    def __init__(
        self, program: Program, bound: int | None = None, sleeps: Callable[[int], bool] = lambda _: False
    ) -> None:
        self._program = program
        self._bound = program.settings.livelock if bound is None else bound
        self._sleeps = sleeps
        self._progress = sorted(progress_phases(program))
        self._idle = idle(program) if self.needed else []
        self.news: News | None = None
        self._live = set(range(len(program.processes)))
        self._windows: dict[int, _Window] = {}
        self._reset = False
        self._ripe = False
        self._found: Finding | None = None

    @property
    def needed(self) -> bool:
        return self._bound is not None

    def count(self, process: int, heads: Mapping[int, int], steps: int, progress: bool, change: bool) -> None:
        """`process` made `steps` steps, these records among them."""
        if progress or (change and not self._progress):
            self._reset = True
        if self._reset or self._bound is None:
            return  # whatever else this sweep brings was before that, or will be seen again
        window = self._windows.get(process)
        if window is None:
            window = self._windows[process] = _Window(self._news(process), self._bound)
            if self.news is not None:
                return  # these steps may be older than what the worker says now
        window.steps += steps
        if 2 * _SHARE * window.steps < self._bound:
            return  # the way into the circle is no part of it
        for head, times in heads.items():
            window.heads[head] += times
        if window.steps >= window.due:
            self._ripe = True

    def ended(self, process: int) -> None:
        self._live.discard(process)

    def settle(self) -> None:
        """Judge what was counted; between batches, so that a change in any of them counts for all."""
        if self._reset:
            self._reset = self._ripe = False
            self._windows.clear()
            if self.news is not None:
                self.news.renew()
        elif self._ripe and self._found is None:
            self._ripe = False
            self._judge()

    def _news(self, process: int) -> int:
        return 0 if self.news is None else self.news.of(process)

    def _judge(self) -> None:
        assert self._bound is not None
        for process, window in list(self._windows.items()):
            # only where it will be asked of this process: reading what a worker says costs
            if _SHARE * window.steps >= self._bound and window.news != self._news(process):
                del self._windows[process]
        rounds = {p for p, w in self._windows.items() if p in self._live and self._goes_round(p, w)}
        leaders = [p for p in sorted(rounds) if self._windows[p].steps >= self._bound]
        if leaders and all(p in rounds or self._sleeps(p) for p in self._live):
            self._found = self._finding(sorted(rounds), leaders[0])
            return
        for process, window in list(self._windows.items()):
            if window.steps >= window.due and process in rounds:
                window.due += self._bound // _SHARE + 1  # others are not that far yet
            elif window.steps >= window.due:
                del self._windows[process]

    def _goes_round(self, process: int, window: _Window) -> bool:
        """Whether its steps are those of a way round in the code."""
        assert self._bound is not None
        if _SHARE * window.steps < self._bound:
            return False
        code, made = self._program.code(process), window.made()
        if window.steps < self._bound and any(isinstance(code[pc], Choose) for pc in made):
            return False  # chance may yet lead it elsewhere
        return self._idle[self._program.processes[process].family].round_of(made) is not None

    @property
    def found(self) -> bool:
        return self._found is not None

    def findings(self) -> tuple[Finding, ...]:
        return () if self._found is None else (self._found,)

    # --- words ---

    def _finding(self, processes: list[int], leader: int) -> Finding:
        names = [self._program.processes[p].name for p in processes]
        one = len(names) == 1
        whose = "" if one else f" of {self._program.processes[leader].name}"
        steps = f"{self._windows[leader].steps:,} steps{whose}"
        if self._progress:
            phases = listed([quoted(p) for p in self._progress], last="or")
            told = f"{'takes' if one else 'take'} one step after the other, but nobody gets to {phases}"
            steps = f"{steps} without progress"
        else:
            waiting = "" if any(self._waits(p) for p in processes) else " without waiting"
            told = f"{'polls' if one else 'poll'}{waiting}, and nothing changes any more"
            steps = f"{steps} in a row"
        return Finding(
            Kind.LIVELOCK,
            Verdict.LIVELOCK,
            f"{listed(names, 6)} {told} ({steps}, the bound is {self._bound:,}).",
            processes=tuple(names),
            at=self._top(leader)[0][0],
            details=tuple(self._detail(p) for p in processes[:12]),
        )

    def _waits(self, process: int) -> bool:
        """Whether a call on its way round has a timeout that it waits for."""
        code = self._program.code(process)
        calls = (code[pc] for pc in self._windows[process].made())
        return any(isinstance(i, KernelCall) and i.timeout is not None and not i.nowait for i in calls)

    def _top(self, process: int) -> list[tuple[Location, str, int]]:
        """Where the process circles: place, step and how often, the most frequent first."""
        code = self._program.code(process)
        top = self._windows[process].made().most_common(_TOP)
        return [(code[pc].at, code[pc].text, n) for pc, n in top]

    def _detail(self, process: int) -> tuple[str, str, str]:
        top = self._top(process)
        text = ", ".join(f"{text} {n:,} times (line {at.line})" for at, text, n in top)
        return (self._program.processes[process].name, f"goes round {text}", str(top[0][0]))
