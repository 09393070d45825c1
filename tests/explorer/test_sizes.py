"""What is too large for the model is said to be, and never looks like a proof."""

from __future__ import annotations

import ipcsim
from ipcsim.language import load_program
from ipcsim.program import Source
from ipcsim.verdict import Outcome, Verdict


def verified(text: str) -> Outcome:
    return ipcsim.verify(load_program(Source("s.yaml", text), {}, None))


def test_a_segment_of_very_many_numbers_is_not_modelled() -> None:
    outcome = verified(
        'segments: {s: {a: "int[900000]"}}\nprocesses: {p: {count: 2, steps: [set: {"s.a[0]": 1}]}}\n'
    )
    assert (outcome.verdict, outcome.complete) == (Verdict.INCONCLUSIVE, False)
    assert "900,000" in outcome.findings[0].message


def test_a_condition_of_very_many_parts_is_judged_whole() -> None:
    outcome = verified(
        "semaphores: {s: {m: 1}}\nprocesses: {p: {count: 2, steps: [P: m, phase: x, V: m]}}\nproperties:\n"
        "  far: {never: any(any(i * j == 7 and at(p[0], 'x') for j in range(300)) for i in range(300))}\n"
    )
    assert outcome.verdict is Verdict.VIOLATION


def test_all_of_nothing_is_true() -> None:
    outcome = verified(
        "semaphores: {s: {m: 1}}\nprocesses: {p: {count: 2, steps: [P: m, phase: x, V: m]}}\nproperties:\n"
        "  odd: {never: at(p[0], 'x') and all(at(p[i], 'x') for i in range(0))}\n"
    )
    assert outcome.verdict is Verdict.VIOLATION
