"""What the benchmarks share."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ipcsim.language import load_program
from ipcsim.program import Program, Source


@dataclass(frozen=True)
class Row:
    """One line of the results: what, how much, and what the project wants it to be."""

    what: str
    measured: str
    wanted: str


def program(text: str) -> Program:
    return load_program(Source("benchmark.yaml", text))


def compiled(source: Path, folder: Path) -> Path | None:
    """The C program at `source`, compiled; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    binary = folder / source.stem
    subprocess.run([compiler, "-O2", "-o", str(binary), str(source)], check=True, timeout=60)
    return binary
