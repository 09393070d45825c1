"""Sessions of pytest in a folder of their own, each in a process of its own, with this plugin."""

from __future__ import annotations

import importlib.metadata
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Session = Callable[..., pytest.RunResult]

OK = """
scenario: ok
semaphores: {locks: {a: 1}}
processes:
  w: {count: 2, steps: [P: a, V: a]}
test: true
"""
STUCK = """
scenario: stuck
semaphores: {locks: {a: 0}}
processes:
  w: {steps: [P: a]}
test: {seeds: [7]}
"""
UNMARKED = OK.replace("test: true\n", "")
PROBLEM = """
problem: two
parameters:
  order: {type: choice, default: same, choices: [same, opposite]}
semaphores: {locks: {a: 1, b: 1}}
processes:
  one: {steps: [P: a, P: b, V: [a, b]]}
  other:
    steps:
      - switch: order
        same: [P: a, P: b]
        opposite: [P: b, P: a]
      - V: [a, b]
expect:
  - {with: {order: same}, verdict: ok}
  - {with: {order: opposite}, verdict: deadlock, run: {scheduler: random, seed: 3}}
test: {seeds: 2}
"""
ENDLESS = """
scenario: endless
semaphores: {locks: {a: 0}}
processes:
  w: {count: 2, steps: [forever: [phase: working, pause: 5ms..5ms]]}
run: {livelock: 'off', starvation: 'off', timeout: 30s}
test: true
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Runs pytest with these arguments."""
    monkeypatch.setenv("PYTHONPATH", os.fspath(ROOT))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PYTEST_TIMEOUT", raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    known = importlib.metadata.entry_points(group="pytest11", name="ipcsim")
    load = () if known else ("-p", "ipcsim.pytest_plugin")

    def run(*arguments: Any) -> pytest.RunResult:
        return pytester.runpytest_subprocess(*load, *arguments, timeout=50)

    return run


def properties(path: Path) -> dict[str, dict[str, str]]:
    """The properties of each test in a JUnit file."""
    return {
        case.get("name", ""): {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
        for case in ET.parse(path).iter("testcase")
    }
