"""What this machine allows, for `ipcsim doctor`: every check, each with its remedy."""

from __future__ import annotations

from collections.abc import Callable

from ipcsim.runner import doctor_abilities, doctor_limits, doctor_surroundings
from ipcsim.runner.machine import Check, Machine, Status

GROUPS: tuple[tuple[str, Callable[[Machine], list[Check]]], ...] = (
    ("limits", doctor_limits.checks),
    ("tried", doctor_abilities.checks),
    ("surroundings", doctor_surroundings.checks),
)


def examine(machine: Machine | None = None) -> list[tuple[str, list[Check]]]:
    """Every check, in groups."""
    looked_at = Machine() if machine is None else machine
    return [(name, checks(looked_at)) for name, checks in GROUPS]


def fit(groups: list[tuple[str, list[Check]]]) -> bool:
    """Whether everything that runs need is there."""
    return all(c.status is not Status.MISSING for _, checks in groups for c in checks)
