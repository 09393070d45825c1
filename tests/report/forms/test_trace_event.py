"""The time line, read back as a viewer does: slices nest, arrows have two ends, counters are numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from ipcsim.report.forms import trace_event
from tests.analysis import programs as make
from tests.analysis.events import Story
from tests.report.forms import traces

Event = dict[str, Any]


def events(name: str) -> list[Event]:
    return read(*traces.ALL[name]())


def read(trace: Any, outcome: Any) -> list[Event]:
    data = json.loads(trace_event.render(trace, outcome))
    assert data["displayTimeUnit"] == "ms"
    found: list[Event] = data["traceEvents"]
    return found


class Viewer:
    """Plays the events like Perfetto's importer: a stack of slices a thread, arrows bound to the top."""

    def __init__(self, found: list[Event]) -> None:
        self.stacks: dict[tuple[int, int], list[Event]] = defaultdict(list)
        self.last: dict[tuple[int, int], float] = defaultdict(lambda: -1.0)
        self.depths: set[int] = set()
        self.arrows: dict[int, list[tuple[str, Event, Event]]] = defaultdict(list)
        self.closed: list[tuple[Event, float]] = []
        for event in found:
            if event["ph"] != "M":
                self.play(event)
        assert not any(self.stacks.values()), "a slice that never ends"

    def play(self, event: Event) -> None:
        thread = event["pid"], event["tid"]
        assert event["ts"] >= self.last[thread], "back in time"
        self.last[thread] = event["ts"]
        stack = self.stacks[thread]
        match event["ph"]:
            case "B":
                stack.append(event)
                self.depths.add(len(stack))
            case "E":
                self.closed.append((stack.pop(), event["ts"]))
            case "s" | "f":
                assert stack, "an arrow outside every slice"
                self.arrows[event["id"]].append((event["ph"], event, stack[-1]))
            case "C":
                assert isinstance(event["args"]["value"], int)
            case "i":
                assert event["s"] == "g"
            case other:
                raise AssertionError(other)


@pytest.mark.parametrize("name", traces.ALL)
def test_a_viewer_can_play_it(name: str) -> None:
    found = events(name)
    viewer = Viewer(found)
    assert viewer.depths <= {1, 2}
    for ends in viewer.arrows.values():
        (first, start, _), (second, end, _) = ends
        assert (first, second) == ("s", "f")
        assert start["ts"] <= end["ts"]
        assert start["pid"] != end["pid"] or start["id"] == end["id"]


@pytest.mark.parametrize("name", traces.ALL)
def test_one_pid_a_process_and_one_for_the_objects(name: str) -> None:
    trace, outcome = traces.ALL[name]()
    named = [e for e in read(trace, outcome) if e["name" if e["ph"] == "M" else "ph"] == "process_name"]
    assert len({e["pid"] for e in named}) == len(named) == len(trace.program.processes) + 1
    assert named[-1]["args"]["name"] == "objects"


def test_phases_calls_sleeps_and_arrows() -> None:
    found = events("dining-philosophers")
    viewer = Viewer(found)
    inside = {e["name"]: e["cat"] for e, _ in viewer.closed}
    assert inside["eating"] == inside["hungry"] == "phase"
    assert inside["P: fork[left]"] in ("call", "blocked")
    sleepers = [e for e, _ in viewer.closed if e["args"].get("result") == "never ended"]
    assert {e["args"]["waits for"] for e in sleepers} == {f"fork[{i}]" for i in range(5)}
    assert any("slept, waiting for" in e["args"] for e, _ in viewer.closed)
    assert viewer.arrows
    for ends in viewer.arrows.values():
        _, start, waker = ends[0]
        _, _, woken = ends[1]
        assert waker["name"].startswith("V: ")
        assert woken["name"].startswith("P: ")
        assert start["name"].endswith("V→P")
    counters = {e["name"] for e in found if e["ph"] == "C"}
    assert {f"fork[{i}]" for i in range(5)} <= counters
    values = [e["args"]["value"] for e in found if e["ph"] == "C" and e["name"] == "fork[0]"]
    assert set(values) == {0, 1}


def test_spawned_processes_are_led_to() -> None:
    viewer = Viewer(events("private-by-inheritance"))
    starts = [ends for ends in viewer.arrows.values() if ends[1][1]["name"].endswith("spawn→start")]
    assert starts
    assert all(ends[1][1]["ts"] == ends[1][2]["ts"] for ends in starts)  # the first thing that it does


def test_a_step_of_the_model_is_a_millisecond() -> None:
    viewer = Viewer(events("model"))
    first = next((e, end) for e, end in viewer.closed if e["name"] == "P: fork[left]")
    assert (first[0]["ts"], first[1]) == (1000.0, 1900.0)
    (loop,) = (e for e in events("model") if e["ph"] == "i")
    assert (loop["name"], loop["ts"]) == ("from here on it repeats for ever", 3000.0)


def test_a_wait_with_its_wake_up_to_the_microsecond() -> None:
    program = make.program(
        make.family("giver", make.v(0)), make.family("taker", make.p(0)), sets=[make.semaphores(0)]
    )
    story = Story().begin(1, 0).call(0, 0).end(1, 0).step(0, 1).step(1, 1)
    viewer = Viewer(read(*traces.told(program, story, scheduler="random")))
    slept = next((e, end) for e, end in viewer.closed if e["cat"] == "blocked")
    assert (slept[0]["ts"], slept[1]) == (0.0, 3.0)
    ((_, start, _), (_, end, _)) = viewer.arrows[1]
    assert 1.0 <= start["ts"] <= 2.0
    assert end["ts"] == 3.0


def test_hostile_names_are_text() -> None:
    text = trace_event.render(*traces.hostile())
    assert text.isascii()
    assert "\\u202e" not in text.replace("\\\\u202e", "")
    assert len(text) < 60_000
