"""Scenario files as tests of pytest: `pytest scenarios/`.

A file that says `test: true` is one test a variant and seed, and passes where the verdict is the expected
one. This module is loaded in every session of whoever has ipcsim installed, so it imports nothing: what
it needs (`collect`, `items`) comes with the first file that may be a scenario.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SUFFIXES = (".yaml", ".yml")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "ipcsim_scenarios",
        "which scenario files of ipcsim are tests: `marked` (those with a key `test:`) or `all`",
        default="marked",
    )
    parser.getgroup("ipcsim", "scenarios of System V IPC").addoption(
        "--ipcsim-report", metavar="DIR", help="keep the traces of the scenarios that are run here"
    )


def pytest_configure(config: pytest.Config) -> None:
    which = config.getini("ipcsim_scenarios")
    if which not in ("marked", "all"):
        import pytest

        raise pytest.UsageError(f"ipcsim_scenarios is `marked` or `all`, not `{which}`")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in SUFFIXES:
        return None
    from ipcsim.pytest_plugin.collect import scenario_file

    return scenario_file(file_path, parent)
