"""Shell completion of names, files and parameters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ipcsim.cli.completion import parameter_items, scenario_items


def values(incomplete: str) -> list[str]:
    return [item.value for item in scenario_items(incomplete)]


def test_names_that_ship_and_files_near_by(folder: Path) -> None:
    assert values("dining") == ["dining-philosophers"]
    assert values("qui") == ["quick.yaml"]
    assert values("./qui") == ["./quick.yaml"]
    assert values(f"{folder}/st") == [f"{folder}/stuck.yaml"]
    (folder / "sub").mkdir()
    assert values("./su") == ["./sub/"]
    assert {"quick.yaml", "red-label"} <= set(values(""))
    assert values("/nowhere/at/all") == []
    assert values("~nobody-at-all/x") == []
    assert values("\0/") == []


def test_parameters() -> None:
    def keys(name: str | None, incomplete: str) -> list[str]:
        return [item.value for item in parameter_items(name, incomplete)]

    assert keys("dining-philosophers", "se") == ["seats="]
    assert keys("dining-philosophers", "strategy=f") == ["strategy=footman"]
    assert keys("dining-philosophers", "nothing=") == []
    assert keys("nothing", "") == keys(None, "") == []


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ipcsim", "run", "dining-ph"], "dining-philosophers"),
        (["ipcsim", "show", "red-label-c"], "red-label-comes-last"),
        (["ipcsim", "run", "dining-philosophers", "--set", "mea"], "meals="),
        (["ipcsim", "cl"], "clean"),
        (["ipcsim", "run", "x", "--sched"], "--scheduler"),
        (["ipcsim", "run", "x", "--scheduler", "p"], "pct"),
    ],
)
def test_bash(folder: Path, words: list[str], offered: str) -> None:
    script = folder / "bin/ipcsim"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m ipcsim "$@"\n')
    script.chmod(0o755)
    quoted = " ".join(f"'{w}'" for w in words)
    program = f"""
        eval "$(_IPCSIM_COMPLETE=bash_source ipcsim)"
        complete -p ipcsim >/dev/null || exit 9
        COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
        compopt() {{ :; }}
        _ipcsim_completion ipcsim
        echo "${{COMPREPLY[@]}}"
    """
    path = f"{script.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", program], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [offered]
    assert done.stderr == ""
