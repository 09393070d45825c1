"""Any text gives a Program, or an error meant for the user: never a traceback."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ipcsim.errors import ScenarioError, UsageError
from ipcsim.language import describe, load_program
from ipcsim.program import Source
from ipcsim.program.codec import decode_program, encode

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TEXTS = [p.read_text() for p in sorted([*HERE.glob("good/*.yaml"), *ROOT.glob("problems/*.yaml")])]
WORDS = [
    *sorted({w for t in TEXTS for w in re.findall(r"\w+|[^\w\s]|\n *", t)}),
    "\t", "&a ", "*a", "!!x ", "é", "9" * 30, "<<: ", "- ", "|\n", "null", "[]", "{}", "1.5", "-1", "(",
    ")", "range(99999)", " for i in range(n)", "\x00", "\u2028", "\ufeff", "''", '"', "0600", "true",
]  # fmt: skip


def resolve(name: str) -> Source:
    path = ROOT / "problems" / f"{name}.yaml"
    if not re.fullmatch(r"[\w-]+", name) or not path.is_file():
        raise UsageError(f"unknown problem `{name}`")
    return Source(path.name, path.read_text())


def attempt(text: str) -> None:
    source = Source("fuzz.yaml", text)
    try:
        program = load_program(source, {}, resolve)
    except ScenarioError as error:
        check_words(error)
    else:
        assert decode_program(encode(program)) == program
    with contextlib.suppress(ScenarioError):
        describe(source, resolve)


def check_words(error: ScenarioError) -> None:
    assert error.diagnostics
    for d in error.diagnostics:
        assert d.message
        assert min(d.at.line, d.at.column, d.length) >= 1
    assert str(error).replace("\n", "").replace("\xa0", " ").isprintable()


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["delete", "insert", "replace", "copy", "indent", "drop line"])):
            case "delete":
                text = text[:place] + text[place + draw(st.integers(1, 30)) :]
            case "insert":
                text = text[:place] + draw(st.sampled_from(WORDS)) + text[place:]
            case "replace":
                word = re.compile(r"\w+").search(text, place)
                if word:
                    text = text[: word.start()] + draw(st.sampled_from(WORDS)) + text[word.end() :]
            case "copy":
                start = draw(st.integers(0, len(text)))
                text = text[:place] + text[start : start + draw(st.integers(1, 80))] + text[place:]
            case "indent":
                start = text.rfind("\n", 0, place) + 1
                text = text[:start] + draw(st.sampled_from([" ", "  ", "    "])) + text[start:]
            case "drop line":
                lines = text.split("\n")
                del lines[draw(st.integers(0, len(lines) - 1))]
                text = "\n".join(lines)
    return text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
@example("problem: dining-philosophers\nwith: {strategy: [a]}")
@example("processes: {p: {steps: [P: {[a]: 1}]}}")
def test_mutated_texts(text: str) -> None:
    attempt(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join))
def test_heaps_of_words(text: str) -> None:
    attempt(text)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
@example("\U00012544: 1")  # a character that no terminal can show
def test_any_text(text: str) -> None:
    attempt(text)


def test_the_good_ones() -> None:
    for path in HERE.glob("good/*.yaml"):
        program = load_program(Source(path.name, path.read_text()))
        assert decode_program(encode(program)) == program
