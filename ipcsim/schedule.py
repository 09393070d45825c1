"""Schedule: the choices of an execution alone, as one short line that `replay` accepts.

    0*3 1 2:1 0!

Each word is one process (by number) that takes a step: `*n` n times in a row, `:k` takes alternative k
(of a `choose`), `!` lets the timeout of its blocked call strike, `x` kills it. A step is one visible
instruction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ipcsim.errors import UsageError

_WORD = re.compile(r"(\d{1,6})(?::(\d{1,4})|(!)|(x))?(?:\*(\d{1,9}))?")
MAX_STEPS = 10_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """One step: which process; which alternative of a `choose`; that its timeout strikes; or that it dies,
    wherever it is, by SIGKILL."""

    process: int
    alternative: int | None = None
    timeout: bool = False
    dies: bool = False

    def __str__(self) -> str:
        if self.timeout or self.dies:
            return f"{self.process}{'!' if self.timeout else 'x'}"
        return str(self.process) if self.alternative is None else f"{self.process}:{self.alternative}"


@dataclass(frozen=True, slots=True)
class Schedule:
    choices: tuple[Choice, ...]

    def __len__(self) -> int:
        return len(self.choices)

    def __str__(self) -> str:
        words: list[str] = []
        start = 0
        for i in range(1, len(self.choices) + 1):
            if i == len(self.choices) or self.choices[i] != self.choices[start]:
                count = i - start
                words.append(f"{self.choices[start]}*{count}" if count > 1 else str(self.choices[start]))
                start = i
        return " ".join(words)

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """The schedule that `str` printed; `UsageError` names the first word that is none."""
        choices: list[Choice] = []
        for place, word in enumerate(text.split(), 1):
            match = _WORD.fullmatch(word)
            count = int(match[5] or 1) if match else 0
            if match is None or count < 1 or len(choices) + count > MAX_STEPS:
                raise UsageError(
                    f"word {place} of the schedule, `{word[:40]}`, is not of the form 3, 3*5, 3:1, 3! or 3x"
                )
            alternative = None if match[2] is None else int(match[2])
            choice = Choice(int(match[1]), alternative, bool(match[3]), bool(match[4]))
            choices += [choice] * count
        return cls(tuple(choices))
