"""The page of a campaign: the same scenario many times. Counts and distributions come first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipcsim.report import words
from ipcsim.report.html.shown import label, sentence
from ipcsim.report.html.template import fill
from ipcsim.report.html.wording import SIGNS, Banner, look
from ipcsim.verdict import PRECEDENCE, Outcome, Verdict

if TYPE_CHECKING:
    from ipcsim.report.campaign import Campaign

BARS = 24  # of a histogram
MOST_RUNS = 1000
_WIDE, _HIGH = 640, 190


@dataclass(frozen=True, slots=True)
class Count:
    verdict: str
    sign: str
    look: str
    number: int
    percent: str
    part: float


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    wide: float
    high: float
    said: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars drawn as SVG; `ticks` are (x, text)."""

    title: str
    said: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    most: int


def page(campaign: Campaign) -> str:
    """The whole file."""
    outcomes = campaign.outcomes
    counts = _counts(campaign)
    seconds = [o.duration_s for o in outcomes]
    detected = [float(d) for o in outcomes if isinstance(d := o.extra.get("detected_after_s"), int | float)]
    events = [float(e) for o in outcomes if isinstance(e := o.extra.get("events"), int)]
    return fill(
        "campaign.html.j2",
        title=f"{label(campaign.scenario)}: {words.count(len(outcomes), 'run')} – ipcsim",
        heading=label(campaign.scenario),
        about=[sentence(words.assignments(campaign.arguments)), words.count(len(outcomes), "run")],
        banner=_banner(campaign),
        counts=counts,
        histograms=[
            h
            for h in (
                _histogram("How long a run took", seconds, words.seconds),
                _histogram("From the last block to the verdict", detected, words.delay),
                _histogram("Events a run", events, lambda v: f"{v:,.0f}"),
            )
            if h is not None
        ],
        reasons=_reasons(outcomes),
        runs=[_run(i, o) for i, o in enumerate(outcomes[:MOST_RUNS], 1)],
        more=max(0, len(outcomes) - MOST_RUNS),
        commands=_commands(campaign),
    )


def _counts(campaign: Campaign) -> list[Count]:
    """How often each verdict came; the worst first."""
    found = Counter(o.verdict for o in campaign.outcomes)
    total = max(1, len(campaign.outcomes))
    order = [v for v in (*PRECEDENCE, Verdict.OK) if found[v]]
    return [
        Count(
            str(v), SIGNS.get(v, "✗"), look(v, v == campaign.expect), found[v],
            f"{100 * found[v] / total:.3g} %", 100 * found[v] / total,
        )
        for v in order
    ]  # fmt: skip


def _banner(campaign: Campaign) -> Banner:
    number = len(campaign.outcomes)
    good = sum(o.verdict == campaign.expect for o in campaign.outcomes)
    asked = getattr(campaign, "asked", 0) or number
    lines = ["A run speaks of itself only: what never came in these runs is not proved impossible."]
    if asked > number:
        lines.insert(0, f"{asked:,} runs were asked for, {number:,} were made.")
    if not number:
        return Banner("warn", "?", "no runs", "", tuple(lines))
    verdicts = {o.verdict for o in campaign.outcomes}
    shade = "bad" if verdicts - {Verdict.OK, Verdict.INCONCLUSIVE} else "good"
    shade = "warn" if Verdict.INCONCLUSIVE in verdicts and shade == "good" else shade
    word = str(next(iter(verdicts))) if len(verdicts) == 1 else f"{len(verdicts)} different verdicts"
    said = f" in {words.count(number, 'run')}; {good:,} as expected ({campaign.expect})"
    sign = {"good": "✓", "warn": "?"}.get(shade, "✗")
    return Banner(shade, sign, word, said, tuple(lines))


def _histogram(title: str, values: Sequence[float], say: Any) -> Histogram | None:
    """Evenly wide bars from the least to the greatest."""
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    number = min(BARS, max(5, len(values) // 3)) if high > low else 1
    width = (high - low) / number or 1.0
    found = Counter(min(number - 1, int((v - low) / width)) for v in values)
    most = max(found.values())
    wide = _WIDE / number
    bars = tuple(
        Bar(
            i * wide + 1, _HIGH - found[i] / most * (_HIGH - 16), wide - 2, found[i] / most * (_HIGH - 16),
            f"{found[i]} from {say(low + i * width)} to {say(low + (i + 1) * width)}",
        )
        for i in range(number)
        if found[i]
    )  # fmt: skip
    ordered = sorted(values)
    middle, late = (ordered[max(0, -(-len(ordered) * p // 100) - 1)] for p in (50, 95))
    said = f"median {say(middle)}, 95 % up to {say(late)}, least {say(low)}, most {say(high)}"
    ticks = ((0.0, say(low)), (_WIDE / 2, say((low + high) / 2)), (float(_WIDE), say(high)))
    return Histogram(title, said, bars, ticks if high > low else ticks[:1], most)


def _reasons(outcomes: Sequence[Outcome]) -> list[tuple[str, int, str]]:
    """(kind of finding, in how many runs, an example), the commonest first."""
    runs: Counter[str] = Counter()
    example: dict[str, str] = {}
    for outcome in outcomes:
        for kind in {str(f.kind) for f in outcome.findings if f.verdict is not None}:
            runs[kind] += 1
        for f in outcome.findings:
            example.setdefault(str(f.kind), sentence(f.message))
    return [(kind, number, example[kind]) for kind, number in runs.most_common()]


def _run(number: int, outcome: Outcome) -> dict[str, Any]:
    judging = [f for f in outcome.findings if f.verdict is not None]
    line = words.again(outcome)
    return {
        "number": number,
        "sign": SIGNS.get(outcome.verdict, "✗"),
        "look": look(outcome.verdict, outcome.as_expected),
        "verdict": str(outcome.verdict),
        "seed": "" if outcome.seed is None else str(outcome.seed),
        "spent": words.seconds(outcome.duration_s),
        "events": f"{outcome.extra.get('events', 0):,}",
        "why": ", ".join(dict.fromkeys(str(f.kind) for f in judging)),
        "trace": label(str(outcome.extra.get("trace") or "")),
        "again": line[1] if line else "",
    }


def _commands(campaign: Campaign) -> list[tuple[str, str]]:
    """The first run of each verdict again."""
    found: list[tuple[str, str]] = []
    for verdict in (*PRECEDENCE, Verdict.OK):
        first = next((o for o in campaign.outcomes if o.verdict == verdict), None)
        line = None if first is None else words.again(first)
        if line is not None:
            found.append((f"{verdict}, the first", line[1]))
    return found
