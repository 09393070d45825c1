"""From the cases that were found to the verdict, and to the findings in the order in which they are told.

Causes first: what is only a consequence of another finding (`Finding.caused_by`) gives no verdict. Of what
is left the gravest does, and the shortest way to it is the one that is shown. Findings that say the same are
told once; only after that a sort of which there are very many is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ipcsim.explorer.cases import Case
from ipcsim.explorer.path import Path
from ipcsim.verdict import PRECEDENCE, Finding, Verdict, conclude, ranked

MOST_WAYS = 20  # of one verdict that are told
MOST_TOLD = 200  # cases of one verdict that are worked out, to find those


@dataclass(frozen=True)
class Way:
    """A way through the model and all that is `wrong` at its end; `findings` are those of it that are told
    with this way, and with no other. `linux` says why Linux cannot go it, None where it can, or where nobody
    has asked."""

    path: Path
    wrong: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    linux: str | None = None

    @property
    def verdict(self) -> Verdict:
        return conclude(self.wrong)

    @property
    def rank(self) -> tuple[int, int]:
        """Graver ones first, then shorter ones."""
        return PRECEDENCE.index(self.verdict), len(self.path.schedule)


@dataclass
class Conclusion:
    """The ways in the order in which they are told, each with at least one finding of its own; `left_out`
    says by verdict how many cases were not told."""

    ways: list[Way] = field(default_factory=list)
    left_out: dict[Verdict, int] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        return self.ways[0].verdict if self.ways else Verdict.OK

    def put_first(self, way: Way) -> None:
        """Show this way before all others, which lose what it tells already."""
        known = {alike(f) for f in way.wrong}
        others = [w for w in self.ways if w is not way]
        way = replace(way, findings=way.wrong)
        kept = [replace(w, findings=tuple(f for f in w.findings if alike(f) not in known)) for w in others]
        self.ways = [way, *(w for w in kept if w.findings)]

    @property
    def findings(self) -> list[Finding]:
        return [f for way in self.ways for f in way.findings]

    def chosen(self, number: int) -> Way | None:
        """The way of the finding with this number, counted from 1 as they are told."""
        for way in self.ways:
            number -= len(way.findings)
            if number <= 0:
                return way
        return None

    def number_of(self, shown: Way) -> int:
        """The number of the first finding of a way."""
        return 1 + sum(len(w.findings) for w in self.ways[: self.ways.index(shown)])

    def as_json(self, shown: Way) -> list[dict[str, Any]]:
        """`others` of the outcome: the ways but the one that is shown; `first` is their first finding."""
        return [
            {
                "findings": len(way.findings),
                "first": self.number_of(way),
                "verdict": str(way.verdict),
                "schedule": str(way.path.schedule),
                "length": len(way.path.schedule),
                "linux": way.linux is None,
            }
            for way in self.ways
            if way is not shown
        ]


def draw(found: Iterable[Case]) -> Conclusion:
    """Tell the cases, the gravest first; Ctrl-C ends the telling, not what has been told."""
    drawn = Conclusion()
    ways: list[Way] = []
    for verdict, cases in _by_verdict(found).items():
        told = _tell(cases, drawn)
        ways += told[:MOST_WAYS]
        rest = len(told[MOST_WAYS:]) + len(cases[MOST_TOLD:])
        if rest:
            drawn.left_out[verdict] = rest
    order = sorted(ways, key=lambda w: w.rank)
    told_by: dict[Hashable, Way] = {}  # each finding by the shortest way to it
    for way in sorted(order, key=lambda w: len(w.path.schedule)):
        for finding in way.wrong:
            told_by.setdefault(alike(finding), way)
    for way in order:
        own = tuple(f for f in way.wrong if told_by[alike(f)] is way)
        if own:
            drawn.ways.append(replace(way, findings=own))
    return drawn


def _by_verdict(found: Iterable[Case]) -> dict[Verdict, list[Case]]:
    """The cases by verdict, shortest first, the gravest verdict first."""
    order = sorted(found, key=lambda c: (PRECEDENCE.index(c.verdict), c.length))
    groups: dict[Verdict, list[Case]] = {}
    for case in order:
        groups.setdefault(case.verdict, []).append(case)
    return groups


def _tell(cases: Sequence[Case], drawn: Conclusion) -> list[Way]:
    """The ways to cases of one verdict that say something new."""
    known: set[Hashable] = set()
    ways: list[Way] = []
    for case in cases[:MOST_TOLD]:
        if drawn.interrupted and ways:
            break
        path, findings = _uninterrupted(case.tell, drawn)
        if any(alike(f) not in known for f in findings):
            known |= {alike(f) for f in findings}
            ways.append(Way(path, ranked(findings), ()))
    return ways


def _uninterrupted(
    tell: Callable[[], tuple[Path, tuple[Finding, ...]]], drawn: Conclusion
) -> tuple[Path, tuple[Finding, ...]]:
    try:
        return tell()
    except KeyboardInterrupt:
        drawn.interrupted = True
        return tell()


def alike(finding: Finding) -> Hashable:
    """Equal for findings that say the same of the same places, whichever process of a family it is about."""
    who = finding.verdict is Verdict.DEADLOCK  # there the texts name objects, one for each process
    told = tuple(("" if who else text, place) for _, text, place in finding.details)
    return finding.kind, finding.verdict, str(finding.at), told, bool(finding.caused_by)
