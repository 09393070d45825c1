"""Races that no state shows: behind results that tell of others and order nothing.

`python -m tests.explorer.test_races FIRST COUNT` holds as many random programs as wanted against brute force.
"""

from __future__ import annotations

import os
import random
import sys
from typing import Any

import pytest
import yaml

import ipcsim
from ipcsim.analysis.races import RaceDetector
from ipcsim.errors import ScenarioError
from ipcsim.explorer.path import Path
from ipcsim.explorer.reduction import Reduction
from ipcsim.explorer.search import Limits
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
    "SIGCONT": BEHIND_SIGCONT, "room for one more": MESSAGES_OF_MANY_LENGTHS,
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
