"""Commands run in a folder of their own, with nothing of the caller's terminal around them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.zygote import Zygote

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]

QUICK = """
scenario: quick
semaphores: {locks: {a: 1}}
processes:
  w: {count: 2, steps: [P: a, V: a]}
"""
STUCK = """
scenario: stuck
semaphores: {locks: {a: 0}}
processes:
  w: {steps: [P: a]}
expect: deadlock
"""
ENDLESS = """
scenario: endless
semaphores: {locks: {a: 0}}
processes:
  w: {count: 2, steps: [forever: [phase: working, pause: 5ms..5ms]]}
run: {livelock: 'off', starvation: 'off', timeout: 30s}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three small scenarios."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "IPCSIM_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", os.fspath(ROOT))
    for name, text in (("quick", QUICK), ("stuck", STUCK), ("endless", ENDLESS)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture
def ipcsim(zygote: Zygote) -> Run:
    """Runs `python -m ipcsim` with these arguments; streams as text unless told otherwise, and then by a
    process that has done its imports already."""

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        defaults: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 50}
        if options.keys() <= {"timeout"}:
            return zygote.run(arguments, **{"timeout": 50} | options)
        return subprocess.run([sys.executable, "-m", "ipcsim", *arguments], **defaults | options)

    return run
