"""From a file to its tests: one a variant and seed, and one of the verification where that is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ipcsim.files import open_plain

if TYPE_CHECKING:
    from ipcsim.language import Description
    from ipcsim.pytest_plugin.items import ScenarioItem

LARGEST = 1 << 20  # bytes: as large as a scenario may be
FIRST_SEED = 1  # where nothing else is said: a test is the same each time
LONGEST = 120  # characters of a test's name
# the keys at the left margin by which a scenario is known from any other YAML file, unread
_OURS = re.compile(rb"^[\"']?(?:problem|scenario|processes)[\"']?[ \t]*:", re.MULTILINE)
_ASKS = re.compile(rb"^[\"']?test[\"']?[ \t]*:", re.MULTILINE)


def scenario_file(path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """The file where it is a scenario that is to be tested: it says so itself, it was named on the
    command line, or `ipcsim_scenarios = all` says so for it."""
    everything = parent.config.getini("ipcsim_scenarios") == "all"
    try:
        with open_plain(path) as file:
            raw = file.read(LARGEST + 1)
    except OSError:
        return None
    if not _OURS.search(raw):
        return None
    if not (_ASKS.search(raw) or everything or parent.session.isinitpath(path)):
        return None
    made: ScenarioFile = ScenarioFile.from_parent(parent, path=path)
    made.asks = _ASKS.search(raw) is not None
    return made


@dataclass(frozen=True, slots=True)
class Case:
    """What one test runs: these arguments with this seed; without a seed it verifies."""

    arguments: Mapping[str, int | str | bool]
    seed: int | None

    @property
    def name(self) -> str:
        from ipcsim.report import words

        said = [f"{name}={words.value(v)}" for name, v in self.arguments.items()]
        said.append("verify" if self.seed is None else f"seed={self.seed}")
        text = ",".join(words.visible(s) for s in said)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


class ScenarioFile(pytest.File):
    """A scenario or problem with its tests."""

    asks = True

    def collect(self) -> Iterable[ScenarioItem]:
        from ipcsim import catalogue
        from ipcsim.errors import IpcsimError
        from ipcsim.pytest_plugin.items import ScenarioItem, shown_path

        try:
            described = catalogue.describe(shown_path(self.path))
        except IpcsimError as error:
            raise self.CollectError(str(error)) from None
        if described.test is None and self.asks:
            return  # `test: false`
        for case in cases(described):
            item: ScenarioItem = ScenarioItem.from_parent(self, name=case.name)
            item.case = case
            yield item


def cases(described: Description) -> Iterator[Case]:
    """The tests of a scenario; of a problem those of each variant that it lists."""
    from ipcsim.language.description import TestSettings

    test = described.test or TestSettings()
    variants: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = [({}, described.settings)]
    if described.is_problem and described.variants:
        variants = [(v.arguments, {**described.settings, **v.settings}) for v in described.variants]
    for arguments, settings in variants:
        if isinstance(test.seeds, tuple):
            seeds: Iterable[int] = test.seeds
        else:
            first = settings.get("seed")
            first = FIRST_SEED if first is None else first
            seeds = range(first, first + test.seeds)
        for seed in seeds:
            yield Case(arguments, seed)
        if test.verify:
            yield Case(arguments, None)
