"""The outcome that a trace holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipcsim import api
from ipcsim.errors import TraceError
from ipcsim.report import json, text
from ipcsim.trace import RECORD, EventKind, TraceWriter, head
from ipcsim.verdict import Verdict
from tests.analysis import programs as make
from tests.report import outcomes


def write(path: Path, ending: bool = True) -> Path:
    writer = TraceWriter(path, make.philosophers(2), seed=7, scheduler="random")
    records = [RECORD.pack(n * 10**9, head(EventKind.STEP, 0), 0, 0) for n in range(4)]
    writer.records(0, b"".join(records))
    if ending:
        writer.outcome(outcomes.deadlock().as_json())
    writer.close()
    return path


def test_the_same_report_as_after_the_run(tmp_path: Path) -> None:
    found = api.read_outcome(write(tmp_path / "x.trace"))
    assert found.verdict is Verdict.DEADLOCK
    assert found.findings == (outcomes.circle(),)
    assert found.extra["trace"] == str(tmp_path / "x.trace")
    shown = text.render(found, 100)
    assert shown.startswith("report of dining-philosophers   seats=5")
    assert "see it" not in shown
    assert "again (may differ):" in shown
    assert json.render(found)["command"] == "report"


def test_a_run_that_was_cut_off_has_no_verdict(tmp_path: Path) -> None:
    found = api.read_outcome(write(tmp_path / "x.trace", ending=False))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert not found.complete
    assert found.duration_s == 3
    assert found.extra["events"] == 4
    assert "the run was cut off" in text.render(found)


@pytest.mark.parametrize("raw", [b"", b"hello\n", b"{}\n", b'{"ipcsim-trace": 99}\n', b"\xff\xfe"])
def test_what_is_no_trace(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x.trace"
    path.write_bytes(raw)
    with pytest.raises(TraceError):
        api.read_outcome(path)
    with pytest.raises(TraceError, match="cannot read"):
        api.read_outcome(tmp_path / "nowhere")
