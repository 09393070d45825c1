"""What stands in a report before any script runs: pure tests of the HTML."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ipcsim.errors import TraceError
from ipcsim.report.html import fragment, render, render_campaign
from ipcsim.report.html.columns import Columns
from ipcsim.report.html.template import _text
from ipcsim.report.html.wording import banner
from ipcsim.trace import Event, EventKind, Trace, read_trace
from ipcsim.verdict import Finding, Kind, Outcome, Verdict
from tests.analysis import programs as make
from tests.analysis.events import Story
from tests.report.html import traces


def outcome(verdict: Verdict = Verdict.OK, *, complete: bool = True, command: str = "run") -> Outcome:
    return Outcome(command, "test", verdict, verdict, complete, (), 7, 0.5)


class Checker(HTMLParser):
    """Collects ids and links, and what would load something."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        if "id" in given:
            assert given["id"] not in self.ids, given["id"]
            self.ids.add(given["id"])
        if tag == "a":
            self.links.add(given["href"])
        if "src" in given or (tag == "link" and given.get("href") != "data:,"):
            self.loads.append(str(attrs))


def checked(html: str) -> Checker:
    found = Checker()
    found.feed(html)
    assert found.loads == []
    return found


# --- the page ---


@pytest.fixture(scope="module")
def philosophers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, Outcome]:
    return traces.run(tmp_path_factory.mktemp("runs"), "dining-philosophers", seats=3)


def test_every_link_leads_somewhere(philosophers: tuple[Trace, Outcome]) -> None:
    found = checked(render(*philosophers))
    assert found.links >= {"#L40"}
    assert {link[1:] for link in found.links} <= found.ids


def test_lines_that_findings_name_are_marked(philosophers: tuple[Trace, Outcome]) -> None:
    html = render(*philosophers)
    assert re.findall(r'<li id="(\w+)" class="mark"', html) == ["L40"]


def test_the_page_forbids_itself_every_request(philosophers: tuple[Trace, Outcome]) -> None:
    assert (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
        in render(*philosophers)
    )


def test_the_command_to_run_it_again_is_there(philosophers: tuple[Trace, Outcome]) -> None:
    assert "ipcsim replay dining-philosophers" in render(*philosophers)


def test_hostile_texts_never_become_markup(philosophers: tuple[Trace, Outcome]) -> None:
    html = render(*traces.hostile(*philosophers))
    assert "<img" not in html
    assert "\u202e" not in html
    assert "\u200f" not in html
    assert html.count("</script>") == 2  # the data's and the scripts' own
    checked(html)


def test_a_trace_that_was_cut_off_makes_a_report_that_says_so(
    philosophers: tuple[Trace, Outcome], tmp_path: Path
) -> None:
    whole = Path(philosophers[1].extra["trace"]).read_bytes()
    for part in (0.98, 0.9, 0.5):
        file = tmp_path / "cut.trace"
        file.write_bytes(whole[: max(whole.index(b"\n") + 1, int(len(whole) * part))])
        html = render(*traces.read(file))
        assert "This report is partial" in html
        assert "inconclusive" in html
        assert 'class="banner warn"' in html


def test_a_trace_without_any_event_makes_a_report(tmp_path: Path) -> None:
    html = render(Trace(make.philosophers(2), {}, (), {}), outcome())
    assert 'id="data"' not in html
    checked(html)


def test_a_newer_trace_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "new.trace"
    file.write_text(json.dumps({"ipcsim-trace": 99}) + "\n")
    with pytest.raises(TraceError, match="format 99"):
        read_trace(file)


def test_damaged_records_make_a_report_all_the_same() -> None:
    program = make.philosophers(2)
    wild = tuple(
        Event(time, p, pc, kind, errno, a, b, b"")
        for time, (p, pc, kind, errno, a, b) in enumerate(
            (p, pc, kind, errno, a, b)
            for p in (0, 1)
            for pc in (0, 1, 77)
            for kind in EventKind
            if kind is not EventKind.DATA
            for errno in (0, -1, 43)
            for a, b in ((0, 0), (-5, 2**40))
        )
    )
    checked(render(Trace(program, {"seed": "x"}, wild, {"complete": "?"}), outcome()))


# --- the model ---


def test_a_counterexample_counts_steps_and_shows_its_loop() -> None:
    story = Story().call(0, 0).step(0, 1).call(0, 2)
    program = make.program(
        make.family("worker", make.p(0), make.phase("critical"), make.v(0)), sets=[make.semaphores(1)]
    )
    events = tuple(e._replace(time=t) for e, t in zip(story.events, (1, 1, 2, 3, 3), strict=True))
    trace = Trace(program, {"source": "model"}, events, {}, ({"note": "lasso", "from": 2},))
    html = render(trace, outcome(Verdict.STARVATION, command="verify"))
    assert "from step 2 on this repeats for ever" in html
    assert "Found on the exact model" in html
    assert "ipcsim verify test" in html


# --- the words of the banner ---


def test_ok_of_a_run_speaks_of_this_run() -> None:
    told = banner(outcome(), "run")
    assert told.look == "good"
    assert "proves nothing about other interleavings" in " ".join(told.lines)


def test_ok_of_a_complete_verification_is_a_proof() -> None:
    told = banner(replace(outcome(), extra={"states": 1204, "transitions": 3000}), "verify")
    assert told.lines == ("Proved for every interleaving (1,204 states, 3,000 transitions), after 0.50 s.",)


def test_a_proof_says_under_which_assumptions() -> None:
    told = banner(replace(outcome(), extra={"semaphores": "weak", "states": 7, "transitions": 9}), "verify")
    assert told.lines[0].startswith("Proved for every interleaving (weak semaphores)")


@pytest.mark.parametrize("command", ["run", "verify"])
def test_inconclusive_never_looks_like_ok(command: str) -> None:
    told = banner(outcome(Verdict.INCONCLUSIVE, complete=False), command)
    assert (told.look, told.sign) == ("warn", "?")
    assert "Proved" not in " ".join(told.lines)


def test_ok_of_an_incomplete_verification_is_no_proof() -> None:
    assert "Not every interleaving" in banner(outcome(complete=False), "verify").lines[0]


def test_interrupted_is_no_verdict() -> None:
    assert banner(replace(outcome(), extra={"interrupted": True}), "run").word == "interrupted"


# --- colours ---

PAIRS = """
text/back text/panel dim/back dim/panel link/back link/panel good/good-back bad/bad-back warn/warn-back
text/mark text/now dim/mark dim/now text/code text/bad-back dim/bad-back bad/back
p0/back p1/back p2/back p3/back p4/back p5/back
"""
SHAPES = "block/back run/back wake/back accent/back block/panel bad/panel"


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("sheet", ["light.css", "dark.css"])
def test_contrast_is_aa(sheet: str) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", _text(sheet)))
    for wanted, pairs in ((4.5, PAIRS), (3.0, SHAPES)):
        for a, b in (pair.split("/") for pair in pairs.split()):
            high, low = sorted((luminance(colours[a]), luminance(colours[b])), reverse=True)
            ratio = (high + 0.05) / (low + 0.05)
            assert ratio >= wanted, f"{a} on {b}: {ratio:.2f}"


# --- the data ---


def test_columns_unpack_to_what_they_were() -> None:
    columns = Columns()
    columns.add("a", [1, -1, 2**31 - 1, -(2**31)])
    columns.add_sorted("b", [3, 3, 500_000_000])
    raw = zlib.decompress(base64.b64decode(columns.packed({"x": "</script>"})))
    size = int.from_bytes(raw[:4], "little")
    about = json.loads(raw[4 : 4 + size])
    assert about["x"] == "</script>"
    assert about["columns"] == [["a", 0, 4], ["b", 1, 3]]
    planes = raw[4 + size : 4 + size + 16]
    values = [int.from_bytes(planes[i::4], "little", signed=True) for i in range(4)]
    assert values == [1, -1, 2**31 - 1, -(2**31)]


# --- campaigns and notebooks ---


class Many:
    """As `report.campaign.Campaign`."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.scenario = "test"
        self.arguments = {"seats": 3}
        self.expect = Verdict.OK
        self.outcomes = outcomes


def test_a_campaign_tells_its_counts_first() -> None:
    bad = replace(
        outcome(Verdict.DEADLOCK),
        expect=Verdict.OK,
        findings=(Finding(Kind.CIRCULAR_WAIT, Verdict.DEADLOCK, "A circle of `a`."),),
        extra={"events": 12, "detected_after_s": 0.01},
    )
    runs = [replace(outcome(), duration_s=i / 10, extra={"events": i}) for i in range(1, 8)]
    html = render_campaign(Many(*runs, bad))  # type: ignore[arg-type]
    checked(html)
    assert html.index("<strong>1</strong>") < html.index("<strong>7</strong>") < html.index("Distributions")
    assert "2 different verdicts" in html
    assert "median" in html
    assert "ipcsim run test --seed 7" in html


def test_a_campaign_of_nothing() -> None:
    assert "no runs" in render_campaign(Many())  # type: ignore[arg-type]


def test_a_fragment_needs_nothing() -> None:
    html = fragment(outcome(Verdict.DEADLOCK))
    assert "<script" not in html
    assert "<style" not in html
    assert "deadlock" in html
