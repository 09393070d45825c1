"""What random scenarios are made with: chance, features, and the steps that everything else uses."""

from __future__ import annotations

import random
from typing import Any

import yaml

FEATURES = (
    "nowait",  # calls that do not wait
    "timeout",
    "arrays",  # semops of several operations
    "zero",  # waits for zero
    "queues",
    "segments",  # and so races
    "told",  # accesses behind calls that fail, which may tell of another's access without ordering it
    "set_value",
    "counts",  # GETNCNT, GETZCNT
    "undo",
    "crash",  # `crash:`
    "kill",  # SIGKILL
    "signals",  # SIGUSR1, SIGSTOP, SIGCONT
    "spawn",
    "lives",  # objects that processes create, open and remove
    "rounds",  # nothing but counted loops around units, and something behind them
    "valueless",  # expressions and properties that may have no value
    "errnos",  # calls whose errno nothing handles
    "budget",  # anybody may die
    "restless",  # everybody goes round for ever
    "forever",
)

Steps = list[Any]
Doc = dict[str, Any]


class _Plain(yaml.SafeDumper):
    """Without anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(doc: Doc) -> str:
    """A document as the file that a user would write."""
    return yaml.dump(doc, Dumper=_Plain, sort_keys=False, default_flow_style=None, width=100)


class Chance:
    """A source of chance with some of the `allowed` features and all of `sure`; and what the scenario that is
    being made has so far."""

    _sets: list[list[str]]  # names of semaphores, by set
    _made: list[str]  # the object that processes create
    _families: list[tuple[str, int | None]]  # (name, count)
    _me: bool  # whether the present family may ask for `me`
    _progress: bool  # whether phase A is progress
    _entered: list[str]  # the phases that some step enters

    def __init__(
        self,
        chance: random.Random,
        allowed: frozenset[str] = frozenset(FEATURES),
        sure: frozenset[str] = frozenset(),
    ) -> None:
        self._chance = chance
        some = chance.choice((0.12, 0.25, 0.4))
        self.features = frozenset(f for f in FEATURES if chance.random() < some) & allowed | sure
        self.tidy = chance.random() < 0.55  # who takes gives back, and nobody waits for what may not come

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _one(self, *among: Any) -> Any:
        return self._chance.choice(among)

    def _has(self, feature: str, probability: float = 1.0) -> bool:
        return feature in self.features and self._maybe(probability)

    def _kill(self, name: str) -> Doc:
        step: Doc = {"signal": {"to": self._somebody(), "name": name}}
        return step if self._has("errnos", 0.3) else {**step, "on_error": {"ESRCH": self._little()}}

    def _little(self) -> Steps:
        """Steps for `on_error`."""
        give = {"V": self._one(*self._sets[0])}
        steps: Steps = self._one([], [], [self._phase()], [{"exit": 1}], [give])
        return steps

    def _somebody(self) -> str:
        family, count = self._one(*self._families)
        return family if count is None else f"{family}[{self._chance.randrange(count)}]"

    def _phase(self) -> Doc:
        name = self._one("A", "A", "B")
        return {"phase": name, "progress": True} if self._progress and name == "A" else {"phase": name}

    def _interruptible(self, step: Doc) -> Doc:
        """A call that sleeps, ready for what signals do to it."""
        if {"signals"} & self.features and (self.tidy or self._maybe(0.8)):
            step.setdefault("on_error", {})["EINTR"] = self._little()
        return step

    def _patience(self, step: Doc, errno: str) -> Doc:
        if "V" in step:
            return {**step, "undo": True} if self._has("undo", 0.3) else step
        if self._has("nowait", 0.5):
            step["nowait"] = True
        elif self._has("timeout", 0.5):
            step["timeout"], errno = "5ms", "EAGAIN"
        elif "P" in step and self._has("undo", 0.4):
            step["undo"] = True
        if ("nowait" in step or "timeout" in step) and not self._has("errnos", 0.2):
            step.setdefault("on_error", {})[errno] = self._little()
        return self._interruptible(step)
