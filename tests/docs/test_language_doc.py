"""What docs/language.md and README.md show is true: their examples load, run and end as they say, and the
reference names every key, step, option and default that there is.

A block of YAML is a whole scenario, which is run, or a fragment (marked by `<!-- fragment -->`), which is
loaded inside the scenario around it that it needs.
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import ipcsim
from ipcsim import catalogue, language
from ipcsim.errors import ScenarioError
from ipcsim.facts import stats
from ipcsim.language.leaves import PARAMETER_TYPES
from ipcsim.language.shape import (
    DocumentShape,
    FieldShape,
    ObjectShape,
    ProcessShape,
    QueueShape,
    RunShape,
    VerifyShape,
)
from ipcsim.language.spec import Shape
from ipcsim.language.steps import STEP_KINDS
from ipcsim.program import RunSettings, Source, VerifySettings
from ipcsim.program.objects import SCALARS
from ipcsim.verdict import PRECEDENCE, Verdict

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "language.md").read_text()
README = (ROOT / "README.md").read_text()
_BLOCK = re.compile(r"(<!-- fragment -->\n)?^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(text: str, fragments: bool) -> list[str]:
    return [body for mark, body in _BLOCK.findall(text) if bool(mark) is fragments]


def numbered(texts: list[str], name: str) -> list[object]:
    return [pytest.param(text, id=f"{name}-{i}") for i, text in enumerate(texts, 1)]


WHOLE = [
    *numbered(blocks(REFERENCE, fragments=False), "language"),
    *numbered(blocks(README, fragments=False), "README"),
]
FRAGMENTS = numbered(blocks(REFERENCE, fragments=True), "language")

# what a fragment may mention without declaring it
OBJECTS = {
    "semaphores": """
semaphores:
  locks: {mutex: 1, red: 2, blue: 1}
  gates: {gate: {count: 2}}
  table: {fork: {count: 5, value: 1}}
""",
    "queues": "queues: {requests: {message: {client: int, text: 'char[30]'}}}\n",
    "segments": "segments: {buffer: {slot: 'int[8]', in: int}}\n",
}
PROCESSES = """
processes:
  philosopher: {count: 5, steps: [phase: eating]}
  waiter: {steps: [pause: 1ms]}
"""
CHILD = "  child: {count: 2, spawned: true, steps: []}\n"


def completed(fragment: str) -> str:
    """The fragment with what it needs around it, as a whole scenario."""
    keys = set(re.findall(r"^(\w+):", fragment, re.MULTILINE))
    if not keys:
        steps = "".join(f"      {line}\n" for line in fragment.splitlines())
        head = "processes:\n  p:\n    count: 2\n    locals: {count: 0, plates: [0, 0]}\n    steps:\n"
        return head + steps + (CHILD if "child" in fragment else "") + "".join(OBJECTS.values())
    if keys & OBJECTS.keys():
        return fragment + PROCESSES
    return fragment + "".join(OBJECTS.values()) + ("" if "processes" in keys else PROCESSES)


# --- the examples ---


def test_there_are_examples() -> None:
    assert len(WHOLE) >= 6
    assert len(FRAGMENTS) >= 10


@pytest.mark.parametrize("text", WHOLE)
def test_whole_example_ends_as_it_expects(text: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(text)
    assert "expect:" in text, "an example says what comes out"
    what = catalogue.describe(str(path))
    variants = [v.arguments for v in what.variants] if what.is_problem else [{}]
    for arguments in variants:
        outcome = ipcsim.run(path, arguments=arguments)
        told = [f.message for f in outcome.findings]
        assert outcome.verdict == outcome.expect, (arguments, told)


@pytest.mark.parametrize("text", FRAGMENTS)
def test_fragment_means_something(text: str) -> None:
    language.load_program(Source("fragment.yaml", completed(text)))


def test_the_first_example_without_its_lock_is_a_race(tmp_path: Path) -> None:
    text = blocks(REFERENCE, fragments=False)[0]
    without = re.sub(r"^ *- [PV]: mutex\n", "", text, flags=re.MULTILINE)
    assert without.count("mutex") == text.count("mutex") - 2
    path = tmp_path / "clerks.yaml"
    path.write_text(without)
    assert ipcsim.run(path).verdict == Verdict.RACE


def test_errors_look_as_shown() -> None:
    bad = """processes:
  clerk:
    cuont: 5
    steps:
      - P: mutx
semaphores: {locks: {mutex: 1}}
"""
    with pytest.raises(ScenarioError) as raised:
        language.load_program(Source("bad.yaml", bad))
    assert f"```\n{raised.value}\n```" in REFERENCE


# --- nothing is missing ---


def section(title: str) -> str:
    """The text under a heading of the reference, up to the next of its level."""
    level = title.split(" ")[0]
    start = REFERENCE.index(f"\n{title}\n")
    end = re.search(rf"^#{{1,{len(level)}}} ", REFERENCE[start + len(title) + 1 :], re.MULTILINE)
    return REFERENCE[start : start + len(title) + 1 + end.start()] if end else REFERENCE[start:]


def aliases(shape: type[Shape]) -> set[str]:
    return set(shape.keys)


def says(text: str, word: str) -> bool:
    """Whether `word` stands there as code: `word`, `… word …`, `word:`."""
    return re.search(rf"`[^`\n]*(?<![\w-]){re.escape(word)}(?![\w-])|(?<![\w-]){word}:", text) is not None


def test_every_key_at_the_top() -> None:
    listed = set(re.findall(r"`(\w+)`", section("## The keys at the top")))
    assert listed >= aliases(DocumentShape)


def test_every_option_of_objects_and_processes() -> None:
    assert all(says(section("## Objects"), o) for o in aliases(ObjectShape))
    assert all(
        says(section("## Objects"), o) for o in aliases(QueueShape) | aliases(FieldShape) | set(SCALARS)
    )
    assert all(says(section("## Processes"), o) for o in aliases(ProcessShape))
    assert all(says(REFERENCE, t) for t in PARAMETER_TYPES)


@pytest.mark.parametrize("name", STEP_KINDS)
def test_every_step_with_its_options(name: str) -> None:
    kind = STEP_KINDS[name]
    text = section("## Steps")
    assert re.search(rf"[-\[{{] ?{name}:", text), "an example"
    assert re.search(rf"^### .*`{name}`", text, re.MULTILINE), "in a heading"
    value = kind.value.schema({})
    inside = {key for form in value.get("anyOf", [value]) for key in form.get("properties", ())}
    missing = [o for o in {*kind.options.keys, *inside} if not says(text, o)]
    assert not missing


def test_every_field_of_stat() -> None:
    rows = section(
        "### The life of objects: `create`, `open`, `attach`, `detach`, `remove`, `stat`, `change`"
    )
    wanted = {f for k in stats.FIELDS for f in stats.of(k)}
    listed = {f for row in re.findall(r"^\| (?:every|a) .*\|$", rows, re.MULTILINE) for f in _codes(row)}
    assert listed == wanted


def _codes(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def test_every_run_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section("## `run`"), re.MULTILINE))
    assert set(rows) == aliases(RunShape) == {f.name for f in fields(RunSettings)}
    base = RunSettings()
    assert (base.seed, base.duration) == (None, None)
    shown = {
        "scheduler": str(base.scheduler),
        "timeout": f"{base.timeout:g}s",
        "depth": str(base.depth),
        "starvation": str(base.starvation),
        "livelock": str(base.livelock),
        "trace_limit": f"{base.trace_limit // 10**9}GB",
    }
    assert {k: rows[k].strip("`") for k in shown} == shown


def test_every_verify_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section("## `verify`"), re.MULTILINE))
    assert set(rows) == aliases(VerifyShape) == {f.name for f in fields(VerifySettings)}
    base = VerifySettings()
    assert {k: v.strip(" `") for k, v in rows.items()} == {k: str(getattr(base, k)) for k in rows}


def test_verdicts_stand_in_the_order_of_precedence() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("## Verdicts"), re.MULTILINE)
    assert rows == [*map(str, PRECEDENCE), "ok"]
