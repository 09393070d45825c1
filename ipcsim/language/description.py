"""What a text says of itself: plain data for `ipcsim list` and `ipcsim show`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ipcsim.errors import NOWHERE, Location
from ipcsim.program.expressions import MAX_INT
from ipcsim.verdict import Verdict

Argument = int | str | bool


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """A declared parameter, for the loader and for `ipcsim show`."""

    name: str
    type: str
    default: Argument
    choices: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    description: str = ""

    @property
    def range(self) -> str:
        """What it may be, in words."""
        if self.type == "choice":
            return "one of " + ", ".join(self.choices)
        if self.type == "bool":
            return "true or false"
        if self.type == "text":
            return "a text"
        low, high = self.min, self.max
        if low is not None and high is not None:
            return f"a whole number from {low} to {high}"
        if low is not None or high is not None:
            return f"a whole number, at least {low}" if low is not None else f"a whole number, at most {high}"
        return "a whole number"

    def accepts(self, value: Argument) -> bool:
        if self.type == "bool":
            return isinstance(value, bool)
        if self.type == "int":
            return (
                isinstance(value, int)
                and not isinstance(value, bool)
                and -MAX_INT - 1 <= value <= MAX_INT
                and (self.min is None or value >= self.min)
                and (self.max is None or value <= self.max)
            )
        return isinstance(value, str) and (self.type == "text" or value in self.choices)

    def from_user(self, value: Argument) -> Argument | None:
        """The value of a `--set`, whose texts are converted, or of a call from Python."""
        if isinstance(value, str) and self.type == "int":
            text = value.strip()
            digits = text.removeprefix("-").removeprefix("+")
            value = int(text) if digits.isdecimal() and digits.isascii() and len(text) < 25 else value
        elif isinstance(value, str) and self.type == "bool":
            value = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
                value.strip().lower(), value
            )
        return value if self.accepts(value) else None


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant that the problem knows, with the verdicts to expect; `settings` are run settings by name."""

    arguments: dict[str, Argument]
    expect_run: Verdict
    expect_verify: Verdict
    settings: dict[str, Any] = field(default_factory=dict)
    at: Location = NOWHERE


@dataclass(frozen=True, slots=True)
class TestSettings:
    """What `test:` says: how many seeds (or which), and whether it is to be verified as well."""

    __test__ = False  # pytest takes what is called so for a test
    seeds: int | tuple[int, ...] = 1
    verify: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """`problem` is the problem that a scenario takes, `arguments` its `with:`; `expect_*` its verdicts.
    `settings` are its run settings by name, `test` is how it wants to be tested, None: not at all."""

    name: str
    title: str
    titre: str
    source: str
    course: str
    description: str
    is_problem: bool
    problem: str | None
    parameters: tuple[ParameterInfo, ...]
    variants: tuple[Variant, ...]
    arguments: dict[str, Argument]
    expect_run: Verdict
    expect_verify: Verdict
    at: Location = NOWHERE
    settings: dict[str, Any] = field(default_factory=dict)
    test: TestSettings | None = None
