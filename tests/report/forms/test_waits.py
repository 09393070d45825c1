"""Every wait with its duration, as CSV and in the text."""

from __future__ import annotations

import csv
import io

import pytest

from ipcsim.analysis.fairness import waiting
from ipcsim.report import forms
from ipcsim.report.forms import waits
from tests.analysis import programs as make
from tests.analysis.events import Story
from tests.report.forms import traces


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), strict=True))


@pytest.mark.parametrize("name", traces.ALL)
def test_every_wait_is_a_row(name: str) -> None:
    trace, outcome = traces.ALL[name]()
    rows = read(waits.render(trace, outcome))
    scale = 1 if trace.header.get("source") == "model" else 1e-9
    for one in waiting(trace.program, trace.events):
        who = trace.program.processes[one.process].name
        if name != "hostile":
            assert sum(r["process"] == who for r in rows) == len(one.times)
            spent = sum(float(r["waited"]) for r in rows if r["process"] == who)
            assert spent == pytest.approx(one.total * scale, abs=1e-6)
    assert [float(r["began"]) for r in rows] == sorted(float(r["began"]) for r in rows)
    assert {r["unit"] for r in rows} <= {"steps" if scale == 1 else "s"}


def test_who_was_woken_by_whom_and_who_never() -> None:
    program = make.program(
        make.family("giver", make.v(0, line=3)),
        make.family("taker", make.p(0, line=4), make.p(0, line=5)),
        sets=[make.semaphores(0)],
    )
    story = Story().begin(1, 0).call(0, 0).end(1, 0).step(0, 1).begin(1, 1)
    rows = read(waits.render(*traces.told(program, story, scheduler="random")))
    taken = [r for r in rows if r["process"] == "taker"]
    assert [r["result"] for r in taken] == ["ok", "never ended"]
    assert [r["woken by"] for r in taken] == ["giver", ""]
    assert [r["at"] for r in taken] == ["test.yaml:4", "test.yaml:5"]
    assert taken[0]["object"] == "a"
    assert taken[0]["waited"] == "0.000003000"


def test_no_cell_is_a_formula_or_hides_something() -> None:
    text = waits.render(*traces.hostile())
    assert all(c.isprintable() or c == "\n" for c in text)
    program = make.program(make.family("=cmd|' /C calc'!A0", make.p(0)), sets=[make.semaphores(1)])
    rows = read(waits.render(*traces.told(program, Story().call(0, 0))))
    assert rows[0]["process"] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize("width", [30, 60, 100])
def test_the_table_of_the_text(width: int) -> None:
    shown = waits.table(traces.seated(3)[0], width)
    assert shown.count("philosopher[") == 3
    assert "Jain's fairness index" in shown.replace("\n    ", " ")
    assert max(map(len, shown.split("\n"))) <= max(width, 60)
    many = waits.table(traces.crowd(50)[0], width)
    assert "and 30 more processes" in many


def test_the_text_has_the_table_and_steps_of_the_model_are_steps() -> None:
    trace, outcome = traces.by_the_model()
    shown = forms.render("text", trace, outcome)
    assert "waiting (calls that can sleep, in steps)" in shown
    assert " steps" in shown
    assert waits.table(traces.ALL["nothing"]()[0]) == ""
