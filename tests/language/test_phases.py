"""Which semop ends a phase: the one that gives back what was not taken since it began."""

from __future__ import annotations

import pytest

from ipcsim.program.instructions import Semop
from tests.language.helpers import code_of


def ends(steps: str) -> list[str]:
    return [i.text for i in code_of(steps) if isinstance(i, Semop) and i.ends_phase]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("- P: mutex\n- phase: critical\n- V: mutex", ["V: mutex"]),
        ("- V: mutex\n- phase: a", []),
        ("- phase: a\n- P: mutex\n- V: mutex", []),
        ("- P: fork[0]\n- phase: a\n- P: mutex\n- V: mutex\n- V: fork[0]", ["V: fork[0]"]),
        ("- phase: a\n- {if: me == 1, then: [P: mutex]}\n- V: mutex", ["V: mutex"]),
        ("- phase: a\n- {if: me == 1, then: [P: mutex], else: [P: mutex]}\n- V: mutex", []),
        ("- forever:\n  - phase: a\n  - P: mutex\n  - phase: b\n  - V: mutex", ["V: mutex"]),
        ("- phase: a\n- semop: {mutex: -1, 'fork[0]': 1}", ["semop: {mutex: -1, fork[0]: 1}"]),
        ("- phase: a\n- Z: mutex", []),
        ("- phase: a\n- P: {mutex: me + 1}\n- V: {mutex: me + 1}", []),
        ("- phase: a\n- V: {mutex: me + 1}", ["V: {mutex: me + 1}"]),
        # the P failed: nothing was taken where EAGAIN is handled
        ("- phase: a\n- P: mutex\n  nowait: true\n  on_error: {EAGAIN: [V: mutex]}", ["V: mutex"]),
    ],
)
def test_ends_phase(steps: str, expected: list[str]) -> None:
    assert ends(steps) == expected
