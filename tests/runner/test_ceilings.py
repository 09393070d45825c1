"""Limits of the kernel that a process of the scenario runs into: exit code 4, with the sysctl that helps.

What a scenario handles, or expects, is its own affair and goes on as before.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ipcsim.errors import EnvironmentProblem
from ipcsim.runner import ceilings
from ipcsim.verdict import Verdict
from tests.runner.helpers import program, run_text

OPERATIONS = ", ".join(f'"a[{i}]": -1' for i in range(40))
SEMOP = f"""
semaphores: {{s: {{a: {{count: 40, value: 1}}}}}}
processes:
  w: {{steps: [{{semop: {{{OPERATIONS}}}HANDLER}}]}}
"""
SEND = """
queues: {q: {message: {t: 'char[3000]'}, bytes: 4096}}
processes:
  w: {steps: [{send: {queue: q, type: 1}HANDLER}]}
"""
CREATE_SET = """
semaphores: {s: {a: {count: 40}, key: 0x7101}}
processes:
  w: {steps: [{create: sHANDLER}, remove: s]}
"""
CREATE_QUEUE = CREATE_SET.replace(
    "semaphores: {s: {a: {count: 40}, key", "queues: {s: {message: {v: int}, key"
)
CREATE_SEGMENT = CREATE_SET.replace(
    "semaphores: {s: {a: {count: 40}, key", "segments: {s: {x: 'int[2000]', key"
)

# scenario, the errno, the sysctl and what it is lowered to, and what is advised
LATE = {
    "SEMOPM": (SEMOP, "E2BIG", ("sem", "32000 64000 30 32000"), 'kernel.sem="32000 64000 40 32000"'),
    "msgmax": (SEND, "EINVAL", ("msgmax", "1024"), "kernel.msgmax=3000"),
    "SEMMSL": (CREATE_SET, "EINVAL", ("sem", "32 64000 500 9"), 'kernel.sem="40 64000 500 9"'),
    "SEMMNS": (CREATE_SET, "ENOSPC", ("sem", "32000 9 500 9"), "SEMMNS"),
    "SEMMNI": (CREATE_SET, "ENOSPC", ("sem", "32000 64000 500 0"), "SEMMNI"),
    "msgmni": (CREATE_QUEUE, "ENOSPC", ("msgmni", "0"), "kernel.msgmni is 0"),
    "shmmax": (CREATE_SEGMENT, "EINVAL", ("shmmax", "4096"), "kernel.shmmax=8000"),
    "shmmni": (CREATE_SEGMENT, "ENOSPC", ("shmmni", "0"), "kernel.shmmni, 0"),
    "shmall": (CREATE_SEGMENT, "ENOSPC", ("shmall", "1"), "kernel.shmall, 1"),
}


@contextmanager
def lowered(name: str, value: str) -> Iterator[None]:
    path = Path("/proc/sys/kernel", name)
    before = path.read_text()
    path.write_text(value)
    try:
        yield
    finally:
        path.write_text(before)


@pytest.fixture
def lower(request: pytest.FixtureRequest, private_namespace: bool) -> Iterator[None]:
    if not private_namespace:
        pytest.skip("needs a private IPC namespace (root)")
    with ExitStack() as ends:
        ends.enter_context(lowered(*request.param))
        yield


@pytest.mark.parametrize(("text", "number", "lower", "advice"), LATE.values(), ids=LATE, indirect=["lower"])
@pytest.mark.usefixtures("lower")
def test_a_limit_that_a_process_meets(text: str, number: str, advice: str) -> None:
    outcome = run_text(text.replace("HANDLER", ""))
    assert outcome.verdict is Verdict.ERROR
    assert outcome.exit_code == 4
    assert advice in outcome.extra["limit"]
    assert outcome.findings[0].message.endswith(outcome.extra["limit"])

    handled = f", on_error: {{{number}: [exit: 0]}}"
    outcome = run_text(text.replace("HANDLER", handled))
    assert outcome.verdict is Verdict.OK
    assert "limit" not in outcome.extra

    outcome = run_text(f"{text.replace('HANDLER', '')}expect: error\n")
    assert outcome.as_expected
    assert outcome.exit_code == 0


@pytest.mark.parametrize(
    ("lower", "text", "advice"),
    [
        (("sem", "32 64000 500 9"), CREATE_SET, 'kernel.sem="40 64000 500 9"'),
        (("shmmax", "4096"), CREATE_SEGMENT, "kernel.shmmax=8000"),
    ],
    indirect=["lower"],
)
@pytest.mark.usefixtures("lower")
def test_a_limit_that_the_run_meets(text: str, advice: str) -> None:
    """Objects that are there from the start."""
    declared = text[: text.index("processes")]
    with pytest.raises(EnvironmentProblem) as caught:
        run_text(f"{declared}processes: {{w: {{steps: [exit: 0]}}}}\n")
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (SEMOP, errno.E2BIG),  # fewer operations than SEMOPM
        (SEND, errno.EINVAL),  # as long as a message may be
        (SEND.replace("type: 1", "type: 1, length: me"), errno.EINVAL),
        (CREATE_SET, errno.EINVAL),
        (CREATE_SET, errno.EEXIST),
        (CREATE_QUEUE, errno.EPERM),
        (CREATE_SEGMENT, errno.EINVAL),
    ],
)
def test_what_may_be_something_else_is_not_blamed(text: str, number: int) -> None:
    found = program(text.replace("HANDLER", ""))
    assert ceilings.behind(found, found.instruction(0, 0), number, ()) == ""


def test_memory_and_processes() -> None:
    found = program("processes:\n  w: {steps: [spawn: c]}\n  c: {spawned: true, steps: [exit: 0]}\n")
    spawn = found.instruction(0, 0)
    assert "ulimit -u" in ceilings.behind(found, spawn, errno.EAGAIN, [1])
    assert ceilings.behind(found, spawn, errno.EAGAIN, []) == ""
    assert "ulimit -v" in ceilings.behind(found, spawn, errno.ENOMEM, [])
