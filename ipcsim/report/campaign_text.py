"""A campaign as a person reads it: counts and durations first, then the first run of each verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ipcsim.analysis.fairness import percentile
from ipcsim.report import text, words
from ipcsim.report.campaign import Campaign
from ipcsim.report.page import Page, Part
from ipcsim.verdict import Outcome, Verdict

BINS = 8  # of the histogram
WIDE_RANGE = 10  # from this ratio of the longest to the shortest on, bins grow by a factor
LONGEST_BAR = 40


def render(campaign: Campaign, width: int = 80, color: bool = False) -> str:
    """The whole report, `width` columns wide where that is possible."""
    page = Page(width, color)
    _heading(page, campaign)
    page.blank()
    _judgement(page, campaign)
    page.blank()
    _counts(page, campaign)
    _durations(page, campaign)
    for verdict, outcome in campaign.firsts.items():
        page.blank()
        _first(page, campaign, verdict, outcome)
    page.blank()
    for remark in campaign.remarks:
        page.paragraph(("remark: ", "bold"), remark, indent=2, hanging=2)
    if campaign.path is not None:
        page.blank()
        page.line(f"{words.count(len(campaign.outcomes), 'run')} in {campaign.path}", indent=2)
        page.line("all of it: ", (words.command_line("ipcsim", "report", campaign.path), "bold"), indent=2)
    return page.text()


def _heading(page: Page, campaign: Campaign) -> None:
    parts: list[Part] = [(campaign.scenario, "bold")]
    if campaign.arguments:
        parts.append(f"   {words.assignments(campaign.arguments)}")
    parts.append(f"   {words.count(len(campaign.outcomes), 'run')}")
    seeds = [s for s in campaign.seeds if s is not None]
    if seeds:
        parts.append(f", seed{'s' if len(seeds) > 1 else ''} {span(seeds)}")
    schedulers = {str(o.extra.get("scheduler", "free")) for o in campaign.outcomes} - {"free"}
    if schedulers:
        parts.append(f"   scheduler {', '.join(sorted(schedulers))}")
    page.paragraph(*parts, hanging=2)


def span(seeds: Sequence[int]) -> str:
    """`7 to 106`, and where they do not follow each other the first ones."""
    if len(seeds) == 1:
        return str(seeds[0])
    if all(b == a + 1 for a, b in pairwise(seeds)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds[:5])) + (", …" if len(seeds) > 5 else "")


def _judgement(page: Page, campaign: Campaign) -> None:
    """One sentence: was it what the scenario expects, always?"""
    made, expect = len(campaign.outcomes), campaign.expect
    after = f" (after {words.seconds(sum(campaign.durations))} of running)"
    stopped = f"; interrupted after {made:,} of {words.count(campaign.asked, 'run')}"
    tail = after + (stopped if campaign.interrupted else "")
    if not made:
        page.paragraph(("no run was made", "bold yellow"), stopped if campaign.interrupted else "")
        return
    if campaign.as_expected:
        runs = f" in all {made:,} runs" if made > 1 else " in the only run"
        page.paragraph((str(expect), "bold green"), f"{runs}, as expected{tail}", hanging=2)
    else:
        good = campaign.counts.get(expect, 0)
        style = "bold yellow" if campaign.exit_code == 3 else "bold red"
        said = f" came in {good:,} of {words.count(made, 'run')}, and was expected in each{tail}"
        page.paragraph((str(expect), style), said, hanging=2)
    if campaign.counts.keys() == {Verdict.OK}:
        page.paragraph(
            "These runs ended well, which proves nothing about interleavings that none of them took.",
            indent=2,
        )


def _counts(page: Page, campaign: Campaign) -> None:
    made = len(campaign.outcomes)
    rows = [(str(v), f"{n:,}", _percent(n, made), n) for v, n in campaign.counts.items()]
    _bars(page, rows, made)


def _percent(part: int, whole: int) -> str:
    """`33 %`; never 0 % of what is there, nor 100 % of what is not all."""
    if 0 < part < whole:
        return f"{min(max(round(100 * part / whole), 1), 99)} %"
    return "100 %"


def _bars(page: Page, rows: Sequence[tuple[str, str, str, int]], most: int) -> None:
    """Label, number, share and a bar a row; without bars where there is no room for them."""
    if not rows:
        return
    widths = [max(len(str(row[i])) for row in rows) for i in range(3)]
    room = min(LONGEST_BAR, page.width - sum(widths) - 10)
    for label, number, share, size in rows:
        bar = "#" * math.ceil(room * size / most) if room >= 8 else ""
        percent = f"  {share:>{widths[2]}}" if widths[2] else ""
        page.line(f"{label:<{widths[0]}}  {number:>{widths[1]}}{percent}  {bar}".rstrip(), indent=2)


# --- durations ---


def _durations(page: Page, campaign: Campaign) -> None:
    spent = campaign.durations
    if len(spent) < 2:
        return
    page.blank()
    median, most = percentile_s(spent, 50), percentile_s(spent, 95)
    page.paragraph(
        ("how long the runs took", "bold"),
        f": half of them at most {words.seconds(median)}, 95 % at most {words.seconds(most)}, "
        f"{words.seconds(min(spent))} to {words.seconds(max(spent))}",
        indent=2,
        hanging=2,
    )
    found = histogram(spent)
    rows = [(f"up to {words.seconds(edge)}", f"{n:,}", "", n) for edge, n in found]
    if len(found) > 1:
        page.blank()
        _bars(page, rows, max(n for _, n in found))


def percentile_s(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of seconds, counted in whole nanoseconds."""
    return percentile([round(v * 1e9) for v in values], percent) / 1e9


def histogram(values: Sequence[float], bins: int = BINS) -> list[tuple[float, int]]:
    """(upper edge, how many) a bin; equal steps, or equal factors where the values lie far apart."""
    low, high = min(values), max(values)
    if low == high:
        return [(high, len(values))]
    if low > 0 and high / low >= WIDE_RANGE:
        edges = [low * (high / low) ** (i / bins) for i in range(1, bins)]
    else:
        edges = [low + (high - low) * i / bins for i in range(1, bins)]
    counts = [0] * bins
    for value in values:
        counts[sum(1 for edge in edges if value > edge)] += 1
    return list(zip([*edges, high], counts, strict=True))


# --- the first run of each verdict ---


def _first(page: Page, campaign: Campaign, verdict: Verdict, outcome: Outcome) -> None:
    number = campaign.outcomes.index(outcome) + 1
    seed = "" if outcome.seed is None else f", seed {outcome.seed}"
    expected = "" if outcome.as_expected else ", not expected"
    page.paragraph(
        ("first ", ""), (str(verdict), text.verdict_style(outcome)), f": run {number:,}{seed}{expected}"
    )
    judging = [f for f in outcome.findings if f.verdict is not None]
    for finding in judging[:1]:
        page.blank()
        text.tell(page, finding)
    if len(judging) > 1:
        page.paragraph(f"And {words.count(len(judging) - 1, 'more finding')} in this run.", indent=2)
    page.blank()
    trace = outcome.extra.get("trace")
    if trace is not None:
        page.line("see it: ", (words.command_line("ipcsim", "report", str(trace)), "bold"), indent=2)
    if (line := words.again(outcome)) is not None:
        label, command = line
        page.line(f"{label}: ", (command, "bold"), indent=2)
