"""Verdict, Finding and Outcome: what ipcsim says in the end, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ipcsim.errors import Location
from ipcsim.version import __version__


class Verdict(StrEnum):
    """One word for how it ended. `OK` speaks of a run or of the whole program: the text says which."""

    OK = "ok"
    DEADLOCK = "deadlock"
    STARVATION = "starvation"
    LIVELOCK = "livelock"
    RACE = "race"
    VIOLATION = "violation"
    ERROR = "error"
    LEAK = "leak"
    INCONCLUSIVE = "inconclusive"


# The first of these that a finding carries is the verdict. A cause stands before its consequences: a
# race before the property that it broke, so that the verdict does not depend on whether the bad
# interleaving happened to show in the values.
PRECEDENCE = (
    Verdict.ERROR,
    Verdict.DEADLOCK,
    Verdict.RACE,
    Verdict.VIOLATION,
    Verdict.LIVELOCK,
    Verdict.STARVATION,
    Verdict.LEAK,
    Verdict.INCONCLUSIVE,
)


class Kind(StrEnum):
    """What sort of reason a finding is."""

    CIRCULAR_WAIT = "circular wait"
    SELF_WAIT = "self-wait"
    ORPHANED_WAIT = "orphaned wait"
    WAITS_BEHIND = "waits behind a deadlock"
    STARVATION = "starvation"
    LIVELOCK = "livelock"
    RACE = "race"
    VIOLATION = "violation"
    ASSERTION = "failed assertion"
    ERRNO = "uncaught errno"
    EVALUATION = "evaluation error"
    CRASH = "crash"
    LEAK = "leak"
    TIMEOUT = "timeout"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for a verdict.

    `verdict` is the verdict that this reason alone would give; None for a remark that explains but
    does not judge (a crash that the scenario asked for). `cycle` names processes and objects in turn,
    closed: the last waits for the first. `message` is one sentence; `details` are further lines, each
    a (subject, text, place) as in "philosopher[0] | holds fork[0], waits for fork[1] | file:31".
    `caused_by` are the processes whose own failure (another finding) brought this about: then it is only
    its consequence.
    """

    kind: Kind
    verdict: Verdict | None
    message: str
    processes: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    cycle: tuple[str, ...] = ()
    at: Location | None = None
    details: tuple[tuple[str, str, str], ...] = ()
    caused_by: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The finding as in the `--json` contract, with `details` besides the least keys."""
        return {
            "kind": str(self.kind),
            "verdict": None if self.verdict is None else str(self.verdict),
            "processes": list(self.processes),
            "objects": list(self.objects),
            "cycle": list(self.cycle),
            "at": None if self.at is None else str(self.at),
            "message": self.message,
            "details": [list(d) for d in self.details],
            "caused_by": list(self.caused_by),
        }


def conclude(findings: tuple[Finding, ...]) -> Verdict:
    """The verdict that the findings amount to, `OK` where none judges: the first in `PRECEDENCE` of those
    that are no mere consequence of another."""
    causes = {f.verdict for f in findings if not f.caused_by}
    present = causes if causes - {None} else {f.verdict for f in findings}
    return next((v for v in PRECEDENCE if v in present), Verdict.OK)


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Causes before consequences, graver ones first, remarks last; else as they came."""

    def rank(finding: Finding) -> tuple[bool, bool, int]:
        grave = len(PRECEDENCE) if finding.verdict is None else PRECEDENCE.index(finding.verdict)
        return finding.verdict is None, bool(finding.caused_by), grave

    return tuple(sorted(findings, key=rank))


html_renderer: Callable[[Outcome], str] | None = None  # of notebooks; `api` fills it in from above


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run, a verification or a replay.

    `complete` says whether every process was followed to its end (run) or every interleaving explored
    (verify). `extra` holds the keys that only some commands have (see DESIGN, section 7); durations
    are seconds.
    """

    command: str
    scenario: str
    verdict: Verdict
    expect: Verdict
    complete: bool
    findings: tuple[Finding, ...]
    seed: int | None
    duration_s: float
    arguments: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def as_expected(self) -> bool:
        return self.verdict == self.expect

    @property
    def exit_code(self) -> int:
        """0 as expected, 1 not, 3 inconclusive (unless just that was expected), 4 where it is a `limit` of
        this machine that a process ran into."""
        if self.as_expected:
            return 0
        if self.verdict is Verdict.ERROR and self.extra.get("limit"):
            return 4
        return 3 if self.verdict is Verdict.INCONCLUSIVE else 1

    def _repr_html_(self) -> str | None:
        """What a notebook shows; None: its text."""
        return None if html_renderer is None else html_renderer(self)

    def as_json(self) -> dict[str, Any]:
        """The one JSON object of `--json` (DESIGN, section 7), which also closes a trace."""
        return {
            "ipcsim": __version__,
            "command": self.command,
            "scenario": self.scenario,
            "arguments": self.arguments,
            "verdict": str(self.verdict),
            "expect": str(self.expect),
            "as_expected": self.as_expected,
            "complete": self.complete,
            "findings": [f.as_json() for f in self.findings],
            "seed": self.seed,
            "duration_s": round(self.duration_s, 6),
            **self.extra,
        }
