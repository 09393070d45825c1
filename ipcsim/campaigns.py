"""Campaigns and stored reports, for Python and the command alike.

    campaign = ipcsim.repeat("transfer", 100, scheduler="random")
    campaign.counts, campaign.firsts["deadlock"].seed

`repeat` runs a scenario many times; `read` opens the file that a run or a campaign left, and makes of it
any form of report.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ipcsim import api, budget, shortages
from ipcsim.api import Argument, Folder, Request
from ipcsim.errors import TraceError, UsageError
from ipcsim.files import open_plain
from ipcsim.program import Program, Scheduler
from ipcsim.report import campaign as files
from ipcsim.report.campaign import Campaign
from ipcsim.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from ipcsim.trace import Trace

MOST = 1_000_000  # runs
LARGEST = 1 << 30  # bytes of a campaign file
HIGHEST_BASE = 2**31  # of a seed that nobody gave


def repeat(
    what: str | os.PathLike[str] | Program,
    n: int,
    /,
    *,
    seed: int | None = None,
    scheduler: str | Scheduler | None = None,
    depth: int | None = None,
    timeout: float | None = None,
    duration: float | None = None,
    trace_dir: Folder | None = None,
    keep_all: bool = False,
    progress: Callable[[Outcome], None] | None = None,
    isolate: bool = False,
    arguments: Mapping[str, Argument] | None = None,
    **parameters: Argument,
) -> Campaign:
    """Run a scenario `n` times with the seeds `seed`, `seed` + 1, …: see `ipcsim.run` for the rest.

    Without a seed, neither here nor in the scenario, chance gives the first. Of the traces the first of
    each verdict is kept, or each with `keep_all`. `progress` is called after each run.
    """
    given = api.merged(arguments, parameters)
    if isinstance(what, Program):
        if given:
            raise UsageError("a Program has its arguments already; give them to `load`")
        program, target, given = what, what.name, dict(what.arguments)
    else:
        program, target = api.load(what, arguments=given), os.fspath(what)
    request = Request(
        target, given, seed, scheduler, depth, timeout, duration, trace_dir=trace_dir, isolate=isolate
    )
    return execute(program, request, n, keep_all=keep_all, after=progress)


def execute(
    program: Program,
    request: Request,
    n: int,
    *,
    keep_all: bool = False,
    after: Callable[[Outcome], None] | None = None,
) -> Campaign:
    """`n` runs of `program`. SIGINT ends the campaign after what it has; that it did so is in it."""
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:
        raise UsageError(f"the number of runs is a whole number from 1 to {MOST:,}, not {n!r}")
    base = _base(program, request, n)
    folder, remark = api.trace_folder(request.trace_dir, program.name)
    # `may_move` would move into one namespace inside the other, run after run
    one = replace(request, trace_dir=folder, may_move=False, schedule=None)
    with ExitStack() as spared:
        outcomes, interrupted = _runs(program, one, range(base, base + n), keep_all, after, spared)
        written = [o.extra.get("trace") for o in outcomes]
        said = api.spare_room(request.trace_dir, program.name, written, request.told)
    campaign = Campaign(
        scenario=program.name,
        arguments=dict(program.arguments),
        expect=program.expect_run,
        outcomes=tuple(outcomes),
        asked=n,
        interrupted=interrupted,
        request=outcomes[0].extra["request"] if outcomes else {},
        remarks=(*([remark] if remark else []), *said),
    )
    return _written(campaign, folder)


def _runs(
    program: Program,
    request: Request,
    seeds: range,
    keep_all: bool,
    after: Callable[[Outcome], None] | None,
    spared: ExitStack,
) -> tuple[list[Outcome], bool]:
    """The outcomes, and whether somebody interrupted. The traces that are kept are `spared` by runs of others
    that go on at the same time."""
    outcomes: list[Outcome] = []
    interrupted = False
    try:
        for seed in seeds:
            outcome = api.execute(program, replace(request, seed=seed))
            interrupted = bool(outcome.extra.get("interrupted"))
            if interrupted and outcome.verdict in (Verdict.OK, Verdict.INCONCLUSIVE):
                _forget_trace(outcome)  # it says nothing but that it was interrupted
                break
            outcomes.append(outcome if keep_all else _kept(outcome, outcomes))
            if not keep_all and (trace := outcomes[-1].extra.get("trace")) is not None:
                spared.enter_context(budget.spared(trace))
            if after is not None:
                after(outcomes[-1])
            if interrupted:
                break
    except KeyboardInterrupt:
        interrupted = True
    return outcomes, interrupted


def _base(program: Program, request: Request, n: int) -> int:
    """The seed of the first run; that of the last one is in the range of seeds as well."""
    seed = request.seed if request.seed is not None else program.settings.seed
    if seed is None:
        return random.SystemRandom().randrange(HIGHEST_BASE)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63 - n:
        raise UsageError(f"`seed` is a whole number from 0 to {2**63 - 1 - n}, not {seed!r}")
    return seed


def _kept(outcome: Outcome, before: list[Outcome]) -> Outcome:
    """The outcome with its trace where it is the first of its verdict, else without."""
    if all(o.verdict != outcome.verdict for o in before):
        return outcome
    _forget_trace(outcome)
    return replace(outcome, extra={**outcome.extra, "trace": None})


def _forget_trace(outcome: Outcome) -> None:
    trace = outcome.extra.get("trace")
    if trace is not None:
        with suppress(OSError):
            Path(trace).unlink()


def _written(campaign: Campaign, folder: Path | None) -> Campaign:
    """The campaign with its file beside the traces, or with a remark why there is none."""
    if folder is None or not campaign.outcomes:
        return campaign
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        path = folder / f"{stamp}{f'-{attempt}' if attempt else ''}.campaign.json"
        try:
            with path.open("x") as file:
                file.write(files.encode(campaign))
        except FileExistsError:
            continue
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            remark = f"the campaign could not be written: {error.strerror}"
            return replace(campaign, remarks=(*campaign.remarks, remark))
        return replace(campaign, path=str(path))
    return replace(campaign, remarks=(*campaign.remarks, f"too many campaigns of this second in {folder}"))


# --- what a run left ---

OF_A_CAMPAIGN = ("text", "json", "html", "annotations")  # the forms that make sense of many runs


@dataclass(frozen=True)
class Stored:
    """What a file holds: the trace of one run, or a campaign."""

    path: Path
    found: Outcome | Campaign
    trace: Trace | None = None

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcome; of a campaign the first of each verdict."""
        return (self.found,) if isinstance(self.found, Outcome) else tuple(self.found.firsts.values())

    def render(self, form: str, width: int = 100, color: bool = False) -> str:
        """One of the forms of `ipcsim report`; width and colour are those of the text."""
        from ipcsim.report import forms

        if isinstance(self.found, Campaign):
            if form not in OF_A_CAMPAIGN:
                raise UsageError(
                    f"a campaign has the forms {', '.join(OF_A_CAMPAIGN)}; {form} is of one trace: "
                    "name that of a run in it"
                )
            return forms.render_campaign(form, self.found, width, color)
        assert self.trace is not None
        return forms.render(form, self.trace, self.found, width, color)


def read(file: str | os.PathLike[str]) -> Stored:
    """What the trace or campaign file of a run holds; `TraceError` where it is neither."""
    from ipcsim.trace import read_trace

    path = Path(file)
    try:
        if _is_campaign(path):
            return Stored(path, files.decode(_text(path), str(path)))
        trace = read_trace(path)
        return Stored(path, api.outcome_of(trace, path), trace)
    except RecursionError:
        raise TraceError(f"{path} is no trace of ipcsim: it is nested too deeply") from None


def _is_campaign(path: Path) -> bool:
    try:
        with open_plain(path) as stream:
            return files.MARK.encode() in stream.read(100)
    except (OSError, ValueError):
        return False  # whoever reads it says why


def _text(path: Path) -> str:
    try:
        with open_plain(path) as stream:
            raw = stream.read(LARGEST + 1)
        text = raw.decode()
    except OSError as error:
        if (problem := shortages.explain(error)) is not None:
            raise problem from None
        raise TraceError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TraceError(f"{path} is a damaged campaign file (it is not UTF-8 text)") from None
    if len(raw) > LARGEST:
        raise TraceError(f"{path} is larger than a campaign file can be")
    return text
