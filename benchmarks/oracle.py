"""Holds `ipcsim verify` against brute force that shares nothing with it, on random scenarios.

    python -m benchmarks.oracle --seed 0 --count 1000
    python -m benchmarks.oracle --count 20000 --results oracle.json     # goes on where it was interrupted

Each seed is one scenario, judged under both orders of service, with and without reduction (see
`tests.oracle`). A disagreement is printed with its seed and the scenario; `--shrink` drops from that what
is not needed. Without `--seed` the seeds after the last one in the results are tried, `--count` in all.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ipcsim.language import load_program
from ipcsim.program import Source
from tests.oracle.compare import MOST_STATES, Result, compare, disagreements
from tests.oracle.generator import FEATURES
from tests.oracle.shrink import shrink

__all__ = ["Result", "compare", "smaller"]

SAVED_EVERY = 20.0  # seconds


class Tally:
    """What came of the seeds so far; adds up over several calls in a JSON file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        kept: dict[str, Any] = json.loads(path.read_text()) if path is not None and path.exists() else {}
        self.tried: int = kept.get("tried", 0)
        self.next_seed: int = kept.get("next_seed", 0)
        self.how: dict[str, int] = kept.get("how", {})
        self.verdicts: dict[str, int] = kept.get("verdicts", {})
        self.features: dict[str, int] = kept.get("features", {})
        self.states: int = kept.get("states", 0)
        self.seconds: float = kept.get("seconds", 0.0)
        self.disagreements: dict[str, list[str]] = kept.get("disagreements", {})

    def add(self, result: Result, seconds: float) -> None:
        self.tried += 1
        self.next_seed = max(self.next_seed, result.seed + 1)
        self.seconds += seconds
        self.states += result.states
        _count(self.how, [result.how])
        if result.how in ("agree", "disagree"):
            _count(self.verdicts, [result.verdict])
            _count(self.features, result.features)
        if result.wrong:
            self.disagreements[str(result.seed)] = [*result.features, *result.wrong]

    def save(self) -> None:
        """Whole or not at all: an interrupted save leaves the old results."""
        if self._path is None:
            return
        kept = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        beside = self._path.with_suffix(".tmp")
        beside.write_text(json.dumps(kept, indent=1) + "\n")
        beside.replace(self._path)

    @property
    def compared(self) -> int:
        return self.how.get("agree", 0) + self.how.get("disagree", 0)

    def __str__(self) -> str:
        others = ", ".join(
            f"{n:,} {how}" for how, n in sorted(self.how.items()) if how not in ("agree", "disagree")
        )
        verdicts = ", ".join(f"{n:,} {v}" for v, n in sorted(self.verdicts.items(), key=lambda i: -i[1]))
        return (
            f"{self.compared:,} scenarios compared, {len(self.disagreements):,} disagreements "
            f"({others or 'none left out'})\n{verdicts}\n"
            f"{self.states:,} states by brute force, {self.seconds:,.0f} s"
        )


def _count(counts: dict[str, int], words: Iterable[str]) -> None:
    for word in words:
        counts[word] = counts.get(word, 0) + 1


def smaller(result: Result, most: int) -> str:
    """The scenario of a disagreement with everything dropped that it does not need: the same lines stay."""
    wanted = set(result.wrong)

    def stays(text: str) -> bool:
        program = load_program(Source("smaller.yaml", text))
        return wanted <= set(disagreements(text, program, result.fairness, result.crashes, most))

    return shrink(result.text, stays)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.oracle", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="the first seed")
    parser.add_argument("--count", type=int, default=1000, help="how many seeds (with --results: in all)")
    parser.add_argument("--seconds", type=float, help="stop after this time")
    parser.add_argument("--results", type=Path, help="add up in this JSON file, and go on from it")
    parser.add_argument("--with", dest="sure", default="", help="features that each scenario has")
    parser.add_argument("--only", help=f"features that scenarios may have, of {' '.join(FEATURES)}")
    parser.add_argument("--without", help="features that they may not have")
    parser.add_argument("--most", type=int, default=MOST_STATES, help="states that brute force looks at")
    parser.add_argument("--shrink", action="store_true", help="make each disagreement smaller")
    a = parser.parse_args()
    allowed = frozenset(_features(parser, a.only) if a.only else FEATURES)
    allowed -= frozenset(_features(parser, a.without) if a.without else ())
    tally = Tally(a.results)
    first = tally.next_seed if a.seed is None else a.seed
    left = a.count - tally.tried if a.results is not None and a.seed is None else a.count
    sure = frozenset(_features(parser, a.sure))
    seeds = range(first, first + max(0, left))
    _try(seeds, lambda s: compare(s, allowed, sure, a.most), tally, a.seconds, a.shrink)
    print(tally)
    return 1 if tally.disagreements else 0


def _features(parser: argparse.ArgumentParser, text: str) -> list[str]:
    words = text.replace(",", " ").split()
    if unknown := sorted(set(words) - set(FEATURES)):
        parser.error(f"no feature is called {unknown[0]!r}; there are {' '.join(FEATURES)}")
    return words


def _try(
    seeds: Iterable[int],
    one: Callable[[int], Result],
    tally: Tally,
    seconds: float | None,
    small: bool,
) -> None:
    started = saved = time.monotonic()
    try:
        for seed in seeds:
            began = time.monotonic()
            if seconds is not None and began - started > seconds:
                return
            result = one(seed)
            tally.add(result, time.monotonic() - began)
            if result.how == "disagree":
                if small:
                    result.text = smaller(result, MOST_STATES)
                print(result, flush=True)
            if time.monotonic() - saved > SAVED_EVERY:
                tally.save()
                saved = time.monotonic()
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
    finally:
        tally.save()


if __name__ == "__main__":
    sys.exit(main())
