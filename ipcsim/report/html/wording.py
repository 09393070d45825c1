"""The words of a report: the verdict in a line, what it speaks of, durations. As `report.text` says it."""

from __future__ import annotations

from dataclasses import dataclass

from ipcsim.report import words
from ipcsim.verdict import Outcome, Verdict

SIGNS = {Verdict.OK: "✓", Verdict.INCONCLUSIVE: "?"}


@dataclass(frozen=True, slots=True)
class Banner:
    """`look` is good, bad or warn; `word` the verdict, `said` what was expected, `lines` what it means."""

    look: str
    sign: str
    word: str
    said: str
    lines: tuple[str, ...]


def look(verdict: Verdict, as_expected: bool) -> str:
    """How a verdict is coloured: only `ok` is good, a deadlock that was expected is still one."""
    if verdict is Verdict.INCONCLUSIVE:
        return "warn"
    if verdict is Verdict.OK:
        return "good" if as_expected else "warn"
    return "bad"


def banner(outcome: Outcome, command: str) -> Banner:
    """The verdict of a run, a replay or a verification, as `command` says."""
    verdict = outcome.verdict
    if outcome.extra.get("interrupted") and verdict in (Verdict.OK, Verdict.INCONCLUSIVE):
        return Banner("warn", "?", "interrupted", ", no verdict", (f"After {_spent(outcome)}.",))
    said = ", as expected" if outcome.as_expected else f", but {outcome.expect} was expected"
    sign = SIGNS.get(verdict, "✗")
    lines = [_speaks_of(outcome, command)]
    if verdict is Verdict.INCONCLUSIVE:
        lines.append("This is no ok: a bound or a timeout was hit before anything could be said.")
    return Banner(look(verdict, outcome.as_expected), sign, str(verdict), said, tuple(filter(None, lines)))


def _speaks_of(outcome: Outcome, command: str) -> str:
    """What was looked at, and how much the verdict is worth: `ok` never speaks of more than it knows."""
    if command == "verify":
        return _verified(outcome)
    kind = "replay" if command == "replay" else "run"
    if outcome.verdict is not Verdict.OK:
        return f"Found in one {kind}, {_times(outcome)}."
    if outcome.complete:
        return f"This {kind} ended well ({_times(outcome)}), which proves nothing about other interleavings."
    return (
        f"Nothing was wrong until the {kind} was stopped after {_spent(outcome)}, "
        "which proves nothing about other interleavings."
    )


def _verified(outcome: Outcome) -> str:
    states, transitions = outcome.extra.get("states"), outcome.extra.get("transitions")
    looked = ""
    if isinstance(states, int) and isinstance(transitions, int):
        looked = f" ({words.count(states, 'state')}, {words.count(transitions, 'transition')})"
    if outcome.verdict is Verdict.OK and outcome.complete and "semaphores" in outcome.extra:
        from ipcsim.report import proof

        return f"{proof.claim(outcome)} After {_spent(outcome)}{looked}."
    if outcome.verdict is Verdict.OK and outcome.complete:
        return f"Proved for every interleaving{looked}, after {_spent(outcome)}."
    if outcome.verdict in (Verdict.OK, Verdict.INCONCLUSIVE):
        return f"Not every interleaving was explored{looked}, after {_spent(outcome)}."
    return (
        f"Found on the exact model{looked}, after {_spent(outcome)}: this is one interleaving that shows it."
    )


def _spent(outcome: Outcome) -> str:
    return words.seconds(outcome.duration_s)


def _times(outcome: Outcome) -> str:
    after = f"after {_spent(outcome)}"
    detected = outcome.extra.get("detected_after_s")
    if not isinstance(detected, int | float) or outcome.verdict is not Verdict.DEADLOCK:
        return after
    return f"{after}; seen {words.delay(detected)} after the last process blocked"


def lasted(time: float, by_steps: bool) -> str:
    """A stretch of a trace's time: `12 steps`, `1.2 ms`."""
    if by_steps:
        return words.count(int(time), "step")
    if time == 0:
        return "0"
    for limit, name in ((1e3, "ns"), (1e6, "µs"), (1e9, "ms")):
        if time < limit:
            return f"{time / limit * 1e3:.3g} {name}"
    return words.seconds(time / 1e9)
