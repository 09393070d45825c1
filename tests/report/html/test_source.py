"""The source beside the banner: what is a key, and what only looks like one."""

from __future__ import annotations

from ipcsim.report.html.source import _block_lines


def test_a_block_of_prose_has_no_keys() -> None:
    lines = ["description: |", "  all the work: done", "", "  more: of it", "parameters:", "  n: 1"]
    assert _block_lines(lines) == {2, 3, 4}
