"""Ends and signals take time: what comes a moment later is a step of its own (S-16, S-29, S-30, Q-15)."""

from __future__ import annotations

import pytest

import ipcsim
from ipcsim.verdict import Verdict
from tests.explorer.scenarios import program

UNITS_COME_BACK_LATER = """
semaphores: {s: {a: 1, z: 0, never: 0}}
processes:
  p: {steps: [{P: a, undo: true}, V: z, P: never]}
  q: {steps: [P: z, signal: {to: p, name: SIGKILL}, {P: a, nowait: true}]}
"""
SIGNAL_OR_UNIT = """
semaphores: {s: {a: 0, b: 0}}
processes:
  p: {steps: [{P: a, on_error: {EINTR: [V: b]}}]}
  q:
    locals: {n: 0}
    steps:
      - while: n == 0
        steps: [get: {ncnt: a, into: n}]
      - signal: {to: p, name: SIGUSR1}
      - V: a
      - P: b
"""
STOP_OR_UNIT = """
semaphores: {s: {a: 0, b: 0}}
processes:
  p: {steps: [{P: a, on_error: {EINTR: [V: b]}}]}
  q:
    locals: {n: 0}
    steps:
      - while: n == 0
        steps: [get: {ncnt: a, into: n}]
      - signal: {to: p, name: SIGSTOP}
      - V: a
      - signal: {to: p, name: SIGCONT}
      - P: b
"""
KILL_OR_MESSAGE = """
semaphores: {s: {ready: 0}}
queues: {q: {message: {x: int}}}
processes:
  p: {steps: [V: ready, receive: {queue: q}]}
  k:
    steps:
      - P: ready
      - signal: {to: p, name: SIGKILL}
      - send: {queue: q, type: 1}
      - {receive: {queue: q}, nowait: true, on_error: {ENOMSG: [assert: false]}}
"""
SIGNAL_OR_REMOVAL = """
semaphores: {s: {a: 0}, t: {b: 0}}
processes:
  p: {steps: [{P: a, on_error: {EINTR: [V: b], EIDRM: []}}]}
  q:
    locals: {n: 0}
    steps:
      - while: n == 0
        steps: [get: {ncnt: a, into: n}]
      - signal: {to: p, name: SIGUSR1}
      - remove: s
      - P: b
"""
SET_BY_SET = """
semaphores: {s: {a: 1, ready: 0}, t: {b: 0}}
processes:
  p: {steps: [{P: a, undo: true}, {V: b, undo: true}, V: ready]}
  w:
    locals: {x: 0}
    steps: [P: ready, Z: b, get: {value: a, into: x}, assert: x == 1]
"""
ONE_SET_IS_ATOMIC = """
semaphores: {s: {a: 1, b: 0, ready: 0}}
processes:
  p: {steps: [{P: a, undo: true}, {V: b, undo: true}, V: ready]}
  w:
    locals: {x: 0}
    steps: [P: ready, Z: b, get: {value: a, into: x}, assert: x == 1]
"""
A_ZOMBIE_IS_FOUND = """
semaphores: {s: {go: 0}}
processes:
  p: {steps: [pause: 0ms]}
  q: {steps: [{signal: {to: p, name: SIGUSR1}, on_error: {ESRCH: [V: go]}}, P: go]}
"""
REAPED_AT_LAST = """
semaphores: {s: {a: 1}}
processes:
  p: {steps: [P: a, V: a]}
  q:
    locals: {on: 1}
    steps:
      - while: on == 1
        steps: [{signal: {to: p, name: SIGUSR1}, on_error: {ESRCH: [set: {on: 0}]}}]
"""
BUT_THE_SIGNAL_CAME_FIRST = """
semaphores: {s: {a: 0, b: 0}}
queues: {q: {message: {x: int}, bytes: 4}}
processes:
  p: {steps: [send: {queue: q, type: 1}, {send: {queue: q, type: 2}, on_error: {EINTR: []}}, V: b]}
  q: {steps: [signal: {to: p, name: SIGUSR1}, receive: {queue: q, type: 1}, P: b]}
"""


@pytest.mark.parametrize("reduction", ["none", "all"])
@pytest.mark.parametrize("semaphores", ["weak", "kernel"])
@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (UNITS_COME_BACK_LATER, Verdict.ERROR),
        (SIGNAL_OR_UNIT, Verdict.DEADLOCK),
        (STOP_OR_UNIT, Verdict.DEADLOCK),
        (KILL_OR_MESSAGE, Verdict.VIOLATION),
        (SIGNAL_OR_REMOVAL, Verdict.DEADLOCK),
        (ONE_SET_IS_ATOMIC, Verdict.OK),
        (A_ZOMBIE_IS_FOUND, Verdict.DEADLOCK),
        (REAPED_AT_LAST, Verdict.OK),
        (BUT_THE_SIGNAL_CAME_FIRST, Verdict.OK),
    ],
    ids=["units", "unit", "stop", "message", "removal", "one set", "zombie", "reaped", "room"],
)
def test_what_comes_a_moment_later(text: str, verdict: Verdict, semaphores: str, reduction: str) -> None:
    outcome = ipcsim.verify(program(text), semaphores=semaphores, reduction=reduction)
    assert outcome.complete
    assert outcome.verdict is verdict


def test_sets_are_undone_one_after_another() -> None:
    """`weak` in any order; Linux the most recently used first, so that b is 0 before a is 1."""
    assert ipcsim.verify(program(SET_BY_SET), semaphores="weak").verdict is Verdict.VIOLATION
    assert ipcsim.verify(program(SET_BY_SET), semaphores="kernel").verdict is Verdict.VIOLATION
    other = SET_BY_SET.replace(
        "{P: a, undo: true}, {V: b, undo: true}", "{V: b, undo: true}, {P: a, undo: true}"
    )
    assert ipcsim.verify(program(other), semaphores="weak").verdict is Verdict.VIOLATION
    assert ipcsim.verify(program(other), semaphores="kernel").verdict is Verdict.OK


def test_a_failed_use_is_a_use() -> None:
    """The set of the last call with SEM_UNDO is undone first, whatever came of the call (S-16)."""
    text = SET_BY_SET.replace(
        "V: ready]}", "{P: a, undo: true, nowait: true, on_error: {EAGAIN: []}}, V: ready]}"
    )
    assert ipcsim.verify(program(text), semaphores="kernel").verdict is Verdict.OK


def test_a_time_out_that_meets_a_removal() -> None:
    """EAGAIN, EIDRM, or EINTR though nobody sent a signal (S-35)."""
    text = """
semaphores: {s: {a: 0}}
processes:
  p: {steps: [{P: a, timeout: 1ms, on_error: {EAGAIN: [], EIDRM: [], EINVAL: [], EINTR: [assert: false]}}]}
  q:
    locals: {n: 0}
    steps:
      - {get: {ncnt: a, into: n}}
      - remove: s
"""
    for semaphores in ("weak", "kernel"):
        outcome = ipcsim.verify(program(text), semaphores=semaphores)
        assert outcome.verdict is Verdict.VIOLATION
        assert len(outcome.extra["steps"]) == 5, outcome.extra["steps"]


@pytest.mark.parametrize("semaphores", ["weak", "kernel"])
def test_what_has_no_value_ends_a_process_that_has_something_to_undo(semaphores: str) -> None:
    """At once where it begins so; behind a call as a step of its own: its effect is seen before (S-16)."""
    text = """
semaphores: {s: {a: 0, b: 0}, t: {c: 0}}
processes:
  w: {locals: {n: 0}, steps: [STEPS{V: a, undo: true}]}
  x: {steps: [P: b]}
"""
    at_once = text.replace("STEPS", "set: {n: 1 // n}, ")
    behind = text.replace("STEPS", "{V: c, undo: true}, V: b, set: {n: 1 // n}, ")
    assert ipcsim.verify(program(at_once), semaphores=semaphores).verdict is Verdict.ERROR
    outcome = ipcsim.verify(program(behind), semaphores=semaphores, reduction="none")
    assert outcome.verdict is Verdict.ERROR
    assert {f.verdict for f in outcome.findings} == {Verdict.ERROR}
