"""Scenario files as tests: which are collected, what a failure shows, what JUnit carries, who ends first."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from tests.plugin import conftest as texts
from tests.plugin.conftest import Session, properties

pytest_plugins = ["pytester"]


def write(pytester: pytest.Pytester, **files: str) -> None:
    for name, text in files.items():
        (pytester.path / f"{name}.yaml").write_text(text)


# --- what is collected ---


def test_a_file_that_asks_for_it(pytester: pytest.Pytester, session: Session) -> None:
    folder = pytester.mkdir("scenarios")
    (folder / "ok.yaml").write_text(texts.OK)
    (folder / "unmarked.yaml").write_text(texts.UNMARKED)
    (folder / "denied.yml").write_text(texts.OK.replace("test: true", "test: false"))
    (folder / "workflow.yaml").write_text("jobs: {build: {test: 1}}\ntest: {a: 1}\n")
    (folder / "broken.yaml").write_text("test: [\nprocesses\n")
    result = session("scenarios", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["scenarios/ok.yaml::seed=1 *"])


def test_all_of_them(pytester: pytest.Pytester, session: Session) -> None:
    denied = texts.OK.replace("test: true", "test: false")
    write(pytester, ok=texts.OK, unmarked=texts.UNMARKED, denied=denied, other="a: [1, 2]\n")
    pytester.makeini("[pytest]\nipcsim_scenarios = all\n")
    session().assert_outcomes(passed=2)
    pytester.makeini("[pytest]\nipcsim_scenarios = every\n")
    result = session()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ipcsim_scenarios is `marked` or `all`, not `every`*"])


def test_a_file_named_on_the_command_line(pytester: pytest.Pytester, session: Session) -> None:
    write(pytester, unmarked=texts.UNMARKED)
    assert session().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    session("unmarked.yaml").assert_outcomes(passed=1)
    session("unmarked.yaml::seed=1").assert_outcomes(passed=1)


def test_one_a_variant_and_seed(pytester: pytest.Pytester, session: Session) -> None:
    write(pytester, two=texts.PROBLEM, stuck=texts.STUCK)
    result = session("--collect-only", "-q")
    assert result.outlines[:5] == [
        "stuck.yaml::seed=7",
        "two.yaml::order=same,seed=1",
        "two.yaml::order=same,seed=2",
        "two.yaml::order=opposite,seed=3",
        "two.yaml::order=opposite,seed=4",
    ]
    session("two.yaml", "-k", "same").assert_outcomes(passed=2, deselected=2)


def test_a_scenario_that_is_wrong(pytester: pytest.Pytester, session: Session) -> None:
    write(pytester, bad=texts.OK.replace("count:", "cuont:"))
    result = session()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["bad.yaml:5:7: error: unknown key `cuont`", "*did you mean `count`?*"])
    result.stdout.no_fnmatch_line("*Traceback*")


# --- what a failure shows ---


def test_a_failure_is_the_report_of_the_run(pytester: pytest.Pytester, session: Session) -> None:
    write(pytester, stuck=texts.STUCK, ok=texts.OK)
    result = session()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*stuck.yaml: seed=7*",
            "deadlock, but ok was expected (after *",
            "  w waits for `a` for ever: no process ever does V on it.",
            "    w  waits for a  stuck.yaml:5",
            "  again (may differ): ipcsim run stuck.yaml --seed 7",
            "FAILED stuck.yaml::seed=7 - deadlock, but ok was expected: w waits for `a` for ever*",
        ]
    )
    text = result.stdout.str()
    assert ".py" not in text.split("FAILURES")[1]


def test_the_pasted_line_gives_the_same(pytester: pytest.Pytester, session: Session) -> None:
    folder = pytester.mkdir("deep")
    text = texts.PROBLEM.replace("verdict: deadlock", "verdict: ok")
    (folder / "two.yaml").write_text(text)
    result = session("deep/two.yaml::order=opposite,seed=3")
    line = next(x for x in result.outlines if "ipcsim replay" in x).partition(": ")[2]
    assert line.startswith("ipcsim replay deep/two.yaml --set order=opposite --schedule ")
    command = line.replace("ipcsim", f"{sys.executable} -m ipcsim", 1) + " --no-trace"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 1, done.stderr
    assert "deadlock, but ok was expected" in done.stdout


def test_junit_carries_the_verdict(pytester: pytest.Pytester, session: Session) -> None:
    write(pytester, stuck=texts.STUCK, ok=texts.OK)
    session("--junitxml=x.xml")
    told = properties(pytester.path / "x.xml")
    assert told["seed=7"] == {"verdict": "deadlock", "expected": "ok", "seed": "7", "at": "stuck.yaml:5"}
    assert told["seed=1"] == {"verdict": "ok", "expected": "ok", "seed": "1", "at": ""}
    (failure,) = ET.parse(pytester.path / "x.xml").iter("failure")
    assert failure.get("message", "").startswith("deadlock, but ok was expected: w waits for")
    assert "stuck.yaml:5" in (failure.text or "")


def test_hostile_names(pytester: pytest.Pytester, session: Session) -> None:
    nasty = '</failure>\\e[31m\\u202e\\"' + "x" * 3000
    text = texts.STUCK.replace("[P: a]", f'[{{phase: "{nasty}"}}, {{P: a}}]')
    write(pytester, stuck=text)
    result = session("--junitxml=x.xml")
    result.assert_outcomes(failed=1)
    assert "\x1b" not in result.stdout.str()
    ET.parse(pytester.path / "x.xml")


def test_traces_where_they_are_asked_for(pytester: pytest.Pytester, session: Session) -> None:
    write(pytester, stuck=texts.STUCK)
    session()
    assert not list(pytester.path.rglob("*.trace"))
    result = session("--ipcsim-report", "kept")
    assert len(list((pytester.path / "kept").glob("*.trace"))) == 1
    result.stdout.fnmatch_lines(["*ipcsim report kept/*.trace"])


# --- time ---


def test_a_run_ends_before_pytest_timeout(pytester: pytest.Pytester, session: Session) -> None:
    write(pytester, endless=texts.ENDLESS)
    result = session("--timeout=5")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "inconclusive, but ok was expected*",
            "*The run was stopped by its timeout of * s: 2 of 2 processes had not ended*",
            "*The scenario's own time is 30 s; pytest-timeout left it * s.",
        ]
    )


LIMITS = """
from ipcsim.pytest_plugin.items import allowed_time

def pytest_collection_modifyitems(items):
    for item in items:
        print(item.name, allowed_time(item), allowed_time(item, 1.25), allowed_time(item, 99))
"""


@pytest.mark.parametrize(
    ("options", "environment", "ini", "told"),
    [
        ((), "", "", "None None None"),
        (("--timeout=10",), "7", "timeout = 5", "8.0 6.7 0.1"),
        ((), "7", "timeout = 5", "5.0 3.7 0.1"),
        ((), "", "timeout = 3", "1.5 0.2 0.1"),
        (("--timeout=0",), "", "", "None None None"),
        (("-p", "no:timeout"), "7", "", "None None None"),
    ],
)
def test_whose_limit_counts(
    options: tuple[str, ...],
    environment: str,
    ini: str,
    told: str,
    pytester: pytest.Pytester,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By pytest-timeout's own order: the marker, the option, the environment, the ini file."""
    if environment:
        monkeypatch.setenv("PYTEST_TIMEOUT", environment)
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.makeconftest(LIMITS)
    marked = "import pytest\n@pytest.mark.timeout(20)\ndef test_marked(): pass\n"
    pytester.makepyfile("def test_it(): pass\n" + (marked if "no:timeout" not in options else ""))
    result = session("--collect-only", "-q", "-s", *options)
    result.stdout.fnmatch_lines([f"test_it {told}"])
    if "no:timeout" not in options:
        result.stdout.fnmatch_lines(["test_marked 18.0 16.7 0.1"])


def test_without_pytest_timeout(pytester: pytest.Pytester, session: Session) -> None:
    write(pytester, endless=texts.ENDLESS.replace("30s", "300ms"))
    result = session("-p", "no:timeout")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*The run was stopped by its timeout of 0.3 s*"])


# --- with others ---


def test_with_xdist(pytester: pytest.Pytester, session: Session) -> None:
    pytest.importorskip("xdist")
    write(pytester, two=texts.PROBLEM, stuck=texts.STUCK)
    result = session("-n", "2", "-k", "stuck or same")
    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(["*w waits for `a` for ever*", "*ipcsim run stuck.yaml --seed 7"])


def test_it_costs_nothing_where_there_are_no_scenarios() -> None:
    heavy = ("ipcsim", "pytest", "networkx", "rich", "yaml", "click", "jinja2")
    code = (
        f"import ipcsim.pytest_plugin, sys; print(*sorted(m for m in sys.modules if m.startswith({heavy})))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True, cwd=texts.ROOT)
    assert done.stdout.split() == ["ipcsim", "ipcsim.pytest_plugin", "ipcsim.version"]


def test_ordinary_tests_are_left_alone(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile("def test_one(): assert 1 == 2, 'not one'")
    write(pytester, config="a: 1\n")
    result = session("--strict-config", "--strict-markers", "-W", "error")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*not one*"])


def test_what_ships_asks_for_it(session: Session) -> None:
    result = session(str(texts.ROOT / "scenarios"), "--collect-only", "-q", "--rootdir", str(texts.ROOT))
    assert result.ret == 0
    named = [line for line in result.outlines if re.search(r"\.yaml::seed=\d+$", line)]
    assert len(named) >= 60
    assert any(line.startswith("scenarios/transfer.yaml::seed=22") for line in named)


def test_the_verification_is_a_test_too(pytester: pytest.Pytester, session: Session) -> None:
    stuck = texts.STUCK.replace("test: {seeds: [7]}", "test: {verify: true}")
    write(pytester, ok=texts.OK.replace("test: true", "test: {verify: true}"), stuck=stuck)
    result = session("-k", "verify", "--junitxml=x.xml")
    result.assert_outcomes(passed=1, failed=1, deselected=2)
    result.stdout.fnmatch_lines(["*stuck.yaml: verify*", "*w waits for `a` for ever*", "*--schedule 0"])
    told = ET.parse(pytester.path / "x.xml")
    assert {p.get("value") for p in told.iter("property") if p.get("name") == "verdict"} == {"ok", "deadlock"}
