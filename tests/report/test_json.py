"""The JSON contract (DESIGN, section 7), and reading it back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ipcsim.errors import (
    Diagnostic,
    EnvironmentProblem,
    Location,
    ScenarioError,
    TraceError,
    UsageError,
)
from ipcsim.report import json as report
from ipcsim.version import __version__
from tests.report import outcomes

CONTRACT = {
    "ipcsim", "command", "scenario", "arguments", "verdict", "expect", "as_expected", "complete", "findings",
    "seed", "duration_s", "trace", "detected_after_s", "schedule", "events", "scheduler", "remarks",
}  # fmt: skip
OF_A_FINDING = {"kind", "processes", "objects", "cycle", "at", "message"}


@pytest.mark.parametrize("name", outcomes.ALL)
def test_every_key_of_the_contract_and_nothing_private(name: str) -> None:
    data = report.render(outcomes.ALL[name])
    assert data.keys() >= CONTRACT
    assert "request" not in data
    for finding in data["findings"]:
        assert finding.keys() >= OF_A_FINDING


def test_values() -> None:
    data = report.render(outcomes.deadlock())
    assert data["ipcsim"] == __version__
    assert (data["verdict"], data["expect"], data["as_expected"]) == ("deadlock", "deadlock", True)
    finding = data["findings"][0]
    assert finding["kind"] == "circular wait"
    assert finding["processes"][2] == "philosopher[2]"
    assert finding["at"] == f"{outcomes.FILE}:31"
    assert finding["cycle"][0] == finding["cycle"][-1] == "philosopher[0]"


@pytest.mark.parametrize("name", outcomes.ALL)
def test_there_and_back(name: str) -> None:
    data = json.loads(json.dumps(report.render(outcomes.ALL[name])))
    assert report.render(report.parse(data)) == data


@pytest.mark.parametrize(
    "damage",
    [
        {"verdict": "fine"},
        {"findings": 3},
        {"findings": [{}]},
        {"findings": [{"kind": "race"}]},
        {"seed": "x"},
        {"duration_s": None},
        {"events": "many"},
        {"trace": 5},
        {"remarks": "one"},
        {"arguments": 5},
        {"detected_after_s": "soon"},
    ],
)
def test_a_damaged_outcome_is_an_error_for_the_user(damage: dict[str, Any]) -> None:
    data = report.render(outcomes.outcome()) | damage
    with pytest.raises(TraceError, match="damaged"):
        report.parse(data)


def test_a_missing_key_is_an_error_for_the_user() -> None:
    data = report.render(outcomes.outcome())
    del data["verdict"]
    with pytest.raises(TraceError, match="damaged"):
        report.parse(data)


def test_errors() -> None:
    wrong = Diagnostic(Location("a.yaml", 9, 5), "unknown key `cuont`", "    cuont: 5", 5, "did you mean …?")
    data = report.render_error("run", ScenarioError([wrong]))
    assert data.keys() == {"ipcsim", "schema", "command", "error"}
    assert data["error"]["kind"] == "scenario"
    told = {"at": "a.yaml:9", "file": "a.yaml", "line": 9, "column": 5}
    assert data["error"]["diagnostics"][0].items() >= told.items()
    kinds = [UsageError("x"), EnvironmentProblem("x"), TraceError("x"), KeyError("x")]
    assert [report.render_error("run", e)["error"]["kind"] for e in kinds] == [
        "usage",
        "environment",
        "trace",
        "defect",
    ]
