"""What switches which reduction off: each line of the table is seen, obeyed, and in the documentation."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from ipcsim.explorer.invariants import Invariants
from ipcsim.explorer.reduction import Reduction, prepare, uncounted
from ipcsim.model.features import FAIR_LOOPS, FEATURES, Made, Saving, markdown
from ipcsim.program import Discipline, Program
from tests.explorer.scenarios import program

DOCUMENT = Path(__file__).parents[2] / "docs" / "verification.md"
_TABLE = re.compile(r"(<!-- made from ipcsim/model/features.py.* -->\n\n)(.*?)(?=\n\n)", re.DOTALL)

TEXT = """
semaphores: {{s: {{a: 1}}}}
queues: {{q: {{message: {{n: int}}}}}}
processes:
  one: {{count: 2{user}, steps: [{{repeat: 9, steps: [P: a, V: a]}}{more}]}}
  other: {other}
properties: {{{rule}}}
"""


class Given(NamedTuple):
    """Something to verify; without any of these every reduction can be used."""

    more: str = ""
    other: str = "{steps: [P: a, V: a]}"
    user: str = ""
    rule: str = ""
    discipline: Discipline = Discipline.WEAK
    crashes: int = 0

    @property
    def program(self) -> Program:
        return program(TEXT.format_map(self._asdict()))


UNITS_ALONE = "more than units is at stake"
SHOWN: dict[str, list[Given]] = {
    "the order of sleepers counts": [Given(discipline=Discipline.KERNEL)],
    "who sleeps shows": [
        Given(more=", get: {ncnt: a, into: n}"),
        Given(more=", get: {zcnt: a, into: n}"),
        Given(more=", signal: {to: other, name: SIGUSR1}"),
    ],
    "objects come and go": [
        Given(more=", open: q"),
        Given(user=", as: {uid: 65534, gid: 65534}"),
    ],
    "an end gives back": [Given(more=", {P: a, undo: true}")],
    "anybody may die": [Given(crashes=1)],
    "who was last at a semaphore shows": [Given(more=", get: {pid: a, into: n}")],
    "processes are spawned": [Given(more=", spawn: other", other="{spawned: true, steps: [P: a, V: a]}")],
    UNITS_ALONE: [Given(other="{steps: [send: {queue: q, type: 1}]}")],
    "the end is looked at": [Given(rule='all free: {at_end: "a == 1"}')],
    "somebody may go on for ever": [Given(other="{steps: [forever: [P: a, V: a]]}")],
}


def used(given: Given) -> set[Saving]:
    """The reductions that a verification uses, as far as can be seen from outside."""
    what, discipline, crashes = given.program, given.discipline, given.crashes
    ground = prepare(what, discipline, crashes, Reduction.ALL, {})
    seen = {
        Saving.SLEEP: not ground.machine.explicit,
        Saving.JOINED: bool(ground.machine.chained),
        Saving.STUBBORN: ground.stubborn is not None,
        Saving.SYMMETRY: prepare(what, discipline, crashes, Reduction.SYMMETRY, {}).symmetry is not None,
        Saving.BOTH: ground.stubborn is not None and ground.symmetry is not None,
        Saving.UNITS: bool(Invariants(ground.machine).groups),
        Saving.ROUNDS: uncounted(what, crashes, {}) is not None,
    }
    return {saving for saving, is_used in seen.items() if is_used}


def seen(given: Given) -> set[str]:
    machine = prepare(given.program, given.discipline, given.crashes, Reduction.NONE, {}).machine
    made = Made(machine.program, machine.kernel, machine.crashes, machine.processes)
    return {f.has for f in FEATURES if f.seen(made)}


def test_without_any_of_these_everything_is_used() -> None:
    assert seen(Given()) == set()
    assert used(Given()) == set(Saving) - {Saving.NEAR}


def test_each_line_is_shown() -> None:
    assert [f.has for f in FEATURES if f is not FAIR_LOOPS] == list(SHOWN)


@pytest.mark.parametrize(
    ("has", "given"), [pytest.param(has, g, id=has) for has, all_ in SHOWN.items() for g in all_]
)
def test_each_line_is_seen_and_obeyed(has: str, given: Given) -> None:
    found = seen(given)
    assert found - {UNITS_ALONE} == {has} - {UNITS_ALONE}
    off = frozenset[Saving]().union(*(f.off for f in FEATURES if f.has in found))
    if off & {Saving.STUBBORN, Saving.SYMMETRY}:
        off |= {Saving.BOTH}
    assert used(given) == set(Saving) - {Saving.NEAR} - off


def test_fair_loops_are_looked_for_among_all_states() -> None:
    ground = prepare(Given().program, Discipline.WEAK, 0, Reduction.ALL, {}, liveness=True)
    assert ground.stubborn is None
    assert ground.symmetry is None
    assert ground.machine.chained
    assert FAIR_LOOPS.off == {Saving.STUBBORN, Saving.SYMMETRY}


def test_the_documentation_shows_the_table() -> None:
    table = "\n".join(markdown())
    if os.environ.get("IPCSIM_PROMOTE"):
        DOCUMENT.write_text(_TABLE.sub(lambda m: m[1] + table, DOCUMENT.read_text()))
    found = _TABLE.search(DOCUMENT.read_text())
    assert found is not None
    assert found[2] == table, "run with IPCSIM_PROMOTE=1"
