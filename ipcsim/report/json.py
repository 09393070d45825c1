"""An outcome, or an error, as the one JSON object that `--json` prints (DESIGN, section 7); and back."""

from __future__ import annotations

from typing import Any

from ipcsim.errors import Diagnostic, IpcsimError, Location, ScenarioError, TraceError
from ipcsim.verdict import Finding, Kind, Outcome, Verdict
from ipcsim.version import __version__

# keys that a run always has, and what stands there where nothing else is known
_OF_A_RUN: dict[str, Any] = {
    "trace": None,
    "detected_after_s": None,
    "events": 0,
    "schedule": None,
    "scheduler": "free",
    "remarks": [],
    "interrupted": False,
}
SCHEMA = 1  # of the object; goes up where a key goes or changes its meaning, not where one comes
_PRIVATE = "request"  # how the run was asked for: only `words.again` needs it


def render(outcome: Outcome) -> dict[str, Any]:
    """The outcome, ready for `json.dumps`."""
    data = outcome.as_json()
    data.pop(_PRIVATE, None)
    data = {"ipcsim": data.pop("ipcsim"), "schema": SCHEMA, **data}
    missing = _OF_A_RUN if outcome.command in ("run", "replay") else {}
    return {**data, **{k: v for k, v in missing.items() if k not in data}}


def render_error(command: str, error: BaseException) -> dict[str, Any]:
    """What stands in the outcome's place where there is none."""
    told: dict[str, Any] = {"kind": _sort(error), "message": str(error)}
    if isinstance(error, ScenarioError):
        told["diagnostics"] = [_diagnostic(d) for d in error.diagnostics]
    return {"ipcsim": __version__, "schema": SCHEMA, "command": command, "error": told}


def _sort(error: BaseException) -> str:
    if not isinstance(error, IpcsimError):
        return "defect"
    name = type(error).__name__.removesuffix("Error").removesuffix("Problem").lower()
    return name if name != "ipcsim" else "usage"


def _diagnostic(d: Diagnostic) -> dict[str, Any]:
    return {
        "at": str(d.at),
        "file": d.at.file,
        "line": d.at.line,
        "column": d.at.column,
        "message": d.message,
        "hint": d.hint,
    }


# --- back ---


def parse(data: dict[str, Any]) -> Outcome:
    """The outcome that `render` was given, from an object that anybody may have written."""
    schema = data.get("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise TraceError(
            f"the outcome has schema {schema!r:.40}, this ipcsim reads up to {SCHEMA}; use a newer ipcsim"
        )
    try:
        known = {*Outcome.__dataclass_fields__, "ipcsim", "schema", "as_expected"}
        return Outcome(
            command=str(data["command"]),
            scenario=str(data["scenario"]),
            verdict=Verdict(data["verdict"]),
            expect=Verdict(data["expect"]),
            complete=bool(data["complete"]),
            findings=tuple(_finding(f) for f in data["findings"]),
            seed=None if data["seed"] is None else int(data["seed"]),
            duration_s=_seconds(data["duration_s"]),
            arguments=dict(data.get("arguments", {})),
            extra={k: _expected_type(k, v) for k, v in data.items() if k not in known and k != _PRIVATE},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TraceError(f"the outcome in the trace is damaged ({type(error).__name__}: {error})") from None


def _expected_type(key: str, value: Any) -> Any:
    """`value`, where it is of a type that the report can show."""
    allowed: dict[str, tuple[type, ...]] = {
        "trace": (str, type(None)),
        "detected_after_s": (int, float, type(None)),
        "events": (int,),
        "schedule": (str, type(None)),
        "scheduler": (str,),
        "remarks": (list,),
        "interrupted": (bool,),
    }
    if key in allowed and not isinstance(value, allowed[key]):
        raise TypeError(f"`{key}` is {type(value).__name__}")
    return _seconds(value) if key == "detected_after_s" and value is not None else value


def _seconds(value: Any) -> float:
    """A duration that can be shown."""
    seconds = float(value)
    if not 0 <= seconds < 1e12:
        raise ValueError(f"{seconds} is no duration")
    return seconds


def _finding(data: dict[str, Any]) -> Finding:
    return Finding(
        kind=Kind(data["kind"]),
        verdict=None if data["verdict"] is None else Verdict(data["verdict"]),
        message=str(data["message"]),
        processes=_words(data["processes"]),
        objects=_words(data["objects"]),
        cycle=_words(data["cycle"]),
        at=None if data["at"] is None else _location(str(data["at"])),
        details=tuple(_detail(d) for d in data["details"]),
        caused_by=_words(data.get("caused_by", [])),
    )


def _words(items: list[Any]) -> tuple[str, ...]:
    return tuple(str(i) for i in items)


def _detail(items: list[Any]) -> tuple[str, str, str]:
    subject, text, place = items
    return str(subject), str(text), str(place)


def _location(text: str) -> Location:
    file, _, line = text.rpartition(":")
    return Location(file, int(line))
