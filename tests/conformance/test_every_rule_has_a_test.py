"""The suite is complete: every rule has a test, and no test claims a rule that is none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ipcsim.facts.rules import RULES

COUNTS = Path(__file__).parents[2] / "docs" / "kernel-races.md"
FILES = (
    "test_semaphores.py", "test_queues.py", "test_segments.py", "test_keys.py", "test_races.py",
    "test_reading.py",
)  # fmt: skip


def written() -> Iterator[tuple[str, list[str]]]:
    """Each test of the suite, and the rules that its docstring begins with."""
    for name in FILES:
        for node in ast.parse(Path(__file__).with_name(name).read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                ids, colon, _ = (ast.get_docstring(node) or "").partition(": ")
                yield f"{name}::{node.name}", ids.split(", ") if colon else []


def test_every_rule_has_a_test() -> None:
    tested = {rule for _, rules in written() for rule in rules}
    assert sorted(set(RULES) - tested) == []


def test_every_test_names_its_rule() -> None:
    nameless = [test for test, rules in written() if not rules or not set(rules) <= set(RULES)]
    assert nameless == []


def test_every_race_has_its_counts() -> None:
    """docs/kernel-races.md has a line for each rule that test_races.py looks for, and for no other."""
    looked_for = {rule for test, rules in written() if test.startswith("test_races.py") for rule in rules}
    assert set(re.findall(r"^\| ([SQ]-\d+) \|", COUNTS.read_text(), re.MULTILINE)) == looked_for
