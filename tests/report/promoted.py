"""Compares a text with the file that holds the expected one.

    IPCSIM_PROMOTE=1 python -m pytest tests/report

writes the files anew; review the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

EXPECTED = Path(__file__).parent / "expected"


def compare(text: str, name: str) -> None:
    path = EXPECTED / f"{name}.txt"
    if os.environ.get("IPCSIM_PROMOTE"):
        path.write_text(text)
    assert text == path.read_text(), f"not as in {path}; if it should be, run with IPCSIM_PROMOTE=1"
