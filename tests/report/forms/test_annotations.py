"""Annotations of GitHub Actions, read back as its runner reads them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ipcsim.errors import Location
from ipcsim.report.forms import annotations
from ipcsim.verdict import Verdict
from tests.report import outcomes
from tests.report.forms import traces

Command = tuple[str, dict[str, str], str]


def read(text: str) -> list[Command]:
    """(level, properties, message) of each line: what actions/runner's ActionCommand makes of it."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match, line
        pairs = (p.split("=", 1) for p in match[2].split(","))
        properties = {k: _back(v, {"%3A": ":", "%2C": ","}) for k, v in pairs}
        found.append((match[1], properties, _back(match[3], {})))
    return found


def _back(text: str, more: dict[str, str]) -> str:
    for code, c in {**more, "%0D": "\r", "%0A": "\n", "%25": "%"}.items():
        text = text.replace(code, c)
    return text


def test_a_finding_at_its_line() -> None:
    ((level, properties, message),) = read(annotations.render(outcomes.deadlock(expect=Verdict.OK)))
    assert level == "error"
    assert properties == {
        "file": outcomes.FILE, "line": "31", "title": "ipcsim: deadlock: circular wait",
    }  # fmt: skip
    assert message.startswith("Five processes wait for each other in a circle")
    assert "philosopher[3]   holds fork[3] since line 30, waits for fork[4]" in message
    assert message.endswith("again (may differ): ipcsim run dining-philosophers --seed 7")


def test_what_was_expected_is_a_notice_and_the_timeout_a_warning() -> None:
    assert read(annotations.render(outcomes.deadlock()))[0][0] == "notice"
    late = outcomes.outcome(Verdict.INCONCLUSIVE, outcomes.timeout(), expect=Verdict.OK)
    assert read(annotations.render(late))[0][0] == "warning"
    assert annotations.render(outcomes.outcome()) == ""


def test_an_unexpected_ok_has_one_too() -> None:
    request = {"target": "./mine.yaml", "set": {}, "options": []}
    fine = outcomes.outcome(expect=Verdict.DEADLOCK, request=request)
    ((level, properties, message),) = read(annotations.render(fine))
    assert (level, properties["file"], properties["line"]) == ("error", "mine.yaml", "1")
    assert message == "dining-philosophers: ok, but deadlock was expected"


def test_no_more_than_github_shows() -> None:
    many = outcomes.outcome(Verdict.VIOLATION, *(outcomes.assertion(i) for i in range(25)), expect=Verdict.OK)
    found = read(annotations.render(many))
    assert len(found) == 10
    assert found[-1][2] == "and 16 more, which the text of the run has"


def test_the_same_finding_of_two_runs_is_one() -> None:
    one = outcomes.deadlock()
    assert annotations.render_all([one, one]) == annotations.render(one)


@pytest.mark.parametrize("name", outcomes.ALL)
def test_each_is_one_line(name: str) -> None:
    read(annotations.render(replace(outcomes.ALL[name], expect=Verdict.LEAK)))


def test_hostile_texts_are_text() -> None:
    text = annotations.render(replace(traces.hostile()[1], expect=Verdict.OK))
    for _, properties, message in read(text):
        assert "\x1b" not in message
        assert "::" not in properties["file"]
    tricky = outcomes.assertion()
    tricky = replace(tricky, message="50%0A::error::x\n::warning::y", at=Location("a:b,c.yaml", 3))
    ((_, properties, message),) = read(annotations.render(outcomes.outcome(Verdict.VIOLATION, tricky)))
    assert properties["file"] == "a:b,c.yaml"
    assert message.startswith("50%0A::error::x\n::warning::y")
