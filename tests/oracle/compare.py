"""One random scenario: what brute force says of it against what `ipcsim verify` says.

The verdict has to be the same, and so has the set of kinds of findings (error, deadlock, race, violation,
livelock, starvation, leak). Where `verify` cuts a list of findings short it may lack some; where a property
has no value somewhere, that it is broken elsewhere need not be told. Of both it has to be so that `weak` has
every kind of finding that `kernel` has, and N crashes every one of N - 1.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

import ipcsim
from ipcsim.errors import ScenarioError
from ipcsim.language import load_program
from ipcsim.program import Program, Source
from ipcsim.verdict import Outcome
from tests.oracle.chance import FEATURES
from tests.oracle.explore import TooMany, explore
from tests.oracle.generator import Generator
from tests.oracle.judge import GRAVE, Judgement, judge
from tests.oracle.machine import Discipline, Machine
from tests.oracle.scenario import read

DISCIPLINES: tuple[Discipline, ...] = ("weak", "kernel")
REDUCTIONS = ("none", "all", "stubborn", "symmetry")
TOLD = 20  # so many different things are told by `verify`; where there are more, kinds may be missing
MOST_STATES = 6_000


@dataclass(frozen=True)
class Asked:
    """How a scenario is to be judged."""

    discipline: Discipline = "weak"
    fairness: str = "strong"
    crashes: int = 0
    reduction: str = "none"


@dataclass
class Result:
    """What came of one seed: `agree`, `disagree`, `refused` (by the language) or `too many` states."""

    seed: int
    how: str
    text: str = ""
    features: tuple[str, ...] = ()
    verdict: str = ""  # by brute force, under `weak`
    states: int = 0
    fairness: str = "strong"
    crashes: int = 0
    wrong: list[str] = field(default_factory=list)  # one line a disagreement

    @property
    def compared(self) -> bool:
        return self.how in ("agree", "disagree")

    @property
    def counts(self) -> dict[str, int]:
        """What this scenario adds to sums over many."""
        if not self.compared:
            return {self.how: 1}
        return {
            "scenarios": 1,
            "disagreements": len(self.disagreements),
            "states": self.states,
            f"verdict {self.verdict}": 1,
        }

    @property
    def disagreements(self) -> tuple[str, ...]:
        """One text, with the scenario, where there is any."""
        return (str(self),) if self.wrong else ()

    def __str__(self) -> str:
        lines = "\n".join(f"  {line}" for line in self.wrong)
        features = " ".join(self.features)
        return f"seed {self.seed} ({features}): {self.how}\n{lines}\n{self.text}"


def compare(
    seed: int,
    allowed: frozenset[str] = frozenset(FEATURES),
    sure: frozenset[str] = frozenset(),
    most: int = MOST_STATES,
) -> Result:
    """Make the scenario of a seed and hold `verify` against brute force, under both disciplines and with and
    without reduction. `allowed` and `sure`: the features that the scenario may have, and has to."""
    generator = Generator(random.Random(seed), allowed, sure)
    text = generator.text()
    crashes = generator.crashes
    fairness = random.Random(seed).choice(("strong", "strong", "strong", "weak", "none"))
    features = tuple(sorted(generator.features))
    found = Result(seed, "agree", text, features, fairness=fairness, crashes=crashes)
    try:
        program = load_program(Source(f"seed-{seed}.yaml", text))
    except ScenarioError:
        found.how = "refused"
        return found
    try:
        for line in disagreements(text, program, fairness, crashes, most, found):
            found.wrong.append(line)
            found.how = "disagree"
    except TooMany:
        found.how = "too many"
    return found


def disagreements(
    text: str, program: Program, fairness: str, crashes: int, most: int, note: Result | None = None
) -> Iterator[str]:
    """Everything in which `verify` and brute force differ, or in which one of them contradicts itself."""
    it = read(yaml.safe_load(text))
    right: dict[tuple[Discipline, int], Judgement] = {}
    told: dict[tuple[Discipline, int], frozenset[str]] = {}
    budgets = (crashes - 1, crashes) if crashes else (0,)
    for discipline in DISCIPLINES:
        for budget in budgets:
            right[discipline, budget] = judge(
                explore(Machine(it, discipline, budget, ordered=True), most), fairness
            )
    if note is not None:
        note.verdict, note.states = right["weak", crashes].verdict, right["weak", crashes].states
    for (discipline, budget), judgement in right.items():
        for reduction in REDUCTIONS if budget == crashes else ("all",):
            asked = Asked(discipline, fairness, budget, reduction)
            try:
                outcome = verified(program, asked)
            except Exception as problem:  # whatever it is, it is a defect of verify
                told[discipline, budget] = frozenset()
                yield f"{asked}: verify raises {type(problem).__name__}: {problem}"
                continue
            kinds = frozenset(str(f.verdict) for f in outcome.findings if f.verdict is not None)
            told[discipline, budget] = kinds - judgement.perhaps
            if (line := differs(judgement, outcome, kinds)) is not None:
                yield f"{asked}: {line}"
    for name, findings in (("brute force", {k: j.kinds for k, j in right.items()}), ("verify", told)):
        for budget in budgets:
            if lost := missing(findings["kernel", budget], findings["weak", budget]):
                yield f"{name}: {lost} under kernel and not under weak, {budget} crashes"
        for discipline in DISCIPLINES if crashes else ():
            if lost := missing(findings[discipline, crashes - 1], findings[discipline, crashes]):
                yield f"{name}: {lost} with {crashes - 1} crashes and not with {crashes}, {discipline}"


def verified(program: Program, asked: Asked) -> Outcome:
    """Without limits: brute force has been through all of it by now. KeyboardInterrupt where a signal ended
    it, so that it says nothing."""
    outcome = ipcsim.verify(
        program,
        semaphores=asked.discipline,
        fairness=asked.fairness,
        crashes=asked.crashes,
        reduction=asked.reduction,
        everything=True,
    )
    if outcome.extra["interrupted"]:
        raise KeyboardInterrupt
    return outcome


def differs(right: Judgement, outcome: Outcome, kinds: frozenset[str]) -> str | None:
    """How an outcome differs from what brute force says; None where it does not."""
    if not outcome.complete:
        return f"inconclusive: {outcome.findings[-1].message if outcome.findings else outcome.verdict}"
    if str(outcome.verdict) not in right.verdicts:
        said = f"verify says {outcome.verdict} {sorted(kinds)}"
        return f"{said}, brute force {right.verdict} {sorted(right.kinds)}"
    cut = len(outcome.findings) >= TOLD or "not counted" in outcome.extra["reduction"]
    if (cut and kinds < right.kinds) or right.kinds <= kinds <= right.kinds | right.perhaps:
        return None
    return f"verify finds {sorted(kinds)}, brute force {sorted(right.kinds)}"


def missing(fewer: frozenset[str], more: frozenset[str]) -> list[str]:
    """Kinds that the one search found and the other, which has more executions, did not."""
    lost = fewer - more
    # what goes on for ever is not looked for where something graver was found
    return sorted(lost - {"livelock", "starvation"} if more & GRAVE else lost)
