"""A scenario takes hold of objects of its own run only; each stranger here is a real object of this test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipcsim import api
from ipcsim.errors import EnvironmentProblem, EvaluationError
from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import objects
from ipcsim.runner.objects import Created
from ipcsim.runner.owned import Owned
from ipcsim.runner.supervisor import run
from ipcsim.sysv import libc, queues, segments, semaphores
from ipcsim.verdict import Kind, Outcome, Verdict
from tests.runner.helpers import one, program

KEY = 0x1C5A0000 | os.getpid() & 0xFFFF
KINDS = list(ObjectKind)
DECLARED = {
    ObjectKind.SEMAPHORES: "semaphores: {{it: {{a: 3, {how}}}}}",
    ObjectKind.QUEUE: "queues: {{it: {{message: {{n: int}}, {how}}}}}",
    ObjectKind.SEGMENT: "segments: {{it: {{n: int, {how}}}}}",
}
MAKE = {
    ObjectKind.SEMAPHORES: lambda: semaphores.create(KEY, 1, 0o600 | libc.IPC_CREAT | libc.IPC_EXCL),
    ObjectKind.QUEUE: lambda: queues.create(KEY, 0o600 | libc.IPC_CREAT | libc.IPC_EXCL),
    ObjectKind.SEGMENT: lambda: segments.create(KEY, 4, 0o600 | libc.IPC_CREAT | libc.IPC_EXCL),
}


@pytest.fixture(params=KINDS)
def stranger(request: pytest.FixtureRequest) -> Iterator[tuple[ObjectKind, int]]:
    """An object that no run has made."""
    kind = request.param
    made = MAKE[kind]()
    yield kind, made
    objects.remove(kind, made)


def text(kind: ObjectKind, steps: str, how: str = f"key: {KEY}") -> str:
    """One process that does this; that `it` is created by a step (never taken) leaves it to the processes."""
    never = "" if "persist" in how else "{if: me == 5, then: [create: it]}, "
    return f"{DECLARED[kind].format(how=how)}\nprocesses:\n  p: {{steps: [{never}{steps}]}}\n"


def refused(outcome: Outcome) -> None:
    finding = one(outcome, Kind.EVALUATION)
    assert outcome.verdict is Verdict.ERROR
    assert "was not made by this run" in finding.message
    assert "--shared" in finding.message


HOLDS = ["open: it", "create: it", "open: it, stat: {object: it, field: mode, into: bits}"]


@pytest.mark.parametrize("steps", [*HOLDS, "open: {object: it, id: ID}"])
def test_nobody_takes_hold_of_a_stranger(stranger: tuple[ObjectKind, int], steps: str) -> None:
    kind, made = stranger
    before = objects.STAT[kind](made)
    refused(run(program(text(kind, f"{steps.replace('ID', str(made))}, remove: it"))))
    assert objects.STAT[kind](made) == before


def test_to_persist_is_no_excuse(stranger: tuple[ObjectKind, int]) -> None:
    kind, made = stranger
    how = f"key: {KEY}, persist: true"
    refused(run(program(text(kind, "create: it, remove: it", how))))
    assert objects.exists(kind, made)
    with pytest.raises(EnvironmentProblem, match="no earlier run left it to persist"):
        run(program(text(kind, "remove: it", how)))
    assert objects.exists(kind, made)


@pytest.mark.parametrize("steps", [*HOLDS, "open: {object: it, id: ID}"])
def test_shared_takes_the_fence_away(stranger: tuple[ObjectKind, int], steps: str) -> None:
    kind, made = stranger
    outcome = run(program(text(kind, f"{steps.replace('ID', str(made))}, remove: it")), shared=True)
    assert outcome.verdict is Verdict.OK, outcome.findings
    assert not objects.exists(kind, made)


def test_on_the_command_line(stranger: tuple[ObjectKind, int], tmp_path: Path) -> None:
    kind, made = stranger
    (tmp_path / "s.yaml").write_text(text(kind, f"open: {{object: it, id: {made}}}, remove: it"))
    command = [sys.executable, "-m", "ipcsim", "run", "s.yaml"]
    fenced = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50)
    assert fenced.returncode == 1
    assert "--shared" in " ".join(fenced.stdout.split())
    assert objects.exists(kind, made)
    shared = subprocess.run([*command, "--shared"], cwd=tmp_path, capture_output=True, text=True, timeout=50)
    assert shared.returncode == 0, shared.stdout
    assert not objects.exists(kind, made)
    (trace,) = (p for p in (tmp_path / "reports" / "s").glob("*.trace") if api.read_outcome(p).exit_code == 0)
    assert "--shared" in api.read_outcome(trace).extra["request"]["options"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_earlier_run_left_to_persist_is_met_again(kind: ObjectKind) -> None:
    how = f"key: {KEY}, persist: true"
    assert run(program(text(kind, "create: it", how))).verdict is Verdict.OK
    refused(run(program(text(kind, "open: it, remove: it"))))  # another scenario, which does not say so
    outcome = run(program(text(kind, "open: it, remove: it", how)))
    assert outcome.verdict is Verdict.OK, outcome.findings


def test_who_finds_what_another_is_just_making_is_not_refused() -> None:
    """Many processes make, find and remove the same object; each find comes in some moment of a making."""
    outcome = run(
        program(f"""
queues: {{it: {{message: {{n: int}}, key: {KEY}}}}}
processes:
  maker:
    count: 2
    steps:
      - repeat: 150
        steps:
          - create: {{object: it, exclusive: true}}
            on_error: {{EEXIST: []}}
          - remove: it
            on_error: {{EINVAL: [], EIDRM: []}}
  finder:
    count: 2
    steps:
      - repeat: 150
        steps:
          - open: it
            on_error: {{ENOENT: []}}
run: {{livelock: 'off', starvation: 'off'}}
""")
    )
    assert not [f for f in outcome.findings if f.kind is Kind.EVALUATION], outcome.findings


def test_an_announced_key_is_waited_for_and_no_free_pass() -> None:
    owned = Owned(2)
    kind, key, number = ObjectKind.QUEUE, 77, 32_768 + 5

    def failing() -> Created:
        with pytest.raises(EvaluationError):
            owned.check("it", kind, number, key + 1, False)  # no wait for another key
        raise FileExistsError

    with pytest.raises(FileExistsError):
        owned.made(1, key, failing)
    with pytest.raises(EvaluationError):
        owned.check("it", kind, number, key, False)  # the announcement is over, and nothing was booked
    owned.made(1, key, lambda: Created(kind, "it", number, key))
    owned.check("it", kind, number, key, False)
    with pytest.raises(EvaluationError):
        owned.check("it", kind, number + 32_768, key, False)  # the same slot, used again
