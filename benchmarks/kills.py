"""Runs are killed, and nothing may be left of them: `python -m benchmarks.long kills`.

A unit is one kill. The seed chooses which run (`doomed`), how it is started, who is killed, and when: while
the interpreter starts, while objects are made and processes forked, amidst the run, at its end. Then

- no process of the run is left after a bounded time (`victims` says how that is known);
- `clean` leaves no object and no manifest. Without it none is left where a supervisor was there to the end,
  and where the run had a namespace for itself, which ends with its last process;
- who was there to the end says how the run ended, and calls nothing a defect.

The campaign has an IPC namespace, and a folder for manifests, of its own; it starts one run at a time.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks import doomed, victims
from benchmarks.sums import ROOT, Failure, Unit
from benchmarks.victims import Seen, Started, children
from ipcsim.errors import IpcsimError
from ipcsim.runner import manifest
from ipcsim.runner.clean import Cleaned, clean
from ipcsim.runner.manifest import Manifest
from ipcsim.sysv import namespaces, tables
from ipcsim.sysv import process as sysv_process

SUPERVISOR, LAUNCHER, WORKER, CHILD, TREE, TERMINAL = VICTIMS = (
    "supervisor", "launcher", "worker", "spawned child", "whole tree", "terminal",
)  # fmt: skip
COMMAND, ISOLATED, HELPER = STARTS = ("ipcsim run", "ipcsim run --isolate", "ipcsim.run(isolate=True)")
BEGIN, NOTED, FIRST, LATE = MOMENTS = ("its start", "its manifest", "its first process", "its timeout")
SPREAD = {BEGIN: 0.8, NOTED: 0.4, FIRST: 0.5, LATE: 0.2}
"""Seconds within which the kill comes after such a moment."""
START = 60.0  # seconds within which the moment should have come, on however busy a machine
DIES = 30.0  # seconds that processes may take to die with their supervisor
ENDS = 40.0  # seconds that a run may take to end in order
FORGETS = 20.0  # seconds until the manifest of an isolated run should be gone
PERSISTS = (0x5EED0001, 0x5EED0002)  # the keys of what one of the shapes means to stay


@dataclass(frozen=True)
class Plan:
    """What the seed has chosen."""

    seed: int
    shape: str
    text: str
    victim: str
    start: str
    moment: str
    delay: float  # seconds after the moment
    timeout: float  # seconds of the run
    fresh: bool  # by a new interpreter; else by a fork of this one, which starts faster
    live: bool  # on a terminal: draws the table, and writes errors elsewhere
    several: bool  # not one worker or spawned child but all that are there

    @property
    def isolated(self) -> bool:
        return self.start != COMMAND

    def __str__(self) -> str:
        whom = f"every {self.victim}" if self.several else self.victim
        how = "new interpreter" if self.fresh else "fork"
        return f"{self.shape} ({self.start}, {how}): {whom} killed {self.delay:.4f} s after {self.moment}"


def plan(seed: int) -> Plan:
    """Every victim with every shape in turn; the rest by chance."""
    chance = Random(f"kills:{seed}")
    shape, victim = list(doomed.SHAPES)[seed % len(doomed.SHAPES)], VICTIMS[seed % len(VICTIMS)]
    moment, timeout = chance.choice(MOMENTS), chance.uniform(0.1, 0.5)
    if victim == CHILD:  # who is there only in the midst of such a run
        shape, moment, timeout = "spawning", chance.choice((NOTED, FIRST)), timeout + SPREAD[FIRST]
    return Plan(
        seed, shape, doomed.scenario(shape, chance, timeout, os.geteuid() == 0), victim,
        start=chance.choice((*STARTS, COMMAND)), moment=moment,
        delay=SPREAD[moment] * chance.random() ** 2, timeout=timeout,
        fresh=moment == BEGIN or chance.random() < 0.3,
        live=chance.random() < 0.5, several=victim in (WORKER, CHILD) and chance.random() < 0.3,
    )  # fmt: skip


@contextmanager
def started(_traces: Path) -> Iterator[Callable[[int], Unit]]:
    """The unit of a campaign of kills."""
    with suppress(OSError):  # no right to it: in the namespace that others use, too
        namespaces.isolate()
    sysv_process.become_subreaper()
    with tempfile.TemporaryDirectory(prefix="ipcsim-kills-") as name:
        os.environ["XDG_RUNTIME_DIR"] = name  # where `clean` looks, and every run of the campaign
        os.environ["PYTHONPATH"] = os.fspath(ROOT)
        yield lambda seed: unit(plan(seed), Path(name))


def unit(chosen: Plan, folder: Path) -> Unit:
    """One kill, and what was left."""
    attempt = Attempt(chosen, folder)
    try:
        struck = attempt.strike()
        wrong = attempt.look(struck)
    finally:
        attempt.run.end()
    counts = {
        "kills": int(struck),
        f"of a {chosen.victim}": int(struck),
        "under --isolate": int(struck and chosen.isolated),
        "runs that were over before": int(not struck),
        "objects that clean removed": attempt.removed,
        "wrong": int(bool(wrong)),
    }
    words = f"{chosen}; {'; '.join(wrong)}"
    return Unit(counts, (Failure(chosen.seed, words),) if wrong else ())


@dataclass
class Attempt:
    """One run that is to be killed. `removed`: the objects that `clean` had to remove."""

    plan: Plan
    folder: Path
    run: Started = field(init=False)
    removed: int = 0
    _noted: Manifest | None = None
    _came: dict[str, float] = field(default_factory=dict)  # the moments
    _hit: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = Random(f"victims:{self.plan.seed}")
        self._before = objects()
        self._file = self.folder / "doomed.yaml"
        self._file.write_text(self.plan.text)
        self.run = Started(self._work, self.folder, self.plan.victim == TERMINAL, self.plan.live)
        self._came[BEGIN] = time.monotonic()

    # --- the run ---

    def _work(self) -> int:
        """What the process that was started does."""
        if self.plan.fresh:
            code = f"import sys; from benchmarks.kills import helped; sys.exit(helped({self._name!r}))"
            words = ["-c", code] if self.plan.start == HELPER else ["-m", "ipcsim", *self._words()]
            os.execv(sys.executable, [sys.executable, *words])
        if self.plan.start == HELPER:
            return helped(self._name)
        from ipcsim.cli.main import main

        return main(self._words())

    @property
    def _name(self) -> str:
        return os.fspath(self._file)

    def _words(self) -> list[str]:
        chosen = self.plan
        trace = ["--no-trace"] if chosen.seed % 2 else ["--report", os.fspath(self.folder / "traces")]
        isolate = ["--isolate"] if chosen.start == ISOLATED else []
        answer = (["--live"] if chosen.live else []) if chosen.victim == TERMINAL else ["--json"]
        return ["run", self._name, *trace, *isolate, *answer]

    # --- the kill ---

    def strike(self) -> bool:
        """Wait for the moment, and for a victim, and kill; False where the run was over before."""
        if not self.run.wait(self._is_time, START):
            return False
        if self.plan.victim == TERMINAL:
            return self.run.close_terminal()
        aims: list[Seen] = []

        def aim() -> bool:
            aims[:] = self._aims()
            return bool(aims)

        if not self.run.wait(aim, START):
            return False
        self._chance.shuffle(aims)
        everybody = self.plan.victim == TREE or self.plan.several
        self._hit = [seen for seen in (aims if everybody else aims[:1]) if victims.kill(seen)]
        return bool(self._hit)

    def _is_time(self) -> bool:
        self._note()
        came = self._came.get(self.plan.moment)
        return came is not None and time.monotonic() >= came + self.plan.delay

    def _note(self) -> None:
        """When what a kill may follow has happened, as far as the manifest tells."""
        if FIRST in self._came or self.plan.moment == BEGIN:
            return
        for found in manifest.all_manifests():  # one at most
            self._noted, now = found, time.monotonic()
            self._came.setdefault(NOTED, now)
            if found.workers:
                self._came |= {FIRST: now, LATE: now + self.plan.timeout}

    def _aims(self) -> list[Seen]:
        """Who may be killed now."""
        everybody = self.run.descendants()
        top = [seen for seen in everybody if seen.pid == self.run.pid]
        if self.plan.victim == TREE:
            return everybody if top else []
        supervisors = children(self.run.pid, everybody) if self.plan.start == HELPER else top
        if self.plan.victim == SUPERVISOR:
            return supervisors
        launchers = [child for s in supervisors for child in children(s.pid, everybody)]
        if self.plan.victim == LAUNCHER:
            return launchers
        workers = [child for seen in launchers for child in children(seen.pid, everybody)]
        if self.plan.victim == WORKER:
            return workers
        first = self._first()
        between = [child for seen in workers for child in children(seen.pid, everybody)]
        return [seen for seen in workers + between if seen.pid not in first] if first else []

    def _first(self) -> set[int]:
        """The processes that were there from the start, once they are noted."""
        names = [m.workers for m in manifest.all_manifests()]
        return {pid for workers in names for pid, name in workers.items() if "child" not in name}

    # --- what is left ---

    def look(self, struck: bool) -> list[str]:
        """What is wrong after the kill."""
        supervised = not struck or self.plan.victim not in (SUPERVISOR, TREE)
        self.run.wait(lambda: False, ENDS if supervised else DIES)
        wrong = [f"left process {told}" for told in self.run.end()]
        if self._noted is not None and self.plan.isolated and (self._noted.here or not self._noted.isolated):
            wrong.append("it was not isolated")
        now = objects() - self._before
        if supervised or self.plan.isolated:
            kept = () if self.plan.isolated or self.plan.shape != "persisting" else PERSISTS
            wrong += [f"left without clean: {o}" for o in sorted(now) if o[2] not in kept]
        done = self._clean()
        wrong += [f"left after clean: {o}" for o in sorted(objects() - self._before)]
        wrong += [f"clean {c.action} {c.object}: {c.reason}" for c in done if c.action in ("kept", "failed")]
        wrong += [f"left manifest {m.path.read_text()[:300]}" for m in manifest.all_manifests()]
        for path in manifest.folder().iterdir():
            path.unlink()
        return [*wrong, *self._answer(struck)]

    def _clean(self) -> list[Cleaned]:
        """What `clean` did. The number of a namespace that is gone may be that of another run's by now; as
        long as it is, the manifest stays (before Linux 6.18)."""
        until, done = time.monotonic() + FORGETS, clean()
        while self.plan.isolated and manifest.all_manifests() and time.monotonic() < until:
            time.sleep(0.05)
            done += clean()
        self.removed = sum(c.action == "removed" for c in done)
        return done

    def _answer(self, struck: bool) -> Iterator[str]:
        """What is wrong with what the process that was started has said in the end."""
        status = self.run.status
        if status is None or (struck and any(seen.pid == self.run.pid for seen in self._hit)):
            return
        code, said = os.waitstatus_to_exitcode(status), self.run.err.read_text(errors="replace")
        out = "" if self.plan.victim == TERMINAL else self.run.out.read_text(errors="replace")
        if code not in self._codes(struck) or "Traceback" in said or "defect" in said:
            yield f"exit code {code}: {said[-1500:]}{out[-300:]}"
        elif self.plan.victim != TERMINAL and code != 4:
            with suppress(ValueError, LookupError):
                if json.loads(out)["verdict"]:
                    return
            yield f"no verdict: {said[-500:]} {out[-500:]}"

    def _codes(self, struck: bool) -> tuple[int, ...]:
        """How it may end: with a verdict, or with 4 where nobody is left with whom it could begin."""
        if not struck:
            return (1, 3)
        if self.plan.victim == TERMINAL:
            return (-1, 1, 3, 4, 130)  # -1: SIGHUP, before it was noticed
        return (1, 3, 4)


def helped(file: str) -> int:
    """A run by the API in a helper; the exit code that the command would have."""
    import ipcsim

    try:
        outcome = ipcsim.run(file, isolate=True)
    except IpcsimError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    with suppress(OSError):  # its terminal may be gone
        print(json.dumps({"verdict": outcome.verdict}), flush=True)
    return outcome.exit_code


def objects() -> set[tuple[str, int, int]]:
    """Every object in this namespace: kind, id, key."""
    now = tables.read()
    rows = (("set", now.sets), ("queue", now.queues), ("segment", now.segments))
    return {(kind, row.id, row.key & 0xFFFFFFFF) for kind, some in rows for row in some}
