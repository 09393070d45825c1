"""Why nobody is left who could end a wait, as far as it can be derived."""

from __future__ import annotations

from collections import Counter

from ipcsim.analysis.graph import DeadlockReport
from ipcsim.analysis.may import Ability, MayAnalysis
from ipcsim.analysis.needs import Need, NeedSort, providers
from ipcsim.analysis.wording import count, line, listed, object_name, quoted
from ipcsim.facts.selectors import describe
from ipcsim.snapshot import QueueState, SendWait, Status

Reason = tuple[str, list[str]]  # the clause after "for ever: ", and further remarks


def why_nobody(report: DeadlockReport, need: Need, waiting: frozenset[int]) -> Reason:
    """Why no process can satisfy `need` any more; `waiting` are those who wait for it."""
    match need.sort:
        case NeedSort.ARRAY:
            return "the operations contradict each other, so no values let them all succeed", []
        case NeedSort.SIZE:
            return _too_large(report, need, waiting), []
        case NeedSort.MESSAGE:
            return _no_message(report, need, waiting), []
        case NeedSort.CONTINUE:
            nobody = _nobody(report, need, waiting, "send it SIGCONT")
            return nobody.replace("no process ever does that: send", "no process ever sends"), []
        case NeedSort.ROOM:
            return _no_room(report, need, waiting), []
        case _:
            lost = _lost(report, need)
            if lost:
                return lost, _undo_hint(report, need)
            return _nobody(report, need, waiting, f"do {_operation(need)} on it"), []


def _operation(need: Need) -> str:
    return "V" if need.sort is NeedSort.RISE else "P"


def _lost(report: DeadlockReport, need: Need) -> str:
    """The holders that cannot give it back: who took it where, and what became of them."""
    told: list[str] = []
    holders = report.graph.holders(need)
    for process in holders[:3]:
        state = report.state(process)
        held = next(h for h in state.holds if (h.set, h.number) == (need.object, need.detail))
        end = {
            Status.DEAD: "died holding it",
            Status.ENDED: "ended without giving it back",
        }.get(state.status, "never gives it back")
        told.append(f"{report.program.processes[process].name} took it at {line(held.since)} and {end}")
    if len(holders) > 3:
        told.append(f"so did {len(holders) - 3:,} more")
    return "; ".join(told)


def _undo_hint(report: DeadlockReport, need: Need) -> list[str]:
    # no remedy where a failure ended the holder: it would only hide that
    states = [report.state(p) for p in report.graph.holders(need)]
    if any(s.status is Status.DEAD and not s.failed for s in states):
        return ["With SEM_UNDO on its P, the kernel would have given the unit back when it died."]
    return []


def _nobody(report: DeadlockReport, need: Need, waiting: frozenset[int], act: str) -> str:
    """Nobody is left: because the helpers wait themselves, have ended, or never existed."""
    wakers = [p for p in report.graph.wakers(need) if p in waiting]
    if wakers and len(wakers) == len(report.graph.wakers(need)):
        return f"only those who wait for it could still {act}"
    ended = _once_able(report, need, (Status.ENDED, Status.DEAD))
    if ended:
        have = "has" if len(ended) == 1 else "have"
        return f"everyone who could {act} has gone: {listed(ended, 4)} {have} ended"
    past = _once_able(report, need, (Status.RUNNING, Status.BLOCKED))
    if past:
        have = "has" if len(past) == 1 else "have"
        return f"nobody is left who could {act}: {listed(past, 4)} {have} already done so for the last time"
    return f"no process ever does {act[3:]}" if act.startswith("do ") else f"no process ever does that: {act}"


def _once_able(report: DeadlockReport, need: Need, status: tuple[Status, ...]) -> list[str]:
    """The processes with one of these statuses that could have satisfied `need` when they began."""
    may = report.may
    able = _providing(may, need)
    return [
        report.program.processes[s.process].name
        for s in report.snapshot.processes
        if s.status in status and not able.isdisjoint(may.effects(s.process, 0).abilities)
    ]


def _providing(may: MayAnalysis, need: Need) -> frozenset[Ability]:
    for p in may.program.processes:
        may.effects(p.number, 0)  # so that what ended processes could do is known too
    return frozenset(may.abilities[i] for i in providers(may, need._replace(overflow=())))


def _no_message(report: DeadlockReport, need: Need, waiting: frozenset[int]) -> str:
    name = quoted(object_name(report.program, need))
    queue = report.snapshot.queues[need.object]
    selector = describe(need.detail, need.exclude)
    such = f"one {selector}" if selector else "one"
    nobody = _nobody(report, need, waiting, f"send {such}")
    if nobody.startswith("no process ever"):
        nobody = f"no process ever sends {such}"
    return f"{name} {_contents(queue, selector)}, and {nobody}"


def _contents(queue: QueueState | None, selector: str) -> str:
    if queue is None or queue.messages == 0:
        return "is empty"
    holds = f"holds {count(queue.messages, 'message')}"
    if queue.types is None:
        return f"{holds}, none {selector}".rstrip()
    types = [str(t) for t, _ in sorted(Counter(queue.types).items())]
    of = "of type" if len(types) == 1 else "of types"
    return f"{holds} {of} {listed(types)}, none {selector}".rstrip()


def _no_room(report: DeadlockReport, need: Need, waiting: frozenset[int]) -> str:
    receivers = [p for p in report.graph.wakers(need) if p not in waiting]
    queue = report.snapshot.queues[need.object]
    if receivers and queue is not None:
        who = listed([report.program.processes[p].name for p in receivers], 3)
        verb = "asks" if len(receivers) == 1 else "ask"
        return f"it {_contents(queue, 'that')} {who}, who still {verb} for messages, would take"
    return _nobody(report, need, waiting, "take a message out of it").replace(
        "no process ever does that: take", "no process ever takes"
    )


def _too_large(report: DeadlockReport, need: Need, waiting: frozenset[int]) -> str:
    queue = report.snapshot.queues[need.object]
    wait = report.state(min(waiting)).wait
    size = wait.size if isinstance(wait, SendWait) else 0
    capacity = 0 if queue is None else queue.capacity
    return f"a message of {size:,} bytes never fits into a queue of {capacity:,} bytes"
