"""Processes among themselves: spawning, signals, identities, ids that are passed on, attachments."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from ipcsim.program import Scheduler
from ipcsim.runner.client import Launcher
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Kind, Verdict
from tests.runner.helpers import one, program, run_text

SPAWN = """
scenario: spawn
semaphores:
  s: {done: 0}
segments:
  memory: {n: int}
processes:
  parent:
    steps:
      - set: {memory.n: 5}
      - spawn: child
      - spawn: child
        on_error: {EAGAIN: [set: {twice: 1}]}
      - P: done
    locals: {twice: 0}
  child:
    spawned: true
    steps:
      - set: {memory.n: memory.n + 1}
      - V: done
properties:
  six: {at_end: memory.n == 6}
"""


@pytest.mark.parametrize("scheduler", [Scheduler.FREE, Scheduler.RANDOM])
def test_a_spawned_process_inherits_and_is_ordered_after_its_parent(scheduler: Scheduler) -> None:
    made = program(SPAWN)
    from dataclasses import replace

    outcome = run(made, settings=replace(made.settings, scheduler=scheduler, seed=1))
    assert outcome.verdict is Verdict.OK, outcome.findings
    assert outcome.complete


def test_nobody_waits_for_a_process_that_may_still_be_spawned() -> None:
    """The waiter can only be woken by a process that does not exist yet: no deadlock."""
    outcome = run_text("""
scenario: late
semaphores: {s: {done: 0}}
processes:
  waiter: {steps: [P: done]}
  starter: {steps: [pause: 300ms, spawn: helper]}
  helper: {spawned: true, steps: [V: done]}
""")
    assert outcome.verdict is Verdict.OK, outcome.findings


def test_a_signal_ends_a_sleep_with_eintr() -> None:
    outcome = run_text("""
scenario: interrupted
semaphores: {s: {never: 0, seen: 0}}
processes:
  sleeper:
    steps:
      - P: never
        on_error: {EINTR: [V: seen]}
      - P: never
        timeout: 10ms
        on_error: {EAGAIN: []}
  waker:
    steps:
      - pause: 50ms
      - signal: {to: sleeper, name: SIGUSR1}
      - P: seen
""")
    assert outcome.verdict is Verdict.OK, outcome.findings


def test_eintr_that_nothing_handles_is_a_finding() -> None:
    outcome = run_text("""
scenario: uncaught
semaphores: {s: {never: 0}}
processes:
  sleeper: {steps: [P: never]}
  waker: {steps: [pause: 50ms, signal: {to: sleeper, name: SIGUSR1}]}
""")
    finding = one(outcome, Kind.ERRNO)
    assert finding.processes == ("sleeper",)
    assert "EINTR" in finding.message


@pytest.mark.parametrize("scheduler", [Scheduler.FREE, Scheduler.RANDOM])
def test_a_killed_holder_leaves_an_orphaned_wait(scheduler: Scheduler) -> None:
    from dataclasses import replace

    made = program("""
scenario: killed
semaphores: {s: {lock: 1, held: 0, never: 0}}
processes:
  holder: {steps: [P: lock, V: {held: 2}, P: never, V: lock]}
  killer: {steps: [P: held, signal: {to: holder, name: SIGKILL}]}
  waiter: {steps: [P: held, P: lock]}
""")
    outcome = run(made, settings=replace(made.settings, scheduler=scheduler, seed=5))
    assert outcome.verdict is Verdict.DEADLOCK, outcome.findings
    assert one(outcome, Kind.CRASH).verdict is None
    assert "holder" in one(outcome, Kind.ORPHANED_WAIT).message


def test_a_signal_to_who_has_ended_is_esrch() -> None:
    outcome = run_text("""
scenario: late
semaphores: {s: {m: 0}}
processes:
  first: {steps: [V: m]}
  second:
    steps:
      - P: m
      - pause: 100ms
      - signal: {to: first, name: SIGUSR1}
        on_error: {ESRCH: [V: m]}
      - P: m
""")
    assert outcome.verdict is Verdict.OK, outcome.findings


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to switch users")
def test_another_user_meets_the_rights_of_the_object() -> None:
    outcome = run_text("""
scenario: rights
semaphores:
  s: {m: 1, mode: 0600}
processes:
  stranger:
    as: {uid: 65534, gid: 65534}
    steps:
      - P: m
        on_error: {EACCES: [exit: 0]}
      - assert: 1 == 2
        message: the stranger was let in
""")
    assert outcome.verdict is Verdict.OK, outcome.findings


def test_writing_to_a_read_only_attachment_is_explained() -> None:
    outcome = run_text("""
scenario: readonly
segments: {memory: {n: int}}
processes:
  reader:
    steps:
      - attach: {object: memory, readonly: true}
      - set: {memory.n: 1}
""")
    assert outcome.verdict is Verdict.ERROR
    crash = one(outcome, Kind.CRASH)
    assert "SIGSEGV" in crash.message
    assert "read-only" in crash.message
    assert crash.at is not None
    assert crash.at.line == 8


def test_an_id_that_is_sent_opens_a_private_object() -> None:
    outcome = run_text("""
scenario: word-of-mouth
semaphores:
  set: {m: 0}
queues:
  mail: {message: {id: int}}
processes:
  owner:
    steps:
      - create: {object: set, into: made}
      - set_value: {m: 1}
      - send: {queue: mail, type: 1, message: {id: made}}
      - send: {queue: mail, type: 2, message: {id: made}}
  guest:
    steps:
      - receive: {queue: mail, type: 1, into: word}
      - open: {object: set, id: word.id}
      - P: m
      - receive: {queue: mail, type: 2}
      - remove: set
""")
    assert outcome.verdict is Verdict.OK, outcome.findings


def test_each_attachment_counts_and_is_detached_by_its_address() -> None:
    outcome = run_text("""
scenario: twice
segments: {memory: {n: int}}
processes:
  p:
    steps:
      - attach: {object: memory, into: first}
      - attach: {object: memory, into: second}
      - stat: {object: memory, field: nattch, into: two}
      - detach: {object: memory, address: first}
      - set: {memory.n: 7}
      - stat: {object: memory, field: nattch, into: one}
      - detach: {object: memory, address: first}
        on_error: {EINVAL: [set: {gone: 1}]}
      - assert: two == 2 and one == 1 and gone == 1 and first != second
    locals: {gone: 0}
""")
    assert outcome.verdict is Verdict.OK, outcome.findings


def test_a_queue_can_be_made_larger_while_somebody_waits_for_room() -> None:
    outcome = run_text("""
scenario: larger
queues: {box: {message: {n: int}, bytes: 4}}
processes:
  writer:
    steps:
      - send: {queue: box, type: 1}
      - send: {queue: box, type: 1}
  helper:
    steps:
      - pause: 100ms
      - change: {object: box, bytes: 64}
""")
    assert outcome.verdict is Verdict.OK, outcome.findings


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to switch users")
def test_what_another_user_creates_is_removed_too() -> None:
    """It must reach the manifest, which only the user who runs ipcsim may open."""
    outcome = run_text("""
scenario: stranger
queues: {box: {message: {n: int}}}
processes:
  stranger:
    as: {uid: 65534, gid: 65534}
    steps:
      - create: box
      - send: {queue: box, type: 1}
""")
    assert outcome.verdict is Verdict.LEAK, outcome.findings


def test_a_signal_right_after_the_spawn_finds_the_process() -> None:
    """fork(2) has told the pid before it is over: a kill that follows cannot end with ESRCH."""
    outcome = run_text("""
scenario: at-once
processes:
  parent:
    locals: {i: 0}
    steps:
      - while: i < 20
        steps:
          - spawn: child[i]
          - signal: {to: "child[i]", name: SIGUSR1}
          - set: {i: i + 1}
  child: {count: 20, spawned: true, steps: [pause: 500ms]}
""")
    assert outcome.verdict is Verdict.OK, outcome.findings


def test_a_signal_at_the_very_start_is_caught() -> None:
    """Handlers are there before anybody can send: such a signal kills nobody, however early it comes."""
    made = program("""
scenario: early
processes:
  shell:
    locals: {i: 0}
    steps:
      - while: i < 30
        steps:
          - signal: {to: "other[i]", name: SIGUSR1}
            on_error: {ESRCH: []}
          - set: {i: i + 1}
  other: {count: 30, steps: [pause: 50ms]}
""")
    for _ in range(5):  # two or three are hit in most runs
        outcome = run(made)
        assert [f.message for f in outcome.findings if "SIGUSR1" in f.message] == []


def test_who_is_spawned_while_the_run_is_stopped_was_killed_by_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The timeout kills also whom somebody spawns between the supervisor's last look and that."""
    stop = Launcher.stop

    def late(launcher: Launcher) -> list[dict[str, Any]]:
        time.sleep(0.2)
        return stop(launcher)

    monkeypatch.setattr(Launcher, "stop", late)
    outcome = run_text("""
scenario: still-spawning
semaphores: {s: {never: 0}}
processes:
  parent:
    locals: {i: 0}
    steps:
      - repeat: 100
        steps: [pause: 5ms, spawn: "child[i]", set: {i: i + 1}]
      - V: {never: 100}
  child: {count: 100, spawned: true, steps: [P: never]}
run: {timeout: 100ms}
""")
    assert outcome.verdict is Verdict.INCONCLUSIVE, outcome.findings
    assert [f.kind for f in outcome.findings] == [Kind.TIMEOUT]
