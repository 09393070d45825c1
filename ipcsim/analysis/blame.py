"""Whose failure brought a deadlock about.

A process that an error or a failed assertion ended may have been the one that would have woken another. Then
the wait is its consequence: without the failure, by the text, it would not have been for ever. Decided on
what is known of processes and objects: where somebody holds the thing that is waited for, only holders count
(see `causes`), else whoever could still have given it from the place where it failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ipcsim.analysis.graph import DeadlockReport
from ipcsim.analysis.needs import Need, providers


def to_blame(report: DeadlockReport, needs: Iterable[Need]) -> tuple[int, ...]:
    """The processes that failed and would have satisfied one of these needs."""
    failed = [s for s in report.snapshot.processes if s.failed]
    found: dict[int, None] = {}
    for need in needs if failed else ():
        holders = report.graph.holders(need)
        for state in failed:
            if state.process in holders if holders else _able(report, state.process, state.pc, need):
                found[state.process] = None
    return tuple(found)


def to_blame_for_all(report: DeadlockReport, waiting: Mapping[int, tuple[Need, ...]]) -> tuple[int, ...]:
    """The same for processes that wait for several things, and for each other: empty where for one of them
    nobody is to blame, however far one follows who would have woken whom."""
    blame = {p: to_blame(report, needs) for p, needs in waiting.items()}
    changed = True
    while changed:
        changed = False
        for process, needs in waiting.items():
            if blame[process]:
                continue
            before = {g for n in needs for g in (report.graph.holders(n) or report.graph.wakers(n))}
            behind = [blame[g] for g in before - {process} if blame.get(g)]
            if behind:
                blame[process], changed = behind[0], True
    if not all(blame.values()):
        return ()
    return tuple(dict.fromkeys(p for some in blame.values() for p in some))


def _able(report: DeadlockReport, process: int, pc: int, need: Need) -> bool:
    """Whether the process could still have satisfied the need from this place on."""
    abilities = report.may.effects(process, pc).ids  # first: it makes its abilities known
    return not frozenset(abilities).isdisjoint(providers(report.may, need._replace(overflow=())))
