"""Races that no state shows: behind results that tell of others and order nothing.

`python -m tests.explorer.test_races FIRST COUNT` holds as many random programs as wanted against brute force.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from typing import Any

import pytest
import yaml

import ipcsim
from ipcsim.analysis.races import RaceDetector
from ipcsim.errors import ScenarioError
from ipcsim.explorer.limits import Limits
from ipcsim.explorer.path import Path
from ipcsim.explorer.reduction import Reduction
from ipcsim.explorer.verify import Options, Verification
from ipcsim.explorer.verify import verify as explore
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline, Program
from ipcsim.verdict import Verdict
from tests.explorer import happens_before as right
from tests.explorer.scenarios import program

Steps = list[Any]
MOST = 60_000  # steps of all executions, and states, that brute force looks at

BEHIND_EAGAIN = """
semaphores: {s: {a: 1}}
segments: {g: {x: int}}
processes:
  p:
    steps:
      - {P: a, nowait: true, on_error: {EAGAIN: [{assert: g.x == 1}, exit: 0]}}
      - V: a
  q: {steps: [set: {g.x: 1}, P: a, V: a]}
"""
BEHIND_A_TIMEOUT = BEHIND_EAGAIN.replace("nowait: true", "timeout: 5ms")
BEHIND_ENOMSG = """
queues: {q: {message: {n: int}}}
semaphores: {s: {there: 0}}
segments: {g: {x: int}}
processes:
  source: {steps: [send: {queue: q, type: 1}, V: {there: 2}]}
  p: {steps: [P: there, set: {g.x: 1}, {receive: {queue: q}, nowait: true, on_error: {ENOMSG: []}}]}
  q: {steps: [P: there, {receive: {queue: q}, nowait: true, on_error: {ENOMSG: [set: {g.x: 2}]}}]}
"""
BEHIND_A_FULL_QUEUE = """
queues: {q: {message: {n: int}, bytes: 4}}
segments: {g: {x: int}}
processes:
  p: {steps: [set: {g.x: 1}, {send: {queue: q, type: 1}, nowait: true, on_error: {EAGAIN: []}}]}
  q: {steps: [{send: {queue: q, type: 1}, nowait: true, on_error: {EAGAIN: [set: {g.x: 2}]}}]}
"""
BEHIND_QNUM = """
queues: {q: {message: {n: int}}}
segments: {g: {x: int}}
processes:
  p: {steps: [set: {g.x: 1}, send: {queue: q, type: 1}]}
  q:
    locals: {n: 0}
    steps:
      - while: n == 0
        steps: [stat: {object: q, field: qnum, into: n}]
      - assert: g.x == 1
"""
BEHIND_EINTR = """
semaphores: {s: {a: 1}}
segments: {g: {x: int}}
processes:
  p: {steps: [set: {g.x: 1}, P: a, V: a]}
  sleeper: {steps: [{P: a, on_error: {EINTR: [set: {g.x: 2}, exit: 0]}}, V: a]}
  hasty: {steps: [{signal: {to: sleeper, name: SIGUSR1}, on_error: {ESRCH: []}}]}
"""
BEHIND_EIDRM = """
semaphores: {s: {a: 1}}
segments: {g: {x: int}}
processes:
  p: {steps: [set: {g.x: 1}, {P: a, on_error: {EINVAL: [], EIDRM: []}}]}
  sleeper: {steps: [{P: a, on_error: {EIDRM: [set: {g.x: 2}], EINVAL: []}}]}
  remover: {steps: [remove: s]}
"""
BEHIND_ANOTHERS_MESSAGE = """
queues: {q: {message: {n: int}}}
segments: {g: {x: int}}
processes:
  source: {steps: [send: {queue: q, type: 1, message: {n: 1}}, send: {queue: q, type: 1, message: {n: 2}}]}
  p: {steps: [set: {g.x: 1}, receive: {queue: q}]}
  q: {steps: [receive: {queue: q, into: r}, {if: r.n == 2, then: [set: {g.x: 2}]}]}
"""
BEHIND_ESRCH = """
segments: {g: {x: int}}
processes:
  p: {steps: [set: {g.x: 1}]}
  q:
    locals: {n: 1}
    steps:
      - while: n == 1
        steps: [{signal: {to: p, name: SIGCONT}, on_error: {ESRCH: [set: {n: 0}]}}]
      - assert: g.x == 1
"""
BEHIND_A_VALUE = """
semaphores: {s: {a: 0}}
segments: {g: {x: int}}
processes:
  p: {steps: [set: {g.x: 1}, V: a]}
  q: {steps: [get: {value: a, into: n}, {if: n == 1, then: [assert: g.x == 1]}]}
"""
BEHIND_A_SLEEPER = """
semaphores: {s: {a: 0}}
segments: {g: {x: int}}
processes:
  p: {steps: [set: {g.x: 1}, Z: b, P: a]}
  q:
    locals: {n: 0}
    steps:
      - while: n == 0
        steps: [get: {ncnt: a, into: n}]
      - assert: g.x == 1
      - V: a
""".replace("{a: 0}", "{a: 0, b: 0}")
BEHIND_A_KILL = """
semaphores: {s: {a: 1, held: 0, taken: 0, never: 0}}
segments: {g: {x: int}}
processes:
  victim: {steps: [{P: a, undo: true}, V: [held, taken], P: never]}
  killer: {steps: [P: held, set: {g.x: 1}, signal: {to: victim, name: SIGKILL}]}
  heir: {steps: [P: taken, P: a, assert: g.x == 1]}
"""
BEHIND_A_SIGNAL = """
segments: {g: {x: int}}
queues: {q: {message: {n: int}}}
processes:
  p: {steps: [set: {g.x: 1}, {signal: {to: sleeper, name: SIGUSR1}, on_error: {ESRCH: []}}]}
  sleeper: {steps: [{receive: {queue: q}, on_error: {EINTR: [set: {g.x: 2}]}}]}
  spare: {steps: [send: {queue: q, type: 1}]}
"""
STARTED = """
segments: {g: {x: int}}
processes:
  p: {steps: [set: {g.x: 1}, spawn: q]}
  q: {spawned: true, steps: [set: {g.x: 2}]}
"""
BEHIND_SIGCONT = """
segments: {g: {x: int, done: {type: int, atomic: true}}}
processes:
  stops: {steps: [signal: {to: stops, name: SIGSTOP}, assert: g.x == 1, set: {g.done: 1}]}
  other:
    steps:
      - set: {g.x: 1}
      - while: g.done == 0
        steps: [{signal: {to: stops, name: SIGCONT}, on_error: {ESRCH: []}}]
"""
MESSAGES_OF_MANY_LENGTHS = """
queues: {q: {message: {t: "char[8]"}, bytes: 8}}
segments: {g: {x: int}}
processes:
  p: {steps: [send: {queue: q, type: 1, length: 8}, send: {queue: q, type: 1, length: 4}, set: {g.x: 1}]}
  q: {steps: [set: {g.x: 2}, receive: {queue: q}]}
"""
RACES = {
    "EAGAIN": BEHIND_EAGAIN, "a timeout": BEHIND_A_TIMEOUT, "a full queue": BEHIND_A_FULL_QUEUE,
    "ENOMSG": BEHIND_ENOMSG, "qnum": BEHIND_QNUM, "EINTR": BEHIND_EINTR, "EIDRM": BEHIND_EIDRM,
    "a message that another took": BEHIND_ANOTHERS_MESSAGE,
}  # fmt: skip
NO_RACES = {
    "ESRCH": BEHIND_ESRCH, "a value": BEHIND_A_VALUE, "ncnt": BEHIND_A_SLEEPER, "a kill": BEHIND_A_KILL,
    "SIGCONT": BEHIND_SIGCONT, "a signal": BEHIND_A_SIGNAL, "spawn": STARTED,
    "room for one more": MESSAGES_OF_MANY_LENGTHS,
}  # fmt: skip


@pytest.mark.parametrize("reduction", list(Reduction))
@pytest.mark.parametrize("name", RACES)
def test_what_tells_without_ordering_hides_no_race(name: str, reduction: Reduction) -> None:
    outcome = ipcsim.verify(program(RACES[name]), reduction=reduction)
    assert outcome.verdict is Verdict.RACE
    assert all(f.verdict is Verdict.RACE for f in outcome.findings)


@pytest.mark.parametrize("name", RACES)
def test_a_replay_sees_the_race(name: str) -> None:
    outcome: Any = ipcsim.verify(program(RACES[name]), replay=True)
    assert outcome.extra["replay"]["verdict"] == "race", outcome.extra["remarks"]
    assert outcome.extra["replay"]["same"], outcome.extra["remarks"]


@pytest.mark.parametrize("reduction", list(Reduction))
@pytest.mark.parametrize("name", NO_RACES)
def test_what_orders_leaves_no_race(name: str, reduction: Reduction) -> None:
    outcome = ipcsim.verify(program(NO_RACES[name]), reduction=reduction)
    assert outcome.verdict is Verdict.OK, [f.message for f in outcome.findings]


@pytest.mark.parametrize("name", NO_RACES)
@pytest.mark.parametrize("scheduler", ["free", "random"])
def test_a_run_says_the_same(name: str, scheduler: str) -> None:
    outcome = ipcsim.run(program(NO_RACES[name]), scheduler=scheduler, seed=1)
    assert outcome.verdict is Verdict.OK, [f.message for f in outcome.findings]


def test_a_limit_in_the_search_for_races_is_no_proof() -> None:
    """p and q can never be at their accesses at once, and what keeps them apart orders: the messages."""
    text = """
queues: {q: {message: {n: int}}, spare: {message: {n: int}, bytes: 4}}
segments: {g: {x: int}}
processes:
  p:
    steps:
      - repeat: 3
        steps: [set: {g.x: 1}, send: {queue: q, type: 1}, receive: {queue: q, type: 2}]
  q:
    steps:
      - repeat: 3
        steps:
          - receive: {queue: q, type: 1}
          - set: {g.x: 2}
          - {send: {queue: spare, type: 1}, nowait: true, on_error: {EAGAIN: []}}
          - send: {queue: q, type: 2}
"""
    whole = ipcsim.verify(program(text))
    assert whole.verdict is Verdict.OK
    states = len(states_of(Machine(program(text))))
    assert whole.extra["states"] > 2 * states  # those of the search itself, and those of the one for races
    stopped = ipcsim.verify(program(text), max_states=states + 1)
    assert stopped.verdict is Verdict.INCONCLUSIVE
    assert not stopped.complete
    assert "in the search for races" in stopped.findings[0].message


# --- random programs against brute force ---


KINDS = ("P", "P", "P", "V", "V", "V", "Z", "send", "send", "receive", "receive", "get", "stat", "flag",
         "rough", "set_value", "access")  # fmt: skip
TELLING = ("P", "P", "send", "receive", "stat", "rough")


class RaceDice:
    """Small programs without loops in which much is told and little is ordered."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def text(self) -> str | None:
        """A scenario; None where the language refuses what came out."""
        self._families = self._one(["p", "q"], ["p", "q"], ["p", "q", "r"])
        self._rough = self._chance.random() < 0.25
        self._apart = self._chance.random() < 0.6  # one accesses, the others only where something was told
        doc: dict[str, Any] = {
            "semaphores": {"s": {"a": 1 if self._apart else self._one(0, 1, 1, 2), "b": self._one(0, 0, 1)}},
            "queues": {"q1": {"message": {"n": "int"}, "bytes": self._one(4, 4, 8)}},
            "segments": {"g": {"x": "int", "f": {"type": "int", "atomic": True}}},
            "processes": {
                n: {"locals": {"n": 0}, "steps": self._steps(self._most())} for n in self._families
            },
        }
        if self._rough and self._chance.random() < 0.3:
            last = doc["processes"][self._families[-1]]
            last["spawned"] = True
            doc["processes"]["p"]["steps"].append({"spawn": self._families[-1]})
        text = yaml.safe_dump(doc, sort_keys=False)
        try:
            program(text)
        except ScenarioError:
            return None
        return text

    def _one(self, *among: Any) -> Any:
        return self._chance.choice(among)

    def _most(self) -> int:
        return self._one(2, 3, 4) if len(self._families) == 2 else self._one(1, 2, 3)

    def _steps(self, name: str) -> Steps:
        self._first = name == self._families[0]
        found = [s for _ in range(self._most()) for s in self._step()]
        if self._first if self._apart else self._chance.random() < 0.6:
            found.insert(self._chance.randrange(2 if self._apart else len(found) + 1), self._access())
        return found

    def _access(self) -> Any:
        return self._one({"set": {"g.x": 1}}, {"set": {"g.x": 1}}, {"set": {"n": "g.x"}})

    def _after(self) -> Steps:
        """What is done where something was told."""
        if self._apart:
            done = [] if self._first else [self._access()]
            return [*done, *self._one([], [{"exit": 0}])]
        return self._one([], [], [self._access()], [{"exit": 0}], [self._access(), {"exit": 0}])

    def _step(self) -> Steps:
        name = self._one("a", "a", "b")
        kind = self._one(
            "P", "P", "P", "V", "V", "Z", "send", "receive", "get", "stat", "flag", "rough", "set"
        )
        undo = {"undo": True} if self._rough and self._chance.random() < 0.3 else {}
        match kind:
            case "P" | "Z":
                return [self._patient({kind: name, **(undo if kind == "P" else {})}, "EAGAIN")]
            case "V":
                return [{"V": name, **undo}]
            case "send":
                message = {"n": self._one(1, 2)}
                return [
                    self._patient(
                        {"send": {"queue": "q1", "type": self._one(1, 2), "message": message}}, "EAGAIN"
                    )
                ]
            case "receive":
                wanted = {"receive": {"queue": "q1", "type": self._one(0, 0, 1, 2, -2), "into": "r"}}
                step = self._patient(wanted, "ENOMSG")
                return [step] if "nowait" in step else [step, {"if": "r.n == 2", "then": self._after()}]
            case "get":
                question = self._one("value", "value", "ncnt", "zcnt")
                return [{"get": {question: name, "into": "n"}}, self._if()]
            case "stat" if self._chance.random() < 0.5:
                return [{"stat": {"object": "q1", "field": "qnum", "into": "n"}}, self._if()]
            case "flag":
                return self._one([{"set": {"g.f": 1}}], [{"set": {"n": "g.f"}}, self._if()])
            case "set_value":
                return [{"set_value": {name: self._one(0, 1)}}]
            case "rough" if self._rough:
                what = self._one("SIGUSR1", "SIGUSR1", "SIGKILL", "SIGSTOP", "SIGCONT")
                called = {"signal": {"to": self._one(*self._families), "name": what}}
                return [{**called, "on_error": {"ESRCH": self._after()}}]
            case _:
                return [] if self._apart else [self._access()]

    def _patient(self, step: dict[str, Any], errno: str) -> dict[str, Any]:
        chance = self._chance.random() * (0.7 if self._apart and not self._first else 1)
        if chance < 0.45:
            return {**step, "nowait": True, "on_error": {errno: self._after(), **self._interrupted()}}
        if chance < 0.6:
            return {**step, "timeout": "5ms", "on_error": {"EAGAIN": self._after(), **self._interrupted()}}
        return {**step, "on_error": self._interrupted()} if self._rough else step

    def _interrupted(self) -> dict[str, Any]:
        return {"EINTR": self._after()} if self._rough and self._chance.random() < 0.7 else {}

    def _if(self) -> Any:
        return {"if": self._one("n == 1", "n == 0"), "then": self._after()}


def races_found(what: Program, **options: Any) -> Verification:
    found = explore(what, Options(limits=Limits(after=None), compare=False, **options))
    assert found.outcome.complete
    return found


def is_race(found: Verification) -> bool:
    return any(f.verdict is Verdict.RACE for f in found.outcome.findings)


def walk(machine: Machine, chance: random.Random) -> Path:
    """Some execution."""
    path, state = Path(machine, []), machine.init
    while actions := machine.actions(state):
        path.actions.append(chance.choice(actions))
        state += path.actions[-1].delta
    return path


def detected(path: Path) -> bool:
    detector = RaceDetector(path.machine.program, exact=True)
    for event in path.events():
        detector.feed(event)
    return detector.found


def settings_of(seed: int) -> tuple[Discipline, int]:
    """(whose order, how many may die) to look at the program of a seed with."""
    return Discipline.KERNEL if seed % 4 == 0 else Discipline.WEAK, int(seed % 8 == 1)


def hold(text: str, chance: random.Random, discipline: Discipline, crashes: int) -> str:
    """Hold `verify` against brute force. Races: "none", "seen" in some state, "hidden"; or "too large"."""
    what = program(text)
    machine = Machine(what, discipline, crashes)
    try:
        race = right.in_executions(machine, MOST)
        assert race is bool(right.in_states(machine, states_of(machine), MOST)), text
    except right.TooManyWays:
        return "too large"
    for reduction in (Reduction.NONE, Reduction.ALL):
        found = races_found(what, reduction=reduction, semaphores=discipline, crashes=crashes)
        assert is_race(found) is race, f"reduction {reduction}, brute force says {race} of\n{text}"
    for _ in range(10):
        assert race or not detected(walk(machine, chance)), f"a run says race of\n{text}"
    shows = race and _shows(machine)
    return "seen" if shows else "hidden" if race else "none"


def _shows(machine: Machine) -> bool:
    """Whether two conflicting accesses are both next in some state."""
    for state in states_of(machine):
        after = [(a.process, right.access(machine, a)) for a in machine.actions(state)]
        found = [(process, *where) for process, where in after if where is not None]
        if any(p != q and at == to and (s or t) for p, at, s in found for q, to, t in found):
            return True
    return False


def states_of(machine: Machine) -> set[int]:
    seen, todo = {machine.init}, [machine.init]
    while todo:
        state = todo.pop()
        for action in machine.actions(state):
            if state + action.delta not in seen:
                seen.add(state + action.delta)
                todo.append(state + action.delta)
    return seen


def test_real_processes_race_only_where_verify_says_so() -> None:
    texts = [RaceDice(random.Random(seed)).text() for seed in range(10)]
    right_ones = [text for text in texts if text is not None and not is_race(races_found(program(text)))]
    assert len(right_ones) >= 3
    for text in right_ones:
        for scheduler in ("free", "random"):
            outcome = ipcsim.run(program(text), scheduler=scheduler, seed=1, timeout=5)
            assert not any(f.verdict is Verdict.RACE for f in outcome.findings), text


@pytest.mark.parametrize("seed", range(int(os.environ.get("IPCSIM_RACES", "60"))))
def test_as_brute_force_says(seed: int) -> None:
    chance = random.Random(seed)
    text = RaceDice(chance).text()
    if text is None:
        pytest.skip("the language refuses it")
    if hold(text, chance, *settings_of(seed)) == "too large":
        pytest.skip("too many executions")


def main(first: int, count: int) -> None:
    tally: Counter[str] = Counter()
    for seed in range(first, first + count):
        chance = random.Random(seed)
        text = RaceDice(chance).text()
        if text is not None:
            try:
                tally[hold(text, chance, *settings_of(seed))] += 1
            except Exception:
                print("seed", seed)
                raise
    print("races:", ", ".join(f"{name} {number}" for name, number in sorted(tally.items())))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
