"""`python -m benchmarks`: print every ratio; `--write` also puts them into benchmarks/RESULTS.md.

RESULTS.md is written as a whole: the ratios, the sums of the long runs of this version of the code
(`python -m benchmarks.long --show`), and what is not reached, which is kept by hand in NOT_REACHED.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import graph, long, many, pair, sums, verify, watching
from benchmarks.common import Row

PARTS: dict[str, Callable[[], list[Row]]] = {
    "pair": pair.rows,
    "many": many.rows,
    "watching": watching.rows,
    "graph": graph.rows,
    "verify": verify.rows,
}


def machine() -> str:
    """What the figures were measured on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{os.cpu_count()} × {model}, Linux {platform.release().split('-')[0]}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def table(rows: list[Row]) -> str:
    lines = ["| what | measured | wanted |", "|---|---|---|"]
    return "\n".join(lines + [f"| {r.what.replace('  ', '↳ ')} | {r.measured} | {r.wanted} |" for r in rows])


def part(name: str) -> list[Row]:
    """The rows of one part. One that breaks off says so in a row of its own, and the others are measured."""
    try:
        return PARTS[name]()
    except Exception as error:
        return [Row(f"{name}: broke off", f"{type(error).__name__}: {error}", "a measurement")]


def results(rows: list[Row]) -> str:
    """The whole of RESULTS.md."""
    return (
        "# Benchmark results\n\n"
        f"`python -m benchmarks --write` on {machine()}, {time.strftime('%Y-%m-%d')}. Ratios are "
        "measured side by side in one run; absolute figures are of this machine only.\n\n"
        f"{table(rows)}\n\n"
        "## Long runs\n\n"
        "`python -m benchmarks.long KIND`, over all calls, by version of the code.\n\n"
        + "".join(f"{line}\n" for line in long_runs())
        + f"\n## What is not reached\n\n{Path(__file__).with_name('NOT_REACHED.md').read_text()}"
    )


def long_runs() -> Iterator[str]:
    """The sums of each kind, and every disagreement, as a list in Markdown; those of other versions below."""
    for kind in long.KINDS:
        state = sums.State(sums.FOLDER / f"{kind}.json", kind)
        for sort, found in [("", state.present), *(("another version: ", s) for s in state.others)]:
            yield f"{'  ' if sort else ''}- {sort}{sums.summary(kind, found)}"
            yield from (f"  - seed {f.seed}: {f.words[:200]}" for f in found.failures)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which (all)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in arguments.parts or PARTS:
        for row in part(name):
            print(f"{row.what:<55} {row.measured:>32}   {row.wanted}", flush=True)
            rows.append(row)
    if arguments.write:
        Path(__file__).with_name("RESULTS.md").write_text(results(rows))


if __name__ == "__main__":
    main()
