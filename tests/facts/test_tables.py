"""The tables of names and numbers: this system's own, and whole."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

import pytest

from ipcsim.facts import errnos, limits, ordering, signals, stats
from ipcsim.sysv import keys, queues, segments, semaphores


def test_the_errnos_are_those_of_this_system() -> None:
    assert {number: errno.errorcode[number] for number in errnos.NAMES} == errnos.NAMES


def test_a_number_that_is_none_is_shown_as_it_is() -> None:
    assert errnos.name(4711) == "errno 4711"
    assert signals.name(64) == "signal 64"


def test_the_signals_are_those_of_this_system() -> None:
    assert {number: signal.Signals(number).name for number in signals.NAMES} == signals.NAMES


def test_the_limits_of_the_language_are_those_of_the_kernel() -> None:
    text = (Path(__file__).parents[2] / "docs" / "language.md").read_text()
    assert (
        f"{limits.SEMMSL:,} semaphores, values 0 to {limits.SEMVMX}; {limits.SEMOPM} operations in one semop"
        in text
    )
    assert f"a semaphore would get above {limits.SEMVMX}" in text


def test_every_errno_that_orders_is_explained() -> None:
    """A result that the table of happens-before knows is one that a reader of a finding understands."""
    failures = {(call, result) for call, result in ordering.ORDERS if result != ordering.SUCCESS}
    unexplained = {(call, errno) for call, errno in failures if not errnos.meaning(call, errno)}
    assert unexplained == {("receive", "EAGAIN")}  # of a receive it is the time that is over
    assert errnos.meaning("receive", "EAGAIN", timed=True)


@pytest.mark.parametrize(
    ("kind", "module", "make"),
    [
        ("semaphores", semaphores, lambda: semaphores.create(keys.IPC_PRIVATE, 2, 0o640)),
        ("queue", queues, lambda: queues.create(keys.IPC_PRIVATE, 0o640)),
        ("segment", segments, lambda: segments.create(keys.IPC_PRIVATE, 8, 0o640)),
    ],
)
def test_ipc_stat_gives_these_fields(kind, module, make) -> None:
    made = make()
    try:
        assert {"id", *module.stat(made)} == set(stats.of(kind))
    finally:
        module.remove(made)


def test_pids_and_times_are_fields() -> None:
    fields = {field for kind in stats.FIELDS for field in stats.of(kind)}
    assert fields >= stats.PIDS | stats.TIMES
    assert {f for f in fields if f.endswith("time")} == stats.TIMES
    assert {f for f in fields if f.endswith("pid")} == stats.PIDS
