"""Makes `reports/samples/`: one small report of each kind, of one run and of one campaign.

    python reports/make.py [FOLDER]

The run is real, one step at a time, by a fixed seed. What changes from run to run (times, and which of two
events of one step is first) is replaced, so the same program gives the same bytes: a test compares them.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import ipcsim  # noqa: E402
from ipcsim import campaigns  # noqa: E402
from ipcsim.program import Program  # noqa: E402
from ipcsim.report import campaign as files  # noqa: E402
from ipcsim.trace import RECORD, Event, EventKind, TraceWriter, data_records, head, read_trace  # noqa: E402
from ipcsim.verdict import Outcome  # noqa: E402

SAMPLES = Path("reports/samples")
NAME = "philosophers"
SCENARIO, ARGUMENTS, SEED = "dining-philosophers", {"seats": 4, "meals": 3}, 10
RUNS = 6  # of the campaign
TURN, PART = 1_000_000, 100_000  # ns: between two steps, and between the events of one
WIDE, NARROW = 100, 50
FORMS = {  # the ending of each form's file
    "json": ".json",
    "html": ".html",
    "dot": ".dot",
    "mermaid": ".states.mmd",
    "sequence": ".sequence.mmd",
    "trace-event": ".trace-event.json",
    "waits": ".waits.csv",
    "graphml": ".graphml",
    "annotations": ".annotations.txt",
}


def main(folder: Path) -> None:
    """Write every sample into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    _trace(folder / f"{NAME}.trace")
    stored = _as_in_samples(campaigns.read(folder / f"{NAME}.trace"))
    for form, ending in FORMS.items():
        _write(folder / f"{NAME}{ending}", stored.render(form))
    _write(folder / f"{NAME}.txt", stored.render("text", WIDE))
    _write(folder / f"{NAME}.narrow.txt", stored.render("text", NARROW))
    _campaign(folder)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _as_in_samples(stored: campaigns.Stored) -> campaigns.Stored:
    """The same, as if it had been read from where the samples are kept."""
    assert isinstance(stored.found, Outcome)
    place = SAMPLES / stored.path.name
    extra = {**stored.found.extra, "trace": str(place)}
    return replace(stored, path=place, found=replace(stored.found, extra=extra))


# --- the run ---


def _trace(path: Path) -> None:
    """A real run, with times that are always the same."""
    program = ipcsim.load(SCENARIO, arguments=ARGUMENTS)
    with tempfile.TemporaryDirectory() as place:
        outcome = ipcsim.run(program, seed=SEED, trace_dir=place)
        trace = read_trace(Path(outcome.extra["trace"]))
    events = list(_in_steps(trace.events))
    writer = TraceWriter(path, program, **trace.header)
    for event in events:
        writer.records(event.process, _records(event))
    writer.outcome(_timeless(outcome, events[-1].time / 1e9, str(SAMPLES / path.name)).as_json())
    writer.close()


def _in_steps(events: tuple[Event, ...]) -> list[Event]:
    """The events by the step that they belong to: first those of its process, then those that it woke."""
    steps: list[list[Event]] = []
    for event in events:
        if event.kind in (EventKind.BEGIN, EventKind.STEP) or not steps:
            steps.append([event])
        else:
            steps[-1].append(event)
    found = []
    for number, step in enumerate(steps, 1):
        own = [e for e in step if e.process == step[0].process]
        woken = sorted((e for e in step if e.process != step[0].process), key=lambda e: e.process)
        found += [e._replace(time=number * TURN + i * PART) for i, e in enumerate([*own, *woken])]
    return found


def _records(event: Event) -> bytes:
    parts = data_records(event.data) if event.data else ()
    data = [RECORD.pack(event.time, head(EventKind.DATA, 0), a, b) for a, b in parts]
    word = head(event.kind, event.pc, event.errno)
    return b"".join(data) + RECORD.pack(event.time, word, event.a, event.b)


def _timeless(outcome: Outcome, duration: float, trace: str | None) -> Outcome:
    extra = {k: v for k, v in outcome.extra.items() if k != "request"}
    extra |= {"trace": trace, "detected_after_s": 0.004 if extra["detected_after_s"] else None}
    return replace(outcome, duration_s=duration, extra=extra)


# --- the campaign ---


def _campaign(folder: Path) -> None:
    made = ipcsim.repeat(_program(), RUNS, seed=SEED)
    outcomes = tuple(_timeless(o, 0.02 + 0.01 * (i * i % 7), None) for i, o in enumerate(made.outcomes))
    place = SAMPLES / f"{NAME}.campaign.json"
    request = {"target": SCENARIO, "set": dict(ARGUMENTS), "options": []}
    made = replace(made, outcomes=outcomes, request=request, path=str(place))
    text = files.encode(made)
    _write(folder / place.name, text)
    stored = campaigns.Stored(place, files.decode(text, str(place)))
    _write(folder / f"{NAME}.campaign.html", stored.render("html"))
    _write(folder / f"{NAME}.campaign.txt", stored.render("text", WIDE))


def _program() -> Program:
    return ipcsim.load(SCENARIO, arguments=ARGUMENTS)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / SAMPLES)
