"""The rules: whole, cited only where there are such, and printed in docs/semantics.md as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipcsim.facts.rules import FAMILIES, RULES
from ipcsim.facts.semantics import markdown

ROOT = Path(__file__).parents[2]
LETTERS = "".join(dict.fromkeys(rule[0] for rule in RULES))
CITED = re.compile(rf"(?<![\w-])[{LETTERS}]-\d+(?![\w-]|\.\d)")


def texts() -> Iterator[Path]:
    """Everything in which a rule may be cited: code, tests, documentation, problems."""
    for folder, endings in {
        "ipcsim": ("*.py", "*.js"),
        "tests": ("*.py",),
        "benchmarks": ("*.py", "*.md"),
        "docs": ("*.md",),
        "problems": ("*.yaml",),
        "scenarios": ("*.yaml",),
        ".": ("*.md",),
    }.items():
        for ending in endings:
            yield from (ROOT / folder).glob(ending) if folder == "." else (ROOT / folder).rglob(ending)


def test_the_ids_have_no_gaps() -> None:
    for family in FAMILIES:
        letters = {rule.id[0] for rule in family.rules}
        assert len(letters) == 1
        assert [rule.id for rule in family.rules] == [
            f"{min(letters)}-{n}" for n in range(1, len(family.rules) + 1)
        ]
    assert len(RULES) == sum(len(family.rules) for family in FAMILIES)


def test_every_rule_that_is_cited_exists() -> None:
    cited: dict[str, str] = {}
    for path in texts():
        for rule in CITED.findall(path.read_text()):
            cited.setdefault(rule, str(path.relative_to(ROOT)))
    assert {rule: where for rule, where in cited.items() if rule not in RULES} == {}
    assert len(cited) > 50


@pytest.mark.parametrize("text", ["S-5", "(S-5, S-6)", "rule Q-20: a", "`H-1`", "S-1 to S-31.\n"])
def test_a_citation_is_found(text: str) -> None:
    assert len(CITED.findall(text)) == len(re.findall(r"\d+", text))


@pytest.mark.parametrize("text", ["UTF-8", "CVS-5", "S-5a", "3-S-5", "ISO-8601", "RS-232"])
def test_what_is_no_citation(text: str) -> None:
    assert not CITED.search(text)


def test_the_documentation_is_what_the_facts_say() -> None:
    """If not: `python -m ipcsim.facts > docs/semantics.md`."""
    assert (ROOT / "docs" / "semantics.md").read_text().splitlines() == list(markdown())


def test_a_rule_refers_to_rules_that_exist() -> None:
    told = {other for rule in RULES.values() for other in CITED.findall(f"{rule.text} {rule.differs}")}
    assert told <= RULES.keys()
