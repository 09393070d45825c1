"""Wrong texts beside what is said of them: bad/NAME.yaml and bad/NAME.txt.

After a change of wording: IPCSIM_ACCEPT=1 pytest tests/language/test_bad.py, and read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ipcsim.errors import ScenarioError
from ipcsim.language import load_program
from ipcsim.program import Source

FOLDER = Path(__file__).parent / "bad"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_bad(path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_program(Source(f"bad/{path.name}", path.read_text()))
    said = _without_pythons_words(f"{caught.value}\n")
    expected = path.with_suffix(".txt")
    if os.environ.get("IPCSIM_ACCEPT"):
        expected.write_text(said)
    assert said == expected.read_text()


def _without_pythons_words(said: str) -> str:
    """Why Python cannot parse an expression is passed on, in words that change with its version."""
    return re.sub(r"(is not an expression) \(.*\)$", r"\1", said, flags=re.MULTILINE)


def test_what_design_promises() -> None:
    """The example of an error in the design, to the letter."""
    with pytest.raises(ScenarioError) as caught:
        load_program(Source("bad.yaml", "processes:\n  p:\n    cuont: 5\n    steps: []\n"))
    assert str(caught.value) == (
        "bad.yaml:3:5: error: unknown key `cuont`\n"
        "    3 |     cuont: 5\n"
        "      |     ^^^^^ did you mean `count`?"
    )
