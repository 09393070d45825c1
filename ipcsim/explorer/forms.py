"""Normal forms: which states stand for others, so that the others need not be explored."""

from __future__ import annotations

from typing import Protocol

from ipcsim.model.effects import Action


class Form(Protocol):
    """Maps each state to the one that stands for it."""

    def of(self, state: int) -> int:
        """The state that stands for `state`."""

    def unseen(self, state: int) -> tuple[Action, ...]:
        """The actions from `state` to the one that stands for it, where it is such that makes them equal."""
