"""What several commands take: a scenario, `--set key=value`, durations, `--json`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    ParamType = click.ParamType[Any]  # generic from click 8.3 on
else:
    ParamType = click.ParamType

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.ASCII)


class Duration(ParamType):
    """`10s`, `500ms`, `2m` → seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        from ipcsim.program.program import LONGEST_RUN

        match = _DURATION.fullmatch(str(value))
        unit = _UNITS.get(match[2]) if match else None
        if match is None or unit is None:
            self.fail(f"{value!r} is no duration; write a number with a unit: 500ms, 10s, 2m", param, ctx)
        seconds = float(match[1]) * unit
        if not 0 < seconds <= LONGEST_RUN:
            self.fail(f"{value!r} is no duration to wait for: above 0, at most a week", param, ctx)
        return seconds


class Assignment(ParamType):
    """`key=value` → (key, value); what the value means is decided by the parameter's type."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, sign, text = str(value).partition("=")
        if not sign or not key.strip():
            self.fail(f"{value!r} is not of the form key=value, as in seats=5", param, ctx)
        return key.strip(), text.strip()

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ipcsim.cli.completion import parameter_items

        # behind an option without its value click has not yet sorted the arguments
        name = ctx.params.get("name") or next(iter(ctx.args), None)
        return parameter_items(name, incomplete)


class ScenarioName(ParamType):
    """The name of a scenario or problem, or the path of a file."""

    name = "name or path"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ipcsim.cli.completion import scenario_items

        return scenario_items(incomplete)


def _once_each(
    ctx: click.Context, param: click.Parameter, value: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    given: dict[str, str] = {}
    for key, text in value:
        if key in given:
            raise click.BadParameter(f"{key!r} is given twice", ctx=ctx, param=param)
        given[key] = text
    return given


def scenario_argument(function: F) -> F:
    return click.argument("name", metavar="NAME_OR_PATH", type=ScenarioName())(function)


def set_option(function: F) -> F:
    """`--set` → a dict of texts, in `arguments`."""
    return click.option(
        "--set",
        "arguments",
        multiple=True,
        type=Assignment(),
        metavar="KEY=VALUE",
        callback=_once_each,
        help="Give a parameter of the problem another value; can be repeated.",
    )(function)


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object on stdout.")(
        function
    )


def annotations_option(function: F) -> F:
    """`--annotations` → `annotate`."""
    return click.option(
        "--annotations",
        "annotate",
        is_flag=True,
        help="Also print the findings as annotations of GitHub Actions (on stderr with --json).",
    )(function)


def run_options(function: F) -> F:
    """What `run` and `replay` have in common."""
    for option in reversed(_RUN_OPTIONS):
        function = option(function)
    return function


_RUN_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    set_option,
    click.option(
        "--timeout", type=Duration(), metavar="10s", help="Stop after this and call it inconclusive."
    ),
    json_option,
    click.option(
        "--report",
        "report_dir",
        type=click.Path(),
        metavar="DIR",
        help="Where the trace goes, instead of ./reports/<scenario>/.",
    ),
    click.option("--no-trace", is_flag=True, help="Write no trace."),
    annotations_option,
    click.option(
        "--isolate",
        is_flag=True,
        help="Run in a private IPC namespace (root, or user namespaces): nothing can be left behind.",
    ),
    click.option(
        "--shared",
        is_flag=True,
        help="Let the scenario use, change and remove objects that others made; refused otherwise.",
    ),
    click.option(
        "--live", is_flag=True, help="Show each process and the objects while it runs, on a terminal."
    ),
)
