"""How steps and properties name a process: `consumer[0]`, or `writer` where there is only one."""

from __future__ import annotations

from dataclasses import dataclass, field

from ipcsim.program.expressions import Const, Expr


@dataclass
class FamilyName:
    """A family as others see it; `is_broken` keeps what follows from its errors quiet.

    `phases` are those that its steps enter, known once it is compiled.
    """

    name: str
    number: int
    count: int | None
    spawned: bool = False
    is_broken: bool = False
    phases: list[str] = field(default_factory=list)

    def misnamed(self, index: Expr | None) -> str:
        """Why `name[index]` (or `name`, where `index` is None) is no process; empty where it may be one."""
        name = self.name
        if self.is_broken:
            return ""
        if index is None:
            return "" if self.count is None else f"there are {self.count} of `{name}`: write `{name}[0]`"
        if self.count is None:
            return f"`{name}` is a single process: write it without an index"
        return ""

    def outside(self, index: Expr | None) -> str:
        """Why there is no `name[index]`, where that is known now; else empty."""
        which = index.value if isinstance(index, Const) else None
        if isinstance(which, int) and self.count is not None and not 0 <= which < self.count:
            return f"there is no `{self.name}[{which}]`: the last is `{self.name}[{self.count - 1}]`"
        return ""
