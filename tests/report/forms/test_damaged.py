"""Traces that are truncated, corrupt, older or newer: a clear error, or a partial report that says so."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import pytest

from ipcsim import campaigns
from ipcsim.errors import TraceError
from ipcsim.report import forms
from tests.report.forms import traces

FORMS = [f for f in forms.NAMES if f != "html"]  # which has tests of its own


@pytest.fixture
def raw() -> bytes:
    return traces.real_path("dining-philosophers").read_bytes()


def report(path: Path) -> dict[str, str]:
    """Every form of it."""
    stored = campaigns.read(path)
    return {form: stored.render(form) for form in FORMS}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", traces.REAL)
def test_every_form_of_a_good_trace(form: str, name: str) -> None:
    stored = campaigns.read(traces.real_path(name))
    assert stored.render(form).endswith("\n") or form == "annotations"


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_a_truncated_trace_is_reported_as_far_as_it_goes(raw: bytes, share: float, tmp_path: Path) -> None:
    head = raw.index(b"\n") + 1
    path = tmp_path / "cut.trace"
    path.write_bytes(raw[: head + int((len(raw) - head) * share)])
    made = report(path)
    assert "inconclusive" in made["text"]
    assert "damaged" in made["text"] or "cut off" in made["text"]
    assert json.loads(made["json"])["complete"] is False
    assert "incomplete" in json.loads(made["trace-event"])["otherData"]
    assert "ncomplete" in made["dot"]
    assert "ncomplete" in made["graphml"]
    assert "incomplete" in made["sequence"]
    assert "incomplete" in made["mermaid"]
    assert "incomplete" in made["waits"]


def test_a_trace_cut_in_its_header(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.trace"
    path.write_bytes(raw[: raw.index(b"\n") // 2])
    with pytest.raises(TraceError, match="is not an ipcsim trace"):
        campaigns.read(path)


@pytest.mark.parametrize("version", [0, 2, 99, "x"])
def test_other_formats_are_named(raw: bytes, version: object, tmp_path: Path) -> None:
    line, _, rest = raw.partition(b"\n")
    header = json.loads(line) | {"ipcsim-trace": version}
    path = tmp_path / "other.trace"
    path.write_bytes(json.dumps(header).encode() + b"\n" + rest)
    with pytest.raises(TraceError, match=f"has trace format {version}, this ipcsim reads format 1"):
        campaigns.read(path)


def test_corrupt_bytes_never_end_in_anything_but_words(raw: bytes, tmp_path: Path) -> None:
    chance = random.Random(7)
    head = raw.index(b"\n")
    path = tmp_path / "corrupt.trace"
    reported = 0
    for number in range(60):
        damaged = bytearray(raw)
        low, high = (0, head) if number % 2 else (head, len(raw))
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(low, high)] = chance.randrange(256)
        path.write_bytes(damaged)
        with suppress(TraceError):
            report(path)
            reported += 1
    assert reported


def test_no_trace_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for raw in (b"", b"{}", b"\x00" * 100, b'{"ipcsim-trace": 1}\n', b"[" * 100_000):
        path.write_bytes(raw)
        with pytest.raises(TraceError):
            campaigns.read(path)
    with pytest.raises(TraceError, match="cannot read"):
        campaigns.read(tmp_path)
