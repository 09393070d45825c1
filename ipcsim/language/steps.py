"""Every step of the language: whoever imports this finds the table whole."""

from __future__ import annotations

from ipcsim.language import (  # noqa: F401  each enters its steps
    steps_control,
    steps_data,
    steps_objects,
    steps_processes,
    steps_semaphores,
)
from ipcsim.language.step_table import STEP_KINDS
from ipcsim.language.steps_call import inline

__all__ = ["STEP_KINDS", "inline"]
