"""`python -m benchmarks`: print every ratio; `--write` also puts them into benchmarks/RESULTS.md."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import graph, many, pair, verify, watching
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which (all)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in arguments.parts or PARTS:
        for row in PARTS[name]():
            print(f"{row.what:<55} {row.measured:>32}   {row.wanted}", flush=True)
            rows.append(row)
    if arguments.write:
        text = (
            "# Benchmark results\n\n"
            f"`python -m benchmarks --write` on {machine()}, {time.strftime('%Y-%m-%d')}. Ratios are "
            "measured side by side in one run; absolute figures are of this machine only.\n\n"
        )
        Path(__file__).with_name("RESULTS.md").write_text(text + table(rows) + "\n")


if __name__ == "__main__":
    main()
