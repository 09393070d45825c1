"""Every shipped scenario, and every variant of every problem: its verdict, with every reduction, and how many
states that took.

    IPCSIM_PROMOTE=1 python -m pytest tests/explorer

writes the counts anew; review the difference before it is committed: it is a change of what the model does.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import ipcsim
from ipcsim import catalogue
from ipcsim.verdict import Outcome, Verdict

EXPECTED = Path(__file__).parent / "expected" / "states.json"
PROMOTE = bool(os.environ.get("IPCSIM_PROMOTE"))
MOST = 400_000  # states to spend without a reduction
REDUCTIONS = ("none", "stubborn", "symmetry", "all")

SCENARIOS = [(e.name, {}) for e in catalogue.entries() if e.kind == "scenario"]
VARIANTS = [
    (e.name, dict(v.arguments))
    for e in catalogue.entries()
    if e.kind == "problem"
    for v in catalogue.describe(str(e.path)).variants
]
SHIPPED = {"-".join([name, *map(str, given.values())]): (name, given) for name, given in SCENARIOS} | {
    "-".join(["problem", name, *map(str, given.values())]): (name, given) for name, given in VARIANTS
}


@cache
def verified(name: str, reduction: str) -> Outcome:
    scenario, arguments = SHIPPED[name]
    target = str(path_of(name)) if name.startswith("problem-") else scenario
    return ipcsim.verify(target, reduction=reduction, max_states=MOST, arguments=arguments)


def path_of(name: str) -> Path:
    scenario, _ = SHIPPED[name]
    return next(e.path for e in catalogue.entries() if (e.kind, e.name) == ("problem", scenario))
