"""docs/reports.md names every form, key, kind and setting that there is, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ipcsim.report import forms
from ipcsim.report import json as outcome_json
from ipcsim.report.forms import graphml, mermaid, waits
from ipcsim.verdict import Finding, Kind, Verdict
from tests.report import outcomes
from tests.report.test_campaign import ALL as CAMPAIGNS

TEXT = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()


def section(title: str) -> str:
    start = TEXT.index(f"\n## {title}\n")
    end = TEXT.find("\n## ", start + 1)
    return TEXT[start : end if end > 0 else None]


def rows(text: str) -> list[str]:
    """The keys in the first column of its tables."""
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [key for cell in cells for key in re.findall(r"`([^`]+)`", cell)]


def test_every_form() -> None:
    assert tuple(k for k in rows(TEXT[: TEXT.index("\n## ")])) == tuple(sorted(forms.NAMES, key=_place))


def _place(form: str) -> int:
    return TEXT.index(f"| `{form}` |")


@pytest.mark.parametrize("name", outcomes.ALL)
def test_every_key_of_an_outcome_and_of_a_finding(name: str) -> None:
    data = outcome_json.render(outcomes.ALL[name])
    listed = rows(section("The JSON object"))
    assert data.keys() <= set(listed)
    for finding in data["findings"]:
        assert finding.keys() <= set(listed)
    assert f"`schema` is {outcome_json.SCHEMA}" in TEXT


def test_every_key_of_a_campaign() -> None:
    data = CAMPAIGNS["mixed"].as_json()
    assert data.keys() <= set(rows(section("The JSON object")))
    for key in data["runs"][0]:
        assert f"`{key}`" in section("The JSON object")


def test_nothing_is_listed_that_is_not_there() -> None:
    known = {"details"}
    for data in (outcome_json.render(outcomes.deadlock()), CAMPAIGNS["mixed"].as_json()):
        known |= data.keys() | data["findings"][0].keys()
    assert set(rows(section("The JSON object"))) == known
    assert isinstance(outcomes.circle(), Finding)


def test_every_verdict_and_kind() -> None:
    for word in (*Verdict, *Kind):
        assert f"`{word}`" in section("The JSON object")


def test_columns_attributes_and_limits() -> None:
    for column in waits.COLUMNS:
        assert f"`{column}`" in section("CSV of waits")
    for name, _, owner in graphml.KEYS:
        assert owner == "graph" or f"`{name}`" in section("The graph")
    assert f"{mermaid.MOST_CHARACTERS:,} characters or {mermaid.MOST_EDGES} arrows" in TEXT


def test_the_example_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    exec(code, {})
    assert "DEADLOCK" in capsys.readouterr().out
