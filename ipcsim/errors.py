"""What can go wrong for a user, as exceptions that carry words instead of tracebacks.

Every error that a user can cause is an `IpcsimError`; the command line prints it and leaves with its
`exit_code` (DESIGN, section 7). Anything else that escapes is a defect of ipcsim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a source text: the file as shown to the user, line and column counted from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Location("?", 0)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing wrong in a source text.

    `length` is how many characters the caret underlines; `hint` is the remedy ("did you mean …?").
    """

    at: Location
    message: str
    source_line: str = ""
    length: int = 1
    hint: str = ""

    def __str__(self) -> str:
        head = f"{self.at.file}:{self.at.line}:{self.at.column}: error: {self.message}"
        if not self.source_line:
            return f"{head}\n      {self.hint}" if self.hint else head
        number = f"{self.at.line:>5} | "
        line = self.source_line.expandtabs(1)[:160]
        if self.at.column > len(line) + 1:  # too far to the right to point at
            return f"{head}\n      {self.hint}" if self.hint else head
        carets = "^" * max(1, min(self.length, len(line) - self.at.column + 1))
        under = " " * 5 + " | " + " " * (self.at.column - 1) + carets
        return f"{head}\n{number}{line}\n{under}{' ' + self.hint if self.hint else ''}"


class IpcsimError(Exception):
    """Base of every error with a message meant for the user."""

    exit_code: ClassVar[int] = 2


class ScenarioError(IpcsimError):
    """A scenario or problem text is wrong; holds every diagnostic found, in the order of the text."""

    def __init__(self, diagnostics: list[Diagnostic] | tuple[Diagnostic, ...]) -> None:
        self.diagnostics = tuple(sorted(set(diagnostics), key=lambda d: (d.at, d.message)))
        super().__init__("\n".join(map(str, self.diagnostics)))


class UsageError(IpcsimError):
    """The request itself is wrong: an unknown scenario, a bad `--set`, a schedule that is not one."""


class EnvironmentProblem(IpcsimError):
    """This machine cannot do it (a limit, a missing right); the message names the remedy."""

    exit_code = 4


class TraceError(IpcsimError):
    """A trace file is truncated, corrupt, or of another version."""


class EvaluationError(Exception):
    """An expression has no value (division by zero, index out of range, a value that does not fit).

    Raised while a process of the scenario runs; it ends that process and becomes a finding.
    """
