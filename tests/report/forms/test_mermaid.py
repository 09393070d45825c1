"""The Mermaid diagrams, against the part of its grammars that they use; and against its own parser where
`IPCSIM_MERMAID` names a folder in which `npm install mermaid jsdom` was done (node comes with neither)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ipcsim.report.forms import mermaid, sequence, states
from ipcsim.report.forms.mermaid import MOST_CHARACTERS, MOST_EDGES
from tests.analysis import programs as make
from tests.analysis.events import Story
from tests.report.forms import traces

# what Mermaid's lexers leave alone in a label, an entity being #digits;
TEXT = r"(?:[^#;:{}\"<>%`\\|\n&]|#\d+;)+"
IN_A_SEQUENCE = TEXT.replace(";:{", ";{")
STATE = [
    r"stateDiagram-v2",
    rf"  %% {TEXT}",
    rf'  state "{TEXT}" as f\d+ \{{',
    rf'    state "{TEXT}" as f\d+_\d+',
    r"    (?:\[\*\]|f\d+_\d+) --> (?:\[\*\]|f\d+_\d+)(?:: \d+×)?",
    r"    note right of f\d+_\d+",
    rf"      {TEXT}",
    r"    end note",
    r"    f\d+_idle: nothing seen",
    r"  \}",
    r"  state left_out",
    rf"  left_out: {TEXT}",
]
SEQUENCE = [
    r"sequenceDiagram",
    rf"  %% {TEXT}",
    rf"  participant p\d+ as {TEXT}",
    rf"  Note over p\d+(?:,p\d+)?: {IN_A_SEQUENCE}",
    rf"  p\d+->>p\d+: {IN_A_SEQUENCE}",
]
FORMS = {"states": (states.render, STATE), "sequence": (sequence.render, SEQUENCE)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", traces.ALL)
def test_every_line_is_of_the_grammar_and_all_within_the_limits(form: str, name: str) -> None:
    render, grammar = FORMS[form]
    text = render(*traces.ALL[name]())
    lines = text.rstrip("\n").split("\n")
    assert re.fullmatch(grammar[0], lines[0])
    for line in lines[1:]:
        assert any(re.fullmatch(rule, line) for rule in grammar[1:]), line
    assert len(text) <= MOST_CHARACTERS
    assert len(re.findall(r"-->|->>", text)) <= MOST_EDGES


@pytest.mark.parametrize("name", traces.ALL)
def test_what_is_named_is_declared(name: str) -> None:
    text = sequence.render(*traces.ALL[name]())
    declared = set(re.findall(r"participant (p\d+)", text))
    assert set(re.findall(r"\b(p\d+)->>", text)) <= declared
    assert set(re.findall(r"->>(p\d+):", text)) <= declared
    text = states.render(*traces.ALL[name]())
    declared = set(re.findall(r'state "[^"]*" as (\w+)', text))
    assert set(re.findall(r"(f\d+_\d+)", text)) <= declared
    assert text.count(" {\n") == text.count("  }\n")


@pytest.mark.skipif(
    not os.environ.get("IPCSIM_MERMAID") or shutil.which("node") is None,
    reason="IPCSIM_MERMAID names no folder with Mermaid's own parser",
)
def test_mermaid_parses_them(tmp_path: Path) -> None:
    where = Path(os.environ["IPCSIM_MERMAID"])
    files = []
    for name, trace in traces.ALL.items():
        for form, (render, _) in FORMS.items():
            files.append(tmp_path / f"{name}-{form}.mmd")
            files[-1].write_text(render(*trace()))
    script = where / "ipcsim-parse.mjs"
    script.write_text((Path(__file__).parent / "parse_mermaid.mjs").read_text())
    done = subprocess.run(
        ["node", script, *files], capture_output=True, text=True, timeout=55, check=False, cwd=where
    )
    script.unlink()
    assert done.returncode == 0, done.stdout + done.stderr


def test_states_of_philosophers() -> None:
    text = states.render(*traces.seated(3))
    assert 'state "philosopher × 3" as f0' in text
    assert re.search(r'state "hungry" as (f0_\d)', text)
    assert 'state "asleep in P#58; fork[right]" as' in text
    assert "at the end#58; philosopher[0], philosopher[1], philosopher[2]" in text
    assert "[*] --> f0_0: 3×" in text


def test_sequence_of_a_wake_up() -> None:
    program = make.program(
        make.family("giver", make.v(0)), make.family("taker", make.p(0)), sets=[make.semaphores(0)]
    )
    story = Story().begin(1, 0).call(0, 0).end(1, 0).step(0, 1).step(1, 1)
    text = sequence.render(*traces.told(program, story, scheduler="random"))
    assert re.search(r"p0->>p1: \S+ s  a: V→P\n", text)
    assert "participant p0 as giver\n" in text
    assert re.search(r"Note over p1: \S+ s  waits for a\n", text)


def test_who_sleeps_at_the_end_stands_at_the_end() -> None:
    text = sequence.render(*traces.seated(2))
    *_, first, second, last = text.rstrip("\n").split("\n")
    assert first.endswith("waits for fork[1], to the end")
    assert second.endswith("waits for fork[0], to the end")
    assert last.endswith(" s: deadlock")


def test_a_long_run_is_cut_from_the_front_and_says_so() -> None:
    program = make.program(
        make.family("giver", make.v(0), make.jump(0)),
        make.family("taker", make.p(0), make.jump(0)),
        sets=[make.semaphores(0)],
    )
    story = Story()
    for _ in range(2000):
        story.begin(1, 0).call(0, 0).end(1, 0)
    text = sequence.render(*traces.told(program, story, scheduler="random"))
    assert re.search(r"Note over p0,p1: 3,\d+ earlier steps left out", text)
    assert len(re.findall("->>", text)) < MOST_EDGES
    assert "376 processes left out" in sequence.render(*traces.crowd(400))


def test_many_states_are_cut_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mermaid, "MOST_EDGES", 1)
    assert "left_out: 1 family not shown, or in part" in states.render(*traces.seated(2))
    monkeypatch.undo()
    monkeypatch.setattr(mermaid, "MOST_CHARACTERS", mermaid.ROOM + 100)
    assert "left_out: 1 family not shown, or in part" in states.render(*traces.seated(2))


def test_steps_of_the_model() -> None:
    text = sequence.render(*traces.by_the_model())
    assert "Note over p0: step 0  hungry\n" in text
    lasso = Story().at(-1000)
    program = make.program(make.family("w", make.phase("one"), make.phase("two"), make.jump(0)))
    for _ in range(3):
        lasso.step(0, 0).step(0, 1)
    trace, outcome = traces.told(program, lasso, source="model")
    trace = replace(
        trace,
        events=tuple(e._replace(time=i) for i, e in enumerate(trace.events)),
        notes=({"note": "lasso", "from": 2},),
    )
    lines = sequence.render(trace, outcome).splitlines()
    place = lines.index("  Note over p0: step 2: from here on it repeats for ever")
    assert lines[place + 1] == "  Note over p0: step 2  one"
