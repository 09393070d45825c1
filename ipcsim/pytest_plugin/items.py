"""One test: a run of a scenario, or its verification, that must give the expected verdict."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ipcsim.errors import IpcsimError

if TYPE_CHECKING:
    from ipcsim.program import Program
    from ipcsim.pytest_plugin.collect import Case
    from ipcsim.verdict import Outcome

AHEAD = 2.0  # seconds that a run ends before pytest-timeout would, which knows nothing of its processes
LEAST = 0.1  # seconds that a run gets, however late it is
COLUMNS = 100  # of the report of a failure


def shown_path(path: Path) -> str:
    """The file as one would name it in the current folder, so that what is shown can be pasted."""
    try:
        near = os.path.relpath(path)
    except ValueError:
        return str(path)
    return str(path) if near.startswith("..") else near


class NotAsExpected(Exception):
    """The verdict is another one; `remark` explains what the outcome does not."""

    def __init__(self, outcome: Outcome, remark: str = "") -> None:
        super().__init__(f"{outcome.verdict}, but {outcome.expect} was expected")
        self.outcome = outcome
        self.remark = remark


class ScenarioItem(pytest.Item):
    case: Case
    _began = 0.0

    def setup(self) -> None:
        self._began = time.monotonic()  # pytest-timeout's clock runs from about here on

    def runtest(self) -> None:
        from ipcsim import api

        target = shown_path(self.path)
        program = api.load(target, arguments=self.case.arguments)
        limit = allowed_time(self, time.monotonic() - self._began)
        if self.case.seed is None:
            outcome = self._verify(program, target, limit)
        else:
            outcome = self._run(program, target, limit)
        self._tell(outcome)
        if outcome.extra.get("interrupted"):
            raise KeyboardInterrupt
        if not outcome.as_expected:
            raise NotAsExpected(outcome, _shortened(program, limit))

    def _run(self, program: Program, target: str, limit: float | None) -> Outcome:
        from ipcsim import api

        settings = program.settings
        timeout, duration = settings.timeout, settings.duration
        if limit is not None:
            timeout = min(timeout, limit)
            duration = None if duration is None else min(duration, limit)
        request = api.Request(
            target,
            self.case.arguments,
            seed=self.case.seed,
            timeout=timeout if timeout != settings.timeout else None,
            duration=duration if duration != settings.duration else None,
            trace_dir=self.config.getoption("--ipcsim-report"),
        )
        return api.execute(program, request)

    def _verify(self, program: Program, target: str, limit: float | None) -> Outcome:
        from ipcsim import verification

        request = verification.Request(
            target,
            self.case.arguments,
            timeout=limit,
            trace_dir=self.config.getoption("--ipcsim-report"),
        )
        return verification.execute(program, request)

    def _tell(self, outcome: Outcome) -> None:
        """What JUnit XML carries."""
        first = next((f for f in outcome.findings if f.verdict is not None and f.at is not None), None)
        self.user_properties += [
            ("verdict", str(outcome.verdict)),
            ("expected", str(outcome.expect)),
            ("seed", "" if outcome.seed is None else str(outcome.seed)),
            ("at", "" if first is None else str(first.at)),
        ]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *more: Any, **options: Any) -> Any:
        """The report of the run, without a line of Python."""
        error = excinfo.value
        if isinstance(error, NotAsExpected):
            from ipcsim.report import text

            said = text.render(error.outcome, COLUMNS)
            if error.remark:
                said += f"  {error.remark}\n"
            return Failure(said, Crash(str(self.path), 1, _summary(error)))
        if isinstance(error, IpcsimError):
            return Failure(f"{error}\n", Crash(str(self.path), 1, str(error).split("\n")[0]))
        return super().repr_failure(excinfo, *more, **options)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name}: {self.name}"


@dataclass(frozen=True)
class Crash:
    """What pytest's summary line and JUnit's `message` are made of."""

    path: str
    lineno: int
    message: str


@dataclass(frozen=True)
class Failure:
    """A failure as pytest shows it."""

    said: str
    reprcrash: Crash

    def __str__(self) -> str:
        return self.said

    def toterminal(self, writer: Any) -> None:
        writer.line(self.said.rstrip("\n"))


def _summary(error: NotAsExpected) -> str:
    judging = [f for f in error.outcome.findings if f.verdict is not None]
    return f"{error}: {judging[0].message}" if judging else str(error)


def _shortened(program: Program, limit: float | None) -> str:
    own = program.settings.duration or program.settings.timeout
    if limit is None or limit >= own:
        return ""
    return f"The scenario's own time is {own:g} s; pytest-timeout left it {limit:g} s."


def allowed_time(item: pytest.Item, spent: float = 0.0) -> float | None:
    """How long a run may take so that it ends in order before pytest-timeout strikes; None: for ever.

    `spent` is what of the limit has gone already, for loading the scenario.
    """
    if not item.config.pluginmanager.hasplugin("timeout"):
        return None
    limit = _timeout(item)
    if limit is None or limit <= 0:
        return None
    left = limit - spent - min(AHEAD, limit / 2)
    return max(math.floor(left * 10) / 10, LEAST)


def _timeout(item: pytest.Item) -> float | None:
    """pytest-timeout's limit for this test, by its own order: marker, option, environment, ini."""
    marker = item.get_closest_marker("timeout")
    if marker is not None:
        said = marker.args[0] if marker.args else marker.kwargs.get("timeout")
        if said is not None:
            return _number(said)
    config = item.config
    for said in (config.getoption("timeout", None), os.environ.get("PYTEST_TIMEOUT"), _ini(config)):
        if (number := _number(said)) is not None:
            return number
    return None


def _ini(config: pytest.Config) -> Any:
    try:
        return config.getini("timeout")
    except (KeyError, ValueError):
        return None


def _number(said: Any) -> float | None:
    try:
        return float(said)
    except (TypeError, ValueError):
        return None
