"""The trace of every controlled run is a path of the model."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Any

import pytest

import ipcsim
from ipcsim import catalogue
from ipcsim.explorer.follow import follow
from ipcsim.program import Program
from ipcsim.runner.clean import clean
from ipcsim.sysv import queues
from ipcsim.trace import Event, EventKind, Trace, read_trace
from tests.scenarios.conftest import LEFT_BY_WRITER

SHIPPED = [(str(e.path), {}, e.name) for e in catalogue.entries() if e.kind == "scenario"] + [
    (str(e.path), dict(v.arguments), "-".join([e.name, *map(str, v.arguments.values())]))
    for e in catalogue.entries()
    if e.kind == "problem"
    for v in catalogue.describe(str(e.path)).variants
]
LONGEST = 6  # how often something is repeated, where a parameter says it


def shorter(path: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments with which a run is short: less repetitions, as many processes."""
    cut = {
        p.name: LONGEST
        for p in catalogue.describe(path).parameters
        if p.name in ("rounds", "items", "meals", "times")
        and isinstance(value := arguments.get(p.name, p.default), int)
        and value > LONGEST
    }
    return {**arguments, **cut}


def recorded(what: str | Program, folder: Path, **more: Any) -> Trace:
    """The trace of one controlled run."""
    ipcsim.run(what, trace_dir=folder, **{"scheduler": "random", "seed": 1, **more})
    clean()
    with contextlib.suppress(FileNotFoundError):  # what is meant to outlive a run
        queues.remove(queues.create(LEFT_BY_WRITER, 0))
    (path,) = folder.glob("*.trace")
    return read_trace(path)


def written(folder: Path, text: str) -> Program:
    path = folder / "it.yaml"
    path.write_text(text)
    return ipcsim.load(path)


@pytest.mark.parametrize(("path", "arguments", "name"), SHIPPED, ids=[name for _, _, name in SHIPPED])
def test_what_ships_is_followed(tmp_path: Path, path: str, arguments: dict[str, Any], name: str) -> None:
    """One run each, under one scheduler or the other; `benchmarks.differential --runs` does more."""
    if name == "rights" and os.geteuid() != 0:
        pytest.skip("only root may switch to another user (`as:`)")
    scheduler = "pct" if arguments else "random"
    trace = recorded(path, tmp_path, scheduler=scheduler, arguments=shorter(path, arguments), timeout=2.0)
    assert trace.events
    assert follow(trace.program, trace.events) is None


# --- rules that no shipped scenario needs ---


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may switch to another user (`as:`)")
@pytest.mark.parametrize("seed", range(6))
def test_a_blocked_sender_that_has_lost_its_right(tmp_path: Path, seed: int) -> None:
    """Q-10: EACCES once there is room, and not before."""
    program = written(
        tmp_path,
        """
scenario: it
queues:
  box: {message: {number: int}, bytes: 4, mode: 0666}
processes:
  owner:
    steps:
      - send: {queue: box, type: 1, message: {number: 1}}
      - change: {object: box, mode: 0600}
      - receive: {queue: box}
      - receive: {queue: box}
        nowait: true
        on_error: {ENOMSG: []}
  stranger:
    as: {uid: 65534, gid: 65534}
    steps:
      - send: {queue: box, type: 1, message: {number: 2}}
        on_error: {EACCES: []}
""",
    )
    trace = recorded(program, tmp_path, seed=seed)
    assert follow(trace.program, trace.events) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may switch to another user (`as:`)")
@pytest.mark.parametrize("seed", range(6))
def test_a_sleeping_receiver_that_has_lost_its_right(tmp_path: Path, seed: int) -> None:
    """Q-10: EACCES at once. A sleeping P goes on (S-26)."""
    program = written(
        tmp_path,
        """
scenario: it
queues:
  box: {message: {number: int}, mode: 0666}
semaphores:
  set: {gate: 0, mode: 0666}
processes:
  owner:
    steps:
      - change: {object: box, mode: 0600}
      - change: {object: set, mode: 0600}
      - send: {queue: box, type: 1, message: {number: 1}}
      - V: gate
  reader:
    count: 2
    as: {uid: 65534, gid: 65534}
    steps:
      - receive: {queue: box}
        on_error: {EACCES: []}
  waiter:
    as: {uid: 65534, gid: 65534}
    steps:
      - P: gate
        on_error: {EACCES: []}
""",
    )
    trace = recorded(program, tmp_path, seed=seed)
    assert follow(trace.program, trace.events) is None


@pytest.mark.parametrize("seed", range(6))
def test_signals_and_timeouts(tmp_path: Path, seed: int) -> None:
    program = written(
        tmp_path,
        """
scenario: it
queues:
  box: {message: {number: int}}
processes:
  reader:
    count: 2
    steps:
      - receive: {queue: box}
        timeout: 1s
        on_error: {EAGAIN: [], EINTR: []}
      - receive: {queue: box, type: 2, into: letter}
        on_error: {EINTR: []}
  shell:
    steps:
      - signal: {to: "reader[0]", name: SIGSTOP}
        on_error: {ESRCH: []}
      - send: {queue: box, type: 1, message: {number: 1}}
      - signal: {to: "reader[0]", name: SIGUSR1}
        on_error: {ESRCH: []}
      - signal: {to: "reader[0]", name: SIGCONT}
        on_error: {ESRCH: []}
      - send: {queue: box, type: 2, message: {number: 2}}
      - signal: {to: "reader[1]", name: SIGUSR1}
        on_error: {ESRCH: []}
      - signal: {to: "reader[1]", name: SIGKILL}
        on_error: {ESRCH: []}
      - signal: {to: "reader[0]", name: SIGUSR1}
        on_error: {ESRCH: []}
""",
    )
    trace = recorded(program, tmp_path, seed=seed)
    assert follow(trace.program, trace.events) is None


CORNERS = {
    "a text cut off in the middle of a letter": """
queues:
  box: {message: {text: "char[4]"}}
processes:
  one:
    steps:
      - send: {queue: box, type: 1, message: {text: "'éé'"}, length: 3}
      - receive: {queue: box, into: letter}
      - send: {queue: box, type: 1, message: {text: "'éé'"}, length: 3}
      - receive: {queue: box, size: 1, noerror: true, into: letter}
      - assert: letter.length == 1
""",
    "a value that is no int": """
semaphores:
  set: {a: 5}
processes:
  one:
    locals: {big: 4294967296}
    steps:
      - set_value: {a: big}
      - get: {value: a, into: found}
      - assert: found == 0
""",
    "more room than a queue may have": """
queues:
  box: {message: {number: int}}
processes:
  one:
    steps:
      - change: {object: box, bytes: 999999999}
        on_error: {EPERM: []}
      - stat: {object: box, field: qbytes, into: room}
      - change: {object: box, bytes: 4294967301}
      - stat: {object: box, field: qbytes, into: room}
      - assert: room == 5
""",
    "a process that kills itself": """
semaphores:
  set: {a: 1}
processes:
  one:
    steps:
      - P: a
        undo: true
      - signal: {to: one, name: SIGKILL}
  two:
    steps:
      - P: a
""",
    "a process that stops itself": """
semaphores:
  set: {a: 0}
processes:
  one:
    steps:
      - V: a
      - signal: {to: one, name: SIGSTOP}
      - get: {value: a, into: left}
  two:
    locals: {left: 3}
    steps:
      - P: a
      - while: left > 0
        steps:
          - signal: {to: one, name: SIGCONT}
            on_error: {ESRCH: [set: {left: 1}]}
          - set: {left: left - 1}
""",
}


@pytest.mark.parametrize("what", CORNERS)
def test_corners(tmp_path: Path, what: str) -> None:
    program = written(tmp_path, f"scenario: it{CORNERS[what]}")
    if "room" in what and _may_raise_the_limit():
        pytest.skip("this process may give a queue more room than MSGMNB")
    trace = recorded(program, tmp_path, timeout=2.0)
    assert follow(trace.program, trace.events) is None


def _may_raise_the_limit() -> bool:
    """CAP_SYS_RESOURCE: the model is of those who do not have it (Q-13)."""
    made = queues.create(0, 0o600)
    try:
        queues.set_capacity(made, 999_999_999)
    except PermissionError:
        return False
    finally:
        queues.remove(made)
    return True


# --- what is no path ---


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """A run in which a V completes a P, a message is handed over and a value is asked for."""
    folder = tmp_path_factory.mktemp("handed")
    program = written(
        folder,
        """
scenario: it
semaphores:
  set: {gate: 0}
queues:
  box: {message: {number: int}}
processes:
  one:
    steps:
      - P: gate
      - send: {queue: box, type: 3, message: {number: 7}}
  two:
    steps:
      - get: {value: gate, into: seen}
      - V: gate
      - receive: {queue: box, type: 3, into: letter}
""",
    )
    for seed in range(50):
        trace = recorded(program, folder / str(seed), seed=seed)
        if _place(trace, "one", "P: gate", EventKind.END) > _place(trace, "two", "V: gate", EventKind.BEGIN):
            return trace
    raise AssertionError("one never waits")


def _place(trace: Trace, who: str, text: str, kind: EventKind) -> int:
    """The number of the event: this process, this instruction, begun or ended."""
    names = [p.name for p in trace.program.processes]
    return next(
        i
        for i, e in enumerate(trace.events)
        if (names[e.process], e.kind) == (who, kind)
        and trace.program.instruction(e.process, e.pc).text == text
    )


def changed(trace: Trace, place: int, **fields: Any) -> list[Event]:
    events = list(trace.events)
    events[place] = events[place]._replace(**fields)
    return events


def test_the_run_itself_is_followed(handed: Trace) -> None:
    assert follow(handed.program, handed.events) is None


def test_another_value(handed: Trace) -> None:
    place = _place(handed, "two", _text(handed, "get"), EventKind.END)
    departure = follow(handed.program, changed(handed, place, a=4))
    assert departure is not None
    assert departure.number == place
    assert "two" in departure.words
    assert "ended with success (4, 0)" in departure.words
    assert "in the model it ends" in departure.words


def _text(trace: Trace, start: str) -> str:
    return next(i.text for f in trace.program.families for i in f.code if i.text.startswith(start))


def test_another_errno(handed: Trace) -> None:
    place = _place(handed, "one", "P: gate", EventKind.END)
    departure = follow(handed.program, changed(handed, place, errno=errno.EINTR))
    assert departure is not None
    assert departure.number == place
    assert "`P: gate`" in departure.words
    assert "ended with EINTR" in departure.words


def test_another_message(handed: Trace) -> None:
    place = _place(handed, "two", _text(handed, "receive"), EventKind.END)
    departure = follow(handed.program, changed(handed, place, data=b"\x08" + bytes(15)))
    assert departure is not None
    assert departure.number == place


def test_a_sleeper_that_is_not_woken(handed: Trace) -> None:
    """The next turn comes, and the P that the V has completed has not ended."""
    place = _place(handed, "one", "P: gate", EventKind.END)
    events = [e for i, e in enumerate(handed.events) if i != place]
    departure = follow(handed.program, events)
    assert departure is not None
    assert departure.number >= place


def test_a_step_left_out(handed: Trace) -> None:
    begin, end = (_place(handed, "two", "V: gate", k) for k in (EventKind.BEGIN, EventKind.END))
    events = [e for i, e in enumerate(handed.events) if i not in (begin, end)]
    departure = follow(handed.program, events)
    assert departure is not None
    assert departure.number >= begin


def test_a_death_that_nobody_caused(handed: Trace) -> None:
    died = Event(0, 0, 0, EventKind.DIED, 0, -9, 0, b"")
    departure = follow(handed.program, [died, *handed.events])
    assert departure is not None
    assert departure.number == 0
    assert "died of signal 9" in departure.words


@pytest.mark.parametrize("name", ["dining-philosophers", "red-label", "lost-update", "three-of-five"])
def test_any_number_changed_is_noticed(tmp_path: Path, name: str) -> None:
    """Every event in turn: another errno, and it is no path any more."""
    trace = recorded(name, tmp_path, timeout=2.0)
    ends = [i for i, e in enumerate(trace.events) if e.kind is EventKind.END][:40]
    for place in ends:
        wrong = errno.EFBIG if trace.events[place].errno == 0 else 0
        departure = follow(trace.program, changed(trace, place, errno=wrong))
        assert departure is not None
        assert departure.number == place
