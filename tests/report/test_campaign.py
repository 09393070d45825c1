"""Campaigns: counts and durations first, and the way back to each run."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ipcsim.errors import TraceError
from ipcsim.report import campaign as files
from ipcsim.report import campaign_text
from ipcsim.report.campaign import Campaign
from ipcsim.verdict import Outcome, Verdict
from tests.report import outcomes
from tests.report.promoted import compare
from tests.report.test_json import CONTRACT


def run(verdict: Verdict, seed: int, duration: float, **changes: Any) -> Outcome:
    kept = changes.pop("trace", None)
    extra = {"trace": kept, "seed": seed, "duration_s": duration, "scheduler": "random", **changes}
    if verdict is Verdict.DEADLOCK:
        return outcomes.outcome(
            verdict, outcomes.circle(), detected_after_s=0.004, expect=Verdict.DEADLOCK, **extra
        )
    findings = () if verdict is Verdict.OK else (outcomes.timeout(),)
    return outcomes.outcome(verdict, *findings, expect=Verdict.DEADLOCK, **extra)


def made(*runs: Outcome, **changes: Any) -> Campaign:
    fields: dict[str, Any] = {
        "scenario": "dining-philosophers",
        "arguments": {"seats": 5},
        "expect": Verdict.DEADLOCK,
        "outcomes": runs,
        "asked": len(runs),
        "request": {"target": "dining-philosophers", "set": {"seats": 5}, "options": []},
    }
    return Campaign(**(fields | changes))


DEAD = [run(Verdict.DEADLOCK, 7 + i, 0.01 * (i + 1)) for i in range(9)]
MIXED = made(
    *DEAD,
    run(Verdict.OK, 16, 1.5, trace="reports/x/2.trace", schedule="0*3 1 2"),
    run(Verdict.INCONCLUSIVE, 17, 20.0),
    path="reports/x/1.campaign.json",
)
ALL = {
    "as-expected": made(*DEAD),
    "mixed": MIXED,
    "one": made(DEAD[0]),
    "all-ok": made(*(outcomes.outcome(seed=i) for i in range(3)), expect=Verdict.OK, arguments={}),
    "interrupted": made(*DEAD[:4], asked=100, interrupted=True),
    "none": made(asked=100, interrupted=True),
    "hostile": made(
        outcomes.hostile(), scenario=outcomes.HOSTILE, path=outcomes.HOSTILE, expect=Verdict.ERROR,
        arguments={outcomes.HOSTILE: outcomes.HOSTILE}, remarks=(outcomes.HOSTILE,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_text(name: str) -> None:
    compare(campaign_text.render(ALL[name], 100), f"campaign-{name}-100")


def test_narrow() -> None:
    compare(campaign_text.render(MIXED, 44), "campaign-mixed-44")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("width", [20, 60, 120])
def test_color_carries_nothing_and_names_steer_nothing(name: str, width: int) -> None:
    plain = campaign_text.render(ALL[name], width)
    assert re.sub(r"\x1b\[[\d;]*m", "", campaign_text.render(ALL[name], width, color=True)) == plain
    assert [c for c in plain if not c.isprintable() and c != "\n"] == []


def test_what_it_amounts_to() -> None:
    assert MIXED.counts == {Verdict.DEADLOCK: 9, Verdict.INCONCLUSIVE: 1, Verdict.OK: 1}
    assert MIXED.verdict is Verdict.DEADLOCK
    assert [o.seed for o in MIXED.firsts.values()] == [7, 17, 16]
    codes = {name: ALL[name].exit_code for name in ALL}
    assert codes == {
        "as-expected": 0, "mixed": 1, "one": 0, "all-ok": 0, "interrupted": 0, "none": 3, "hostile": 0,
    }  # fmt: skip
    assert made(*DEAD, run(Verdict.INCONCLUSIVE, 1, 1.0)).exit_code == 3


@pytest.mark.parametrize("name", ALL)
def test_the_json_object(name: str) -> None:
    data = json.loads(json.dumps(ALL[name].as_json()))
    least = CONTRACT - {"schedule", "events", "scheduler"}  # of one run
    assert data.keys() >= least | {"repeat", "verdicts", "runs", "campaign", "schema"}
    assert data["command"] == "run"
    assert sum(data["verdicts"].values()) == len(data["runs"])
    for one in data["runs"]:
        assert one.keys() == {"seed", "verdict", "as_expected", "duration_s", "trace"}
    assert data["as_expected"] is (bool(data["runs"]) and all(r["as_expected"] for r in data["runs"]))


@pytest.mark.parametrize("name", ALL)
def test_there_and_back(name: str) -> None:
    back = files.decode(files.encode(ALL[name]), "x")
    assert back.counts == ALL[name].counts
    assert back.durations == ALL[name].durations
    assert back.expect == ALL[name].expect
    assert (back.asked, back.interrupted) == (ALL[name].asked, ALL[name].interrupted)
    assert back.path == "x"
    assert files.encode(back) == files.encode(ALL[name])


def test_only_the_first_of_a_verdict_keeps_its_schedule() -> None:
    runs = [run(Verdict.DEADLOCK, i, 0.1, schedule="0 1 2") for i in range(2)]
    back = files.decode(files.encode(made(*runs)), "x")
    assert [o.extra["schedule"] for o in back.outcomes] == ["0 1 2", None]


@pytest.mark.parametrize(
    "damage",
    [
        {"outcomes": 3},
        {"outcomes": [{}]},
        {"expect": "fine"},
        {"asked": "x"},
        {"asked": 1e400},
        {"request": 3},
        {"request": {"target": 1}},
        {"arguments": 5},
        {"remarks": 5},
    ],
)
def test_a_damaged_file_is_an_error_for_the_user(damage: dict[str, Any]) -> None:
    data = json.loads(files.encode(MIXED)) | damage
    with pytest.raises(TraceError, match="damaged"):
        files.decode(json.dumps(data), "x.campaign.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"a": 1}', "[" * 50_000])
def test_what_is_no_campaign(text: str) -> None:
    with pytest.raises(TraceError, match=r"x is (not a campaign|a damaged)"):
        files.decode(text, "x")


def test_another_format_is_named() -> None:
    data = json.loads(files.encode(MIXED)) | {files.MARK: 2}
    with pytest.raises(TraceError, match="campaign format 2, this ipcsim reads format 1"):
        files.decode(json.dumps(data), "x")


# --- the histogram ---


@pytest.mark.parametrize(
    "values", [(0.1,), (0.1, 0.1), (0.1, 0.2, 0.3), (0.001, 0.002, 30.0), (0.0, 5.0), (0.3, 0.1, 0.2, 0.1)]
)
def test_each_duration_is_in_one_bin(values: tuple[float, ...]) -> None:
    bins = campaign_text.histogram(values)
    assert sum(n for _, n in bins) == len(values)
    edges = [edge for edge, _ in bins]
    assert edges == sorted(edges)
    assert edges[-1] == max(values)
    low = -1.0
    for edge, number in bins:
        assert number == sum(low < v <= edge for v in values)
        low = edge


def test_shares() -> None:
    assert [campaign_text._percent(*p) for p in [(1, 1000), (999, 1000), (5, 5), (1, 3)]] == [
        "1 %", "99 %", "100 %", "33 %",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seeds", "said"),
    [([7], "7"), ([7, 8, 9], "7 to 9"), ([7, 9], "7, 9"), (list(range(0, 20, 2)), "0, 2, 4, 6, 8, …")],
)
def test_seeds(seeds: list[int], said: str) -> None:
    assert campaign_text.span(seeds) == said


# --- notebooks ---


def test_in_a_notebook() -> None:
    shown = MIXED._repr_html_()
    assert "<table>" in shown
    assert "<b>deadlock</b>" in shown
    hostile = ALL["hostile"]._repr_html_()
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile
    nasty = made(run(Verdict.OK, 1, 1.0), scenario="</script><b>x")._repr_html_()
    assert "<b>x" not in nasty
    assert "&lt;b&gt;x" in nasty
