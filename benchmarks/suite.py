"""The whole test suite on a busy machine, again and again: `python -m benchmarks.long suite`.

A test that fails in one of ten such runs is flaky, and flaky is broken. Meanwhile one process a core does
nothing but compute, so that each run takes about twice its time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.soak import busy
from benchmarks.sums import ROOT, Failure, Unit

WORKERS = "4"  # pytest-xdist processes: many tests wait


@contextmanager
def started() -> Iterator[Callable[[int], Unit]]:
    """The unit: one run of all tests."""
    with busy():
        yield unit


def unit(seed: int) -> Unit:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "junit.xml")
        run("-n", WORKERS, "-q", "-p", "no:cacheprovider", f"--junitxml={report}")
        return counted(seed, report)


def run(*options: str) -> None:
    """pytest in a session of its own, which ends with this call, whatever ends that."""
    command = [sys.executable, "-m", "pytest", *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        try:
            process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def counted(seed: int, report: Path) -> Unit:
    """What the report of one run adds. A run without a report broke off."""
    if not report.exists():
        return Unit({"runs that broke off": 1}, (Failure(seed, "pytest left no report"),))
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    wrong = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    counts = {"runs": 1, "tests": len(cases), "failures": len(wrong)}
    names = (f"{c.get('classname')}::{c.get('name')}" for c in wrong)
    return Unit(counts, tuple(Failure(seed, name) for name in names))
