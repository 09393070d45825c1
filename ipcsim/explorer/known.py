"""What the searches of a verification amount to together: how much was seen, what is proved or still open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ipcsim.explorer.search import Result
from ipcsim.verdict import PRECEDENCE, Finding, Kind, Verdict

DEEP = "that depth first nothing is known of what goes on for ever"
IN_STATES = (Verdict.ERROR, Verdict.RACE, Verdict.VIOLATION, Verdict.LEAK)
_ALWAYS_ASKED = frozenset((*IN_STATES, Verdict.DEADLOCK, Verdict.LIVELOCK))
_WORDS = {
    Verdict.DEADLOCK: "no deadlock",
    Verdict.ERROR: "no error",
    Verdict.RACE: "no race",
    Verdict.VIOLATION: "no broken property",
    Verdict.LEAK: "nothing left behind",
    Verdict.LIVELOCK: "no livelock",
    Verdict.STARVATION: "no starvation",
}


@dataclass
class Tally:
    """What the searches amount to together."""

    states: int = 0
    transitions: int = 0
    stopped: str = ""
    interrupted: bool = False
    spent: int = 0  # states, those of searches that came to nothing included

    def add(self, result: Result) -> None:
        self.states += result.states
        self.spent += result.states
        self.transitions += result.graph.transitions
        self.stopped = self.stopped or result.stopped
        self.interrupted = self.interrupted or result.interrupted


class Known:
    """`settled` are the verdicts of which it is known whether the program can have them."""

    def __init__(self) -> None:
        self.settled: set[Verdict] = set()

    def states(self, stuck: bool, polling: bool) -> None:
        """Every state was seen. `stuck`: also who waits for ever while others go on; `polling`: and whether
        those ever change anything."""
        self.settled.update(IN_STATES)
        if stuck:
            self.settled.add(Verdict.DEADLOCK)
        if polling:
            self.settled.add(Verdict.LIVELOCK)

    def loops(self, *verdicts: Verdict) -> None:
        """Every fair loop was looked at for these."""
        self.settled.update(verdicts)

    def reopen(self, verdict: Verdict) -> None:
        """What no state shows was not looked for to the end."""
        self.settled.discard(verdict)

    def proved(self, findings: Iterable[Finding]) -> list[Verdict]:
        """What the program can never have."""
        found = {f.verdict for f in findings}
        return [v for v in PRECEDENCE if v in self.settled and v not in found]

    def open(self, findings: Iterable[Finding], asked: frozenset[Verdict]) -> list[Verdict]:
        """What it may have, for all that is known; `asked`: besides what every program is asked for."""
        found = {f.verdict for f in findings}
        wanted = (_ALWAYS_ASKED | asked) - self.settled - found
        return [v for v in PRECEDENCE if v in wanted]

    def inconclusive(self, tally: Tally, asked: frozenset[Verdict]) -> Finding:
        """What is to be said of a verification that found nothing before it was stopped."""
        if tally.stopped == DEEP:
            text = (
                f"All {tally.states:,} states were seen, depth first, and nothing is wrong in any of them. "
                "Whether some process never gets on while others go on for ever is not known so: "
                "`--search breadth` tells."
            )
            return Finding(Kind.TIMEOUT, Verdict.INCONCLUSIVE, text)
        reached = "You stopped it" if tally.interrupted else f"It was stopped by {tally.stopped}"
        seen = f"after {tally.states:,} states and {tally.transitions:,} steps"
        return Finding(Kind.TIMEOUT, Verdict.INCONCLUSIVE, f"{reached} {seen}; {self._told(asked)}.")

    def _told(self, asked: frozenset[Verdict]) -> str:
        """What is known, in words, where nothing was found."""
        proved, still = self.proved(()), self.open((), asked)
        if not proved:
            return "nothing wrong was found in those, and nothing is known of the rest"
        no = ", ".join(_WORDS[v] for v in proved)
        return f"proved by then: {no}; still open: {', '.join(still)}"
