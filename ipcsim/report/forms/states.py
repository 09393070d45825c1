"""The states of the processes as a Mermaid state diagram: one box a family.

States are the phases and the calls in which a process slept; the arrows tell how often a process went
from one to the other, a note who was where at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ipcsim.analysis.history import History, Lane, history
from ipcsim.report import words
from ipcsim.report.forms import mermaid
from ipcsim.trace import Trace
from ipcsim.verdict import Outcome

START = END = "[*]"
MOST_NAMES = 6  # of processes in a note
MOST_STATES = 200  # of a family


def render(trace: Trace, outcome: Outcome) -> str:
    """A `stateDiagram-v2`, within the sizes that viewers accept."""
    past = history(trace)
    lines = ["stateDiagram-v2", f"  %% {_comment(f'{outcome.scenario}: {outcome.verdict}')}"]
    if trace.problem:
        lines.append(f"  %% incomplete: {_comment(trace.problem)}")
    room = mermaid.MOST_CHARACTERS - mermaid.ROOM
    edges, left = 0, 0
    for family in range(len(past.program.families)):
        made = _Family(past, family)
        block = made.lines(mermaid.MOST_EDGES - edges)
        size = sum(len(line) + 1 for line in block)
        if size > room:
            left += 1
            continue
        room -= size
        edges += made.edges
        left += made.left > 0
        lines += block
    if left:
        what = words.count(left, "family", "families")
        lines += ["  state left_out", f"  left_out: {mermaid.text(f'{what} not shown, or in part')}"]
    return mermaid.whole(lines)


def _comment(said: str) -> str:
    return mermaid.text(said).replace("{", "#123;")


class _Family:
    """The states and arrows of the processes of one family."""

    def __init__(self, past: History, family: int) -> None:
        self._past, self._family = past, family
        self._number = family
        self._ids: dict[str, str] = {}
        self._arrows: Counter[tuple[str, str]] = Counter()
        self._last: dict[str, list[str]] = {}
        self.edges = 0
        self.left = 0
        for process in past.program.processes:
            if process.family == family:
                self._follow(process.number, process.name)

    def _follow(self, process: int, name: str) -> None:
        """Count the ways of one process."""
        before = START
        for state in _states(self._past, process):
            if state != before:
                self._arrows[before, state] += 1
            before = state
        last = self._past.spans[process][-1].lane
        if last in (Lane.ENDED, Lane.DEAD):
            self._arrows[before, "died" if last is Lane.DEAD else END] += 1
        elif before != START:
            self._last.setdefault(before, []).append(name)

    def lines(self, most: int) -> list[str]:
        """The block of the family with at most so many arrows, the commonest ones."""
        shown = self._arrows.most_common(most)
        if len({s for pair, _ in shown for s in pair}) > MOST_STATES:
            shown = shown[:MOST_STATES]
        self.edges, self.left = len(shown), len(self._arrows) - len(shown)
        declared = self._past.program.families[self._family]
        title = declared.name if declared.count is None else f"{declared.name} × {declared.count}"
        body: list[str] = []
        for (source, target), times in shown:
            label = f": {times}×" if times > 1 else ""
            body.append(f"    {self._id(source)} --> {self._id(target)}{label}")
        states = [f'    state "{mermaid.text(name)}" as {id_}' for name, id_ in self._ids.items()]
        notes = [line for state, names in self._last.items() for line in self._note(state, names)]
        inside = [*states, *body, *notes] or [f"    f{self._number}_idle: nothing seen"]
        return [f'  state "{mermaid.text(title)}" as f{self._number} {{', *inside, "  }"]

    def _id(self, state: str) -> str:
        if state == START:
            return state
        return self._ids.setdefault(state, f"f{self._number}_{len(self._ids)}")

    def _note(self, state: str, names: list[str]) -> list[str]:
        if state not in self._ids:
            return []
        more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
        said = mermaid.text(f"at the end: {', '.join(names[:MOST_NAMES])}{more}")
        return [f"    note right of {self._ids[state]}", f"      {said}", "    end note"]


def _states(past: History, process: int) -> Iterator[str]:
    """The phases and sleeps of a process, one after the other."""
    moments = [(phase.start, 0, f"{phase.name}") for phase in past.phases[process]]
    for span in past.spans[process]:
        if span.lane is Lane.BLOCKED:
            moments.append((span.start, 1, f"asleep in {past.program.instruction(process, span.pc).text}"))
    for _, _, state in sorted(moments):
        yield state
