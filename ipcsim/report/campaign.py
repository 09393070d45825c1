"""Campaign: the same scenario run many times, each run with a seed of its own.

What counts is how often each verdict came, how long the runs took, and how to have the first run of
each verdict again. Plain data, and its two forms as JSON: `as_json` is what `ipcsim run --repeat
--json` prints, `encode` the file from which `decode` (`ipcsim report`) makes it again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ipcsim.errors import TraceError
from ipcsim.report import json as outcome_json
from ipcsim.verdict import PRECEDENCE, Outcome, Verdict
from ipcsim.version import __version__

FORMAT = 1
MARK = "ipcsim-campaign"  # the first key of the file, by which it is known


@dataclass(frozen=True)
class Campaign:
    """`asked` runs of one scenario, of which `outcomes` were made (fewer where it was `interrupted`).

    `trace` of an outcome is the path of its trace, None where it was not kept. `request` is how the runs
    were asked for (see `words.again`), `path` the file of the campaign where there is one.
    """

    scenario: str
    arguments: Mapping[str, Any]
    expect: Verdict
    outcomes: tuple[Outcome, ...]
    asked: int = 0
    interrupted: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    path: str | None = None

    @cached_property
    def counts(self) -> dict[Verdict, int]:
        """How often each verdict came, those that came only, in the order of precedence, `ok` last."""
        found = Counter(o.verdict for o in self.outcomes)
        return {v: found[v] for v in (*PRECEDENCE, Verdict.OK) if v in found}

    @cached_property
    def firsts(self) -> dict[Verdict, Outcome]:
        """The first outcome of each verdict, in the order of `counts`."""
        return {v: next(o for o in self.outcomes if o.verdict == v) for v in self.counts}

    @property
    def durations(self) -> tuple[float, ...]:
        """Seconds, one a run."""
        return tuple(o.duration_s for o in self.outcomes)

    @property
    def verdict(self) -> Verdict:
        """The first in the order of precedence that came; of no run at all nothing can be said."""
        return next(iter(self.counts), Verdict.INCONCLUSIVE)

    @property
    def as_expected(self) -> bool:
        """Whether every run that was made ended as the scenario expects, and there was one."""
        return bool(self.outcomes) and all(o.as_expected for o in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 where all is as expected, 3 where only `inconclusive` differs, 1 otherwise."""
        if self.as_expected:
            return 0
        return 3 if self.counts.keys() <= {self.expect, Verdict.INCONCLUSIVE} else 1

    @property
    def seeds(self) -> tuple[int | None, ...]:
        return tuple(o.seed for o in self.outcomes)

    def _repr_html_(self) -> str:
        from ipcsim.report import notebook

        return notebook.campaign(self)

    # --- JSON ---

    def as_json(self) -> dict[str, Any]:
        """The one object of `--json`: the least keys of an outcome, about all runs, and one line a run."""
        first = self.firsts.get(self.verdict)
        return {
            "ipcsim": __version__,
            "schema": outcome_json.SCHEMA,
            "command": "run",
            "scenario": self.scenario,
            "arguments": dict(self.arguments),
            "verdict": str(self.verdict),
            "expect": str(self.expect),
            "as_expected": self.as_expected,
            "complete": bool(self.outcomes) and all(o.complete for o in self.outcomes),
            "findings": [] if first is None else [f.as_json() for f in first.findings],
            "seed": None if first is None else first.seed,
            "duration_s": round(sum(self.durations), 6),
            "trace": None if first is None else first.extra.get("trace"),
            "detected_after_s": None if first is None else first.extra.get("detected_after_s"),
            "repeat": self.asked,
            "verdicts": {str(v): n for v, n in self.counts.items()},
            "runs": [_run(o) for o in self.outcomes],
            "interrupted": self.interrupted,
            "remarks": list(self.remarks),
            "campaign": self.path,
        }


def _run(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.seed,
        "verdict": str(outcome.verdict),
        "as_expected": outcome.as_expected,
        "duration_s": round(outcome.duration_s, 6),
        "trace": outcome.extra.get("trace"),
    }


# --- the file ---


def encode(campaign: Campaign) -> str:
    """The campaign as the text of its file, `MARK` first.

    Only the first run of each verdict keeps its schedule: the others are had again by their seed.
    """
    firsts = {id(o) for o in campaign.firsts.values()}
    data = {
        MARK: FORMAT,
        "ipcsim": __version__,
        "scenario": campaign.scenario,
        "arguments": dict(campaign.arguments),
        "expect": str(campaign.expect),
        "asked": campaign.asked,
        "interrupted": campaign.interrupted,
        "request": dict(campaign.request),
        "remarks": list(campaign.remarks),
        "outcomes": [_stored(o, id(o) in firsts) for o in campaign.outcomes],
    }
    return json.dumps(data, separators=(",", ":")) + "\n"


def _stored(outcome: Outcome, whole: bool) -> dict[str, Any]:
    data = outcome_json.render(outcome)
    return data if whole else {**data, "schedule": None}


def decode(text: str, path: str) -> Campaign:
    """The campaign that `encode` was given; `TraceError` where the text is none, or not of this format."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TraceError(f"{path} is a damaged campaign file ({error})") from None
    if not isinstance(data, dict) or MARK not in data:
        raise TraceError(f"{path} is not a campaign of ipcsim")
    if data[MARK] != FORMAT:
        raise TraceError(
            f"{path} has campaign format {data[MARK]!r}, this ipcsim reads format {FORMAT}; "
            "use the version of ipcsim that wrote it"
        )
    try:
        request = _request(data["request"])
        return Campaign(
            scenario=str(data["scenario"]),
            arguments=dict(data["arguments"]),
            expect=Verdict(data["expect"]),
            outcomes=tuple(_outcome(o, request) for o in data["outcomes"]),
            asked=int(data["asked"]),
            interrupted=bool(data["interrupted"]),
            request=request,
            remarks=tuple(str(r) for r in data["remarks"]),
            path=path,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TraceError(f"{path} is a damaged campaign file ({type(error).__name__}: {error})") from None


def _request(data: dict[str, Any]) -> dict[str, Any]:
    """What `words.again` reads, in the types that it needs; empty where nothing is said."""
    if not data:
        return {}
    options = [str(o) for o in data.get("options", ())]
    return {"target": str(data["target"]), "set": dict(data["set"]), "options": options}


def _outcome(data: dict[str, Any], request: Mapping[str, Any]) -> Outcome:
    """One run; how it was asked for stands in the campaign, once for all."""
    outcome = outcome_json.parse(data)
    return replace(outcome, extra={**outcome.extra, "request": request}) if request else outcome
