"""The trace file: round trip, and what happens with one that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcsim.errors import Location, TraceError
from ipcsim.program import Family, Program, RunSettings
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import Exit
from ipcsim.trace import (
    RECORD,
    Decoder,
    Event,
    EventKind,
    TraceWriter,
    data_records,
    head,
    read_trace,
)

HERE = Location("some.yaml", 3)


def program(processes: int = 2) -> Program:
    code = (Exit(at=HERE, text="end", code=Const(0)),)
    family = Family("worker", processes, ("me",), tuple((i,) for i in range(processes)), code, HERE)
    return Program("some", "Some", "", (("n", 2),), (), (), (), (family,), (), RunSettings())


def record(event: Event) -> bytes:
    """The records of one event, as a worker writes them."""
    raw = b""
    for a, b in data_records(event.data):
        raw += RECORD.pack(event.time, head(EventKind.DATA, 0), a, b)
    word = int(event.kind) | event.pc << 8
    return raw + RECORD.pack(event.time, word + (event.errno << 40), event.a, event.b)


words = st.integers(-(2**63), 2**63 - 1)
events = st.builds(
    Event,
    time=st.integers(0, 2**62),
    process=st.just(0),
    pc=st.integers(0, 2**20),
    kind=st.sampled_from([EventKind.BEGIN, EventKind.END, EventKind.STEP, EventKind.STALL]),
    errno=st.integers(-1, 500),
    a=words,
    b=words,
    data=st.binary(max_size=64).map(lambda raw: raw.ljust(-(-len(raw) // 16) * 16, b"\0")),
)


@given(st.lists(events), st.integers(0, 100))
def test_records_decode_to_the_events_wherever_they_are_cut(found: list[Event], cut: int) -> None:
    raw = b"".join(map(record, found))
    middle = min(cut * RECORD.size, len(raw))
    decoder = Decoder(0)
    assert [*decoder.decode(raw[:middle]), *decoder.decode(raw[middle:])] == found


def written(path: Path) -> Path:
    file = path / "run.trace"
    writer = TraceWriter(file, program(), seed=7)
    writer.records(1, RECORD.pack(20, head(EventKind.STEP, 0), 0, 0))
    writer.records(0, RECORD.pack(10, head(EventKind.STEP, 0), 0, 0))
    writer.note({"note": "objects"})
    writer.outcome({"verdict": "ok"})
    writer.close()
    return file


def test_a_trace_is_read_back_in_the_order_of_time(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path))
    assert trace.program == program()
    assert trace.header["seed"] == 7
    assert [(e.time, e.process) for e in trace.events] == [(10, 0), (20, 1)]
    assert (trace.outcome, trace.notes, trace.complete) == ({"verdict": "ok"}, ({"note": "objects"},), True)


def test_a_trace_cut_anywhere_is_a_clear_error_or_a_partial_trace(tmp_path: Path) -> None:
    whole = written(tmp_path).read_bytes()
    part = tmp_path / "part.trace"
    for length in range(len(whole)):
        part.write_bytes(whole[:length])
        try:
            trace = read_trace(part)
        except TraceError as error:
            assert "part.trace" in str(error)  # noqa: PT017 - both ends are right
        else:
            assert not trace.complete
            assert trace.problem


def test_another_version_is_refused_with_a_remedy(tmp_path: Path) -> None:
    file = tmp_path / "new.trace"
    file.write_bytes(json.dumps({"ipcsim-trace": 99}).encode() + b"\n")
    with pytest.raises(TraceError, match=r"format 99.*use the version"):
        read_trace(file)


def test_a_trace_cannot_name_a_class_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "evil.trace"
    file.write_bytes(
        json.dumps({"ipcsim-trace": 1, "program": {"_": "Popen", "args": "true"}}).encode() + b"\n"
    )
    with pytest.raises(TraceError, match="unknown sort of data"):
        read_trace(file)
