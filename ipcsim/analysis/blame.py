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
    found: dict[int, None] = {}
    for need in needs if report.failed else ():
        holders = report.graph.holders(need)
        for state in report.failed:
            if state.process in holders if holders else _able(report, state.process, state.pc, need):
                found[state.process] = None
    return tuple(found)


def to_blame_for_all(report: DeadlockReport, waiting: Mapping[int, tuple[Need, ...]]) -> tuple[int, ...]:
    """The same for processes that wait for several things, and for each other: empty where for one of them
    nobody is to blame, however far one follows who would have woken whom."""
    if not report.failed:
        return ()
    blame = {p: to_blame(report, needs) for p, needs in waiting.items()}
    behind: dict[int, list[int]] = {}  # process → those that it would have woken
    for process, needs in waiting.items():
        for need in needs:
            for giver in report.graph.holders(need) or report.graph.wakers(need):
                behind.setdefault(giver, []).append(process)
    known = [p for p, some in blame.items() if some]
    while known:
        giver = known.pop()
        for process in behind.get(giver, ()):
            if not blame[process]:
                blame[process] = blame[giver]
                known.append(process)
    if not all(blame.values()):
        return ()
    return tuple(dict.fromkeys(p for some in blame.values() for p in some))


def _able(report: DeadlockReport, process: int, pc: int, need: Need) -> bool:
    """Whether the process could still have satisfied the need from this place on."""
    abilities = report.may.effects(process, pc).ids  # first: it makes its abilities known
    return not frozenset(abilities).isdisjoint(providers(report.may, need._replace(overflow=())))
