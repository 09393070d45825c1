"""Numbers, durations, and command lines that a shell reads back as they were meant."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcsim.report import words
from tests.report import outcomes


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "less than 1 ms"),
        (0.0123, "12 ms"),
        (0.0999, "0.10 s"),
        (0.414, "0.41 s"),
        (9.994, "9.99 s"),
        (12.34, "12.3 s"),
        (99.94, "99.9 s"),
        (125, "2 min 5 s"),
        (3600, "60 min 0 s"),
    ],
)
def test_seconds(value: float, said: str) -> None:
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "less than 1 ms"),
        (0.0009, "less than 1 ms"),
        (0.008, "8 ms"),
        (0.9994, "999 ms"),
        (0.9999, "1.00 s"),
    ],
)
def test_delay(value: float, said: str) -> None:
    assert words.delay(value) == said


@pytest.mark.skipif(not shutil.which("bash"), reason="bash reads the words back")
@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20))
def test_a_shell_reads_the_word_back(word: str) -> None:
    try:
        raw = word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return  # no file and no argument can be called that
    shown = words.shell_word(word)
    assert shown.isprintable()
    done = subprocess.run(["bash", "-c", f"printf %s {shown}"], capture_output=True, check=True)
    assert done.stdout == raw


@given(st.text())
def test_visible_text_steers_nothing(text: str) -> None:
    shown = words.visible(text)
    assert not any(c < " " or c == "\x7f" or "\x80" <= c < "\xa0" or "\u202a" <= c <= "\u202e" for c in shown)


def test_visible_keeps_what_people_write() -> None:
    assert words.visible("mémoire partagée — 共有 🙂") == "mémoire partagée — 共有 🙂"


def test_again_is_what_was_asked_for() -> None:
    request = {
        "target": "./my file.yaml",
        "set": {"seats": 3, "greedy": True},
        "options": ["--timeout", "5s"],
    }
    one = outcomes.outcome(request=request)
    assert words.again(one) == (
        "again (may differ)",
        "ipcsim run './my file.yaml' --set seats=3 --set greedy=true --seed 7 --timeout 5s",
    )


def test_again_of_a_controlled_run() -> None:
    short = outcomes.outcome(scheduler="random", schedule="0*3 1")
    assert words.again(short) == (
        "again, step by step",
        "ipcsim replay dining-philosophers --schedule '0*3 1'",
    )
    long = outcomes.outcome(scheduler="pct", schedule="0 1 " * 1000)
    assert words.again(long) == ("again", "ipcsim run dining-philosophers --scheduler pct --seed 7")
    replayed = words.again(outcomes.outcome(scheduler="replay", schedule=long.extra["schedule"]))
    assert replayed is not None  # nothing shorter does it again
    assert len(replayed[1]) > 4000


def test_again_drops_no_option() -> None:
    request = {
        "target": "x.yaml",
        "set": {},
        "options": ["--depth", "5", "--timeout", "5s", "--duration", "2s", "--isolate"],
    }
    free = words.again(outcomes.outcome(request=request))
    assert free is not None
    assert free[1] == "ipcsim run x.yaml --seed 7 --depth 5 --timeout 5s --duration 2s --isolate"
    steps = words.again(outcomes.outcome(request=request, scheduler="pct", schedule="0*3 1"))
    assert steps is not None  # a replay has no depth and no duration, its schedule ends it
    assert steps[1] == "ipcsim replay x.yaml --schedule '0*3 1' --timeout 5s --isolate"


def test_again_without_a_request_says_everything() -> None:
    one = outcomes.outcome(request=None)
    given = "--set seats=5 --set meals=200 --set strategy=left-first"
    assert words.again(one) == ("again (may differ)", f"ipcsim run dining-philosophers {given} --seed 7")


def test_a_target_that_looks_like_an_option() -> None:
    line = words.again(outcomes.outcome(request={"target": "-x.yaml", "set": {}}))
    assert line is not None
    assert line[1].startswith("ipcsim run ./-x.yaml")
