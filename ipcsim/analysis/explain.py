"""Findings of a deadlock: one a cause, in words that a student understands.

The first lines say what the cycle, or the missing thing, is; who merely waits behind comes last, in
one finding for all of them. Lists are cut at `wording.MOST`; `processes` and `cycle` are complete.
"""

from __future__ import annotations

from ipcsim.analysis.blame import to_blame, to_blame_for_all
from ipcsim.analysis.causes import Cause, Causes, Sort, find_causes
from ipcsim.analysis.graph import DeadlockReport
from ipcsim.analysis.needs import Need, NeedSort
from ipcsim.analysis.reasons import why_nobody
from ipcsim.analysis.wording import (
    MOST,
    count,
    gives,
    line,
    listed,
    object_name,
    quoted,
    semaphore,
    sentence,
    waits_for,
)
from ipcsim.errors import Location
from ipcsim.snapshot import Holding
from ipcsim.verdict import Finding, Kind, Verdict

Detail = tuple[str, str, str]
_TELLABLE = 3  # cycles up to this long are told whole in the sentence


def explain(report: DeadlockReport) -> tuple[Finding, ...]:
    """The findings of a report; the order is cycles, self-waits, orphaned waits, those behind."""
    causes = find_causes(report)
    teller = _Teller(report, causes)
    found: list[Finding] = []
    for sort in Sort:
        some = [c for c in causes.found if c.sort is sort]
        found += [teller.tell(c) for c in some[:MOST]]
        if len(some) > MOST:
            found.append(teller.tell_rest(some[MOST:]))
    if causes.behind:
        found.append(teller.tell_behind(causes.behind))
    return tuple(found)


class _Teller:
    def __init__(self, report: DeadlockReport, causes: Causes) -> None:
        self._report = report
        self._causes = causes
        self._program = report.program

    def tell(self, cause: Cause) -> Finding:
        match cause.sort:
            case Sort.CYCLE:
                return self._cycle(cause)
            case Sort.SELF:
                return self._self_wait(cause)
            case Sort.ORPHAN:
                return self._orphan(cause)

    # --- pieces ---

    def _name(self, process: int) -> str:
        return self._program.processes[process].name

    def _at(self, process: int) -> Location:
        return self._program.where(process, self._report.state(process).pc)

    def _held(self, process: int, need: Need) -> Holding | None:
        """What `process` holds of the semaphore that `need` asks to rise."""
        if need.sort is not NeedSort.RISE:
            return None
        place = (need.object, need.detail)
        held = self._report.graph.held(self._report.state(process))
        return next((h for h in held if (h.set, h.number) == place), None)

    def _holds(self, process: int) -> str:
        """`holds fork[0] since line 30, `; empty where it holds nothing."""
        holds = self._report.graph.held(self._report.state(process))
        at = self._at(process)
        names = [f"{self._units(h)} since {line(h.since, at)}" for h in holds]
        return f"holds {listed(names, 4)}, " if names else ""

    def _units(self, holding: Holding) -> str:
        name = semaphore(self._program, holding.set, holding.number)
        return name if holding.units == 1 else f"{holding.units} of {name}"

    def _detail(self, process: int, need: Need) -> Detail:
        text = f"{self._holds(process)}waits for {waits_for(self._program, need)}"
        return (self._name(process), text.replace("`", ""), str(self._at(process)))

    def _details(self, pairs: list[tuple[int, Need]]) -> list[Detail]:
        lines = [self._detail(p, n) for p, n in pairs[:MOST]]
        if len(pairs) > MOST:
            lines.append(("", f"and {len(pairs) - MOST:,} more in the same way", ""))
        return lines

    def _given(self, need: Need, giver: int) -> str:
        only = len(self._causes.givers[need]) == 1
        return gives(need, self._name(giver), self._held(giver, need) is not None, only)

    def _finding(
        self,
        kind: Kind,
        message: str,
        pairs: list[tuple[int, Need]],
        remarks: list[str],
        blame: tuple[int, ...],
        **more: tuple[str, ...],
    ) -> Finding:
        return Finding(
            kind,
            Verdict.DEADLOCK,
            message,
            processes=tuple(self._name(p) for p, _ in pairs),
            objects=tuple(dict.fromkeys(object_name(self._program, n) for _, n in pairs)),
            at=self._at(pairs[0][0]),
            details=(*self._details(pairs), *(("", r, "") for r in remarks)),
            caused_by=tuple(self._name(p) for p in blame),
            **more,
        )

    # --- one method a sort of cause ---

    def _cycle(self, cause: Cause) -> Finding:
        pairs = list(zip(cause.processes, cause.needs, strict=True))
        names = [self._name(p) for p in cause.processes]
        things = [object_name(self._program, n) for n in cause.needs]
        cycle = [word for pair in zip(names, things, strict=True) for word in pair]
        head = f"{count(len(pairs), 'process', 'processes')} wait for each other in a circle: "
        parts = [self._link(cause, i) for i in range(len(pairs))]
        if len(pairs) <= _TELLABLE:
            told = "; ".join(parts)
        else:
            last = f"{names[-1]}, which waits for {waits_for(self._program, cause.needs[-1])}"
            told = f"{parts[0]}, and so on round to {last}"
        return self._finding(
            Kind.CIRCULAR_WAIT,
            f"{sentence(head)}{told}.",
            pairs,
            self._nobody_else(cause),
            to_blame(self._report, cause.needs),
            cycle=(*cycle, names[0]),
        )

    def _link(self, cause: Cause, i: int) -> str:
        process, need = cause.processes[i], cause.needs[i]
        before, giver = cause.needs[i - 1], cause.processes[(i + 1) % len(cause.processes)]
        held = self._held(process, before)
        holds = f" holds {quoted(object_name(self._program, before))} and" if held else ""
        wants = f"waits for {waits_for(self._program, need)}, {self._given(need, giver)}"
        return f"{self._name(process)}{holds} {wants}"

    def _nobody_else(self, cause: Cause) -> list[str]:
        """What is true of the processes outside the cycle."""
        cycle = frozenset(cause.processes)
        needs = dict.fromkeys(cause.needs)
        others = {p for n in needs for p in self._report.graph.wakers(n)} - cycle
        act = _act(cause.needs)
        if not others:
            return [f"No other process can still {act}."]
        if others <= frozenset(self._report.deadlocked):
            return [f"The only others that could still {act} are stuck as well."]
        return []

    def _self_wait(self, cause: Cause) -> Finding:
        (process,), (need,) = cause.processes, cause.needs
        at = self._at(process)
        held = self._held(process, need)
        name, thing = self._name(process), waits_for(self._program, need)
        if held:
            told = f"it holds {thing} since {line(held.since, at)} and waits for it again at {line(at, at)}"
        else:
            told = f"at {line(at, at)} it waits for {thing}, {gives(need, name + ' itself', False, True)}"
        cycle = (name, object_name(self._program, need), name)
        message = f"{name} waits for itself: {told}."
        blame = to_blame(self._report, cause.needs)
        return self._finding(Kind.SELF_WAIT, message, [(process, need)], [], blame, cycle=cycle)

    def _orphan(self, cause: Cause) -> Finding:
        need = cause.needs[0]
        pairs = [(p, need) for p in cause.processes]
        names = listed([self._name(p) for p in cause.processes], 4)
        verb = "waits" if len(pairs) == 1 else "wait"
        reason, remarks = why_nobody(self._report, need, frozenset(cause.processes))
        message = f"{names} {verb} for {waits_for(self._program, need)} for ever: {reason}."
        if need.sort is NeedSort.CONTINUE:
            message = f"{names} is stopped for ever: {reason}."
        return self._finding(Kind.ORPHANED_WAIT, message, pairs, remarks, to_blame(self._report, cause.needs))

    def tell_behind(self, behind: dict[int, Need]) -> Finding:
        pairs = sorted(behind.items())
        verb = "waits" if len(pairs) == 1 else "wait"
        things: dict[Need, list[int]] = {}
        for process, need in pairs:
            things.setdefault(need, []).append(process)
        told = [self._behind(need, waiters) for need, waiters in list(things.items())[:_TELLABLE]]
        if len(things) > _TELLABLE:
            rest = count(len(things) - 1, "more thing")
            told = [f"{told[0]}, and {rest} {'is' if len(things) == 2 else 'are'} waited for likewise"]
        who = count(len(pairs), "process", "processes")
        message = f"{sentence(who)} {verb} behind the deadlock: {'; '.join(told)}."
        blame = to_blame_for_all(self._report, {p: self._report.stuck[p] for p in self._report.deadlocked})
        return self._finding(Kind.WAITS_BEHIND, message, pairs, [], blame)

    def _behind(self, need: Need, waiters: list[int]) -> str:
        who = listed([self._name(p) for p in waiters], 3)
        verb = "waits" if len(waiters) == 1 else "wait"
        others = [p for p in self._causes.givers[need] if p not in waiters] or list(self._causes.givers[need])
        if not others:
            return f"{who} {verb} for {waits_for(self._program, need)}"
        hard = self._held(others[0], need) is not None
        only = len(others) == 1
        givers = listed([self._name(p) for p in others], 3, "and" if hard else "or")
        given = gives(need, givers, hard, only)
        if hard and len(others) > 1:
            given = given.replace(" holds", " hold")
        return f"{who} {verb} for {waits_for(self._program, need)}, {given}"

    def tell_rest(self, causes: list[Cause]) -> Finding:
        """One finding for all the causes of a sort that are not told one by one."""
        pairs = [(p, n) for c in causes for p, n in zip(c.processes, _each(c), strict=True)]
        sort = causes[0].sort
        what = {Sort.CYCLE: "more circle", Sort.SELF: "more process", Sort.ORPHAN: "more wait"}[sort]
        kind = {
            Sort.CYCLE: Kind.CIRCULAR_WAIT,
            Sort.SELF: Kind.SELF_WAIT,
            Sort.ORPHAN: Kind.ORPHANED_WAIT,
        }[sort]
        many = f"{what}es" if sort is Sort.SELF else f"{what}s"
        tail = {
            Sort.CYCLE: "of processes that wait for each other",
            Sort.SELF: "that wait for themselves",
            Sort.ORPHAN: "that nobody can end",
        }[sort]
        blames = [to_blame(self._report, c.needs) for c in causes]
        blame = tuple(dict.fromkeys(p for some in blames for p in some)) if all(blames) else ()
        return self._finding(kind, f"{sentence(count(len(causes), what, many))} {tail}.", pairs, [], blame)


def _each(cause: Cause) -> tuple[Need, ...]:
    return cause.needs if len(cause.needs) == len(cause.processes) else cause.needs * len(cause.processes)


def _act(needs: tuple[Need, ...]) -> str:
    one = len(set(needs)) == 1
    sorts = {n.sort for n in needs}
    them = "it" if one else "any of these queues" if NeedSort.ROOM in sorts else "any of these semaphores"
    if sorts == {NeedSort.RISE}:
        return f"do V on {them}"
    if sorts == {NeedSort.FALL}:
        return f"do P on {them}"
    if sorts == {NeedSort.ROOM}:
        return f"take a message out of {them}"
    if sorts == {NeedSort.MESSAGE}:
        return "send such a message" if one else "send any of these messages"
    return "bring any of this about"
