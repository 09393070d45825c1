"""Outcomes made by hand, as the runner would give them."""

from __future__ import annotations

from typing import Any

from ipcsim.errors import Location
from ipcsim.verdict import Finding, Kind, Outcome, Verdict

FILE = "problems/dining-philosophers.yaml"
TRACE = "reports/dining-philosophers/20261122-091010.trace"


def extra(**changes: Any) -> dict[str, Any]:
    usual = {
        "trace": TRACE,
        "detected_after_s": None,
        "events": 1204,
        "schedule": None,
        "scheduler": "free",
        "remarks": [],
        "interrupted": False,
        "request": {"target": "dining-philosophers", "set": {}, "options": []},
    }
    return usual | changes


def outcome(
    verdict: Verdict = Verdict.OK, *findings: Finding, expect: Verdict | None = None, **changes: Any
) -> Outcome:
    """As expected unless told otherwise; what is no field of Outcome goes into `extra`."""
    fields: dict[str, Any] = {
        "command": "run",
        "scenario": "dining-philosophers",
        "complete": verdict is Verdict.OK,
        "seed": 7,
        "duration_s": 0.41,
        "arguments": {"seats": 5, "meals": 200, "strategy": "left-first"},
    }
    for name in list(changes):
        if name in fields:
            fields[name] = changes.pop(name)
    return Outcome(
        verdict=verdict,
        expect=verdict if expect is None else expect,
        findings=findings,
        extra=extra(**changes),
        **fields,
    )


def circle(count: int = 5) -> Finding:
    names = [f"philosopher[{i}]" for i in range(count)]
    forks = [f"fork[{(i + 1) % count}]" for i in range(count)]
    return Finding(
        Kind.CIRCULAR_WAIT,
        Verdict.DEADLOCK,
        "Five processes wait for each other in a circle: philosopher[0] holds fork[0] and waits for fork[1], "
        "which philosopher[1] holds, and so on round to philosopher[4], which waits for fork[0].",
        processes=tuple(names),
        objects=tuple(forks),
        cycle=(*(word for pair in zip(names, forks, strict=True) for word in pair), names[0]),
        at=Location(FILE, 31),
        details=(
            *(
                (names[i], f"holds fork[{i}] since line 30, waits for {forks[i]}", f"{FILE}:31")
                for i in range(count)
            ),
            ("", "No other process can still do V on any of these semaphores.", ""),
        ),
    )


def deadlock(**changes: Any) -> Outcome:
    return outcome(Verdict.DEADLOCK, circle(), detected_after_s=0.008, **changes)


def crash() -> Finding:
    return Finding(
        Kind.CRASH,
        None,
        "writer crashed by SIGKILL at x.yaml:3, as the scenario asks.",
        processes=("writer",),
        at=Location("x.yaml", 3),
    )


def assertion(number: int = 0) -> Finding:
    return Finding(
        Kind.ASSERTION,
        Verdict.VIOLATION,
        f"The assertion `n == {number}` of w does not hold.",
        processes=("w",),
        at=Location("x.yaml", 12),
    )


def race() -> Finding:
    return Finding(
        Kind.RACE,
        Verdict.RACE,
        "`shared.counter` is stored by worker[1] (line 35) and stored by worker[0] (line 35), and nothing "
        "orders the two: one of the two stores can be lost.",
        processes=("worker[0]", "worker[1]"),
        objects=("shared.counter",),
        details=(
            ("worker[1]", "stores shared.counter", "b.yaml:35"),
            ("worker[0]", "stores shared.counter", "b.yaml:35"),
        ),
    )


def timeout() -> Finding:
    return Finding(
        Kind.TIMEOUT,
        Verdict.INCONCLUSIVE,
        "The run was stopped by its timeout of 20 s: 2 of 5 processes had not ended.",
        processes=("w[0]", "w[1]"),
    )


HOSTILE = "x\x1b[31m\u202ename\n\r'; rm -rf /\udc80"


def hostile() -> Outcome:
    """Every text is out to steer the terminal."""
    finding = Finding(
        Kind.ERRNO,
        Verdict.ERROR,
        f"{HOSTILE} got EIDRM.",
        processes=(HOSTILE,),
        objects=(HOSTILE,),
        at=Location(HOSTILE, 3),
        details=((HOSTILE, HOSTILE, f"{HOSTILE}:3"), ("", HOSTILE, "")),
    )
    return outcome(
        Verdict.ERROR,
        finding,
        scenario=HOSTILE,
        arguments={HOSTILE: HOSTILE},
        trace=f"reports/{HOSTILE}",
        remarks=[HOSTILE],
        request={"target": HOSTILE, "set": {HOSTILE: HOSTILE}, "options": []},
    )


ALL: dict[str, Outcome] = {
    "deadlock": deadlock(),
    "not-expected": deadlock(expect=Verdict.OK),
    "ok": outcome(),
    "ok-not-expected": outcome(expect=Verdict.DEADLOCK),
    "ok-stopped": outcome(complete=False, duration_s=2.0),
    "race": outcome(
        Verdict.RACE,
        race(),
        assertion(17),
        crash(),
        scheduler="random",
        schedule="0*3 1 2:1",
        remarks=["the trace is in /tmp/ipcsim-1 because reports/x cannot be written (Permission denied)"],
    ),
    "long-schedule": outcome(Verdict.RACE, race(), scheduler="pct", schedule="0 1 " * 200, trace=None),
    "inconclusive": outcome(Verdict.INCONCLUSIVE, timeout(), expect=Verdict.DEADLOCK, duration_s=20.0),
    "interrupted": outcome(
        Verdict.INCONCLUSIVE, timeout(), expect=Verdict.OK, interrupted=True, duration_s=95.0
    ),
    "deadlock-interrupted": deadlock(interrupted=True),
    "many": outcome(Verdict.VIOLATION, *(assertion(i) for i in range(25)), *(crash() for _ in range(22))),
    "hostile": hostile(),
    "replay": deadlock(command="replay", scheduler="replay", schedule="0 1 2"),
    "bare": Outcome("run", "x", Verdict.OK, Verdict.OK, True, (), None, 0.0004),
}
