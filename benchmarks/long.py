"""Long runs whose results add up: `python -m benchmarks.long KIND --minutes 10`.

    soak         right programs on a busy machine: is there a false alarm, or a missed deadlock?
    free         free runs: is each a path of the model?
    kernel       random programs, step by step: does the model do what the kernel does?
    oracle       random scenarios: does verify find what brute force finds?
    starvation   right programs on a busy machine: is anybody said to starve?
    kills        runs that are killed, at any moment: is anything left?
    suite        all tests on a busy machine: is one flaky?

Each call goes on where the last one ended and adds to the sums in benchmarks/.state/KIND.json, which belong
to one version of the code. It may be ended at any moment. `--show` prints the sums. Exit code 1 where they
have a disagreement, 2 where the call cannot be understood.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import sums
from benchmarks.sums import Failure, State, StateProblem, Sums, Unit
from ipcsim.sysv import process as sysv_process

Work = Callable[[int], Unit]  # does the unit with this seed


def _soak(folder: Path) -> AbstractContextManager[Work]:
    from benchmarks import soak

    return soak.started(folder)


def _free(folder: Path) -> AbstractContextManager[Work]:
    from benchmarks import free

    return free.started(folder)


@contextmanager
def _kernel(folder: Path) -> Iterator[Work]:
    from benchmarks import differential

    def unit(seed: int) -> Unit:
        words = io.StringIO()
        with contextlib.redirect_stdout(words):  # one step at least: one program; every other one of lives
            covered = differential.compare(1, seed, lives=seed % 2 == 1)
        wrong, unanswered = covered.disagreements, covered.unsupported.total()
        counts = {"programs": covered.programs, "steps": covered.steps, "disagreements": wrong}
        counts["programs that have no model"] = unanswered
        return Unit(counts, (Failure(seed, words.getvalue().strip()),) if wrong else ())

    yield unit


@contextmanager
def _oracle(folder: Path) -> Iterator[Work]:
    compare = _function("oracle", "compare")

    def unit(seed: int) -> Unit:
        result = compare(seed)
        compared = result.how in ("agree", "disagree")
        counts = {"scenarios compared": int(compared), "disagreements": int(bool(result.wrong))}
        counts["states by brute force"] = result.states
        if not compared:
            counts[f"left out: {result.how}"] = 1
        words = "; ".join([*result.wrong, f"features: {' '.join(result.features)}"])
        return Unit(counts, (Failure(seed, words),) if result.wrong else ())

    yield unit


@contextmanager
def _starvation(folder: Path) -> Iterator[Work]:
    from benchmarks.soak import busy

    runs = _function("starving", "starvation_runs")

    def unit(seed: int) -> Unit:
        tally = runs(1, 1, first=seed)
        counts = {"runs of right programs": tally.runs, "false alarms": len(tally.wrong)}
        counts["processes"] = tally.processes
        return Unit(counts, tuple(Failure(seed, words) for words in tally.wrong))

    with busy():
        yield unit


def _kills(folder: Path) -> AbstractContextManager[Work]:
    from benchmarks import kills

    return kills.started(folder)


def _suite(folder: Path) -> AbstractContextManager[Work]:
    from benchmarks import suite

    return suite.started()


KINDS: dict[str, Callable[[Path], AbstractContextManager[Work]]] = {
    "soak": _soak,
    "free": _free,
    "kernel": _kernel,
    "oracle": _oracle,
    "starvation": _starvation,
    "kills": _kills,
    "suite": _suite,
}


def _function(module: str, name: str) -> Any:
    """A function of a module beside this one. Raises `StateProblem` where there is none."""
    try:
        return getattr(importlib.import_module(f"benchmarks.{module}"), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise StateProblem(f"this checkout cannot do it: {error}") from None


# --- the call ---


def work(state: State, kind: str, minutes: float, count: int | None) -> None:
    """Unit after unit, until the time is over or so many are done; each is written down at once."""
    mine, end = state.present, time.monotonic() + minutes * 60
    done = 0
    with KINDS[kind](_traces(state.path)) as unit:
        while done < count if count is not None else time.monotonic() < end:
            began = time.monotonic()
            found = _done(unit, mine.next)
            mine.add(found, time.monotonic() - began)
            state.save()
            done += 1
            for failure in found.failures:
                print(f"seed {failure.seed}: {failure.words}", flush=True)


def _done(unit: Work, seed: int) -> Unit:
    """What a unit adds; one that breaks off is a disagreement like any other, and must not stop the rest."""
    try:
        return unit(seed)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        words = f"it broke off with {type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        return Unit({"units that broke off": 1}, (Failure(seed, words),))


def again(state: State, kind: str, seed: int) -> int:
    """One unit once more; it counts nowhere."""
    with KINDS[kind](_traces(state.path)) as unit:
        found = unit(seed)
    alone = Sums(sums.commit(), next=seed)
    alone.add(found, 0.0)
    print("\n".join(sums.told(kind, alone)))
    return 1 if found.failures else 0


def _traces(path: Path) -> Path:
    """Where the traces of what went wrong are kept."""
    return path.with_name(f"{path.stem}-traces")


def show(state: State) -> int:
    """The sums of the code as it is, then those of other versions; 1 where the first have a disagreement."""
    print("\n".join(sums.told(state.kind, state.present)))
    for other in state.others:
        print(f"  not counted: {sums.summary(state.kind, other)}")
    return 1 if state.present.failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.long", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("kind", nargs="?", choices=KINDS, help="what to do (with --show alone: all)")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long, about (5)")
    parser.add_argument("--count", type=int, help="how many units, in place of minutes")
    parser.add_argument("--state", type=Path, help="the file of the sums")
    parser.add_argument("--show", action="store_true", help="only print the sums")
    parser.add_argument("--seed", type=int, help="do the unit with this seed again; it is not counted")
    arguments = parser.parse_args()
    if arguments.kind is None and not arguments.show:
        parser.error("name a KIND, or --show")
    if arguments.kind is None and arguments.state is not None:
        parser.error("name the KIND whose sums are in that file")
    try:
        return _called(arguments)
    except StateProblem as problem:
        print(f"benchmarks.long: {problem}", file=sys.stderr)
        return 2


def _called(arguments: argparse.Namespace) -> int:
    kinds = [arguments.kind] if arguments.kind else list(KINDS)
    states = [State(arguments.state or sums.FOLDER / f"{k}.json", k) for k in kinds]
    if arguments.show:
        return max([show(s) for s in states])
    (state,) = states
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    with contextlib.suppress(OSError):  # no right to it: in the machine's own IPC namespace
        sysv_process.unshare(sysv_process.CLONE_NEWIPC)
    if arguments.seed is not None:
        return again(state, state.kind, arguments.seed)
    with state.locked():
        try:
            work(state, state.kind, arguments.minutes, arguments.count)
        except KeyboardInterrupt:
            print("ended by a signal; what was counted is kept", flush=True)
    return show(state)


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
