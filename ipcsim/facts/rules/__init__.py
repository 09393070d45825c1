"""The rules of System V IPC on Linux, S-1 to R-8: each once, in words. Docstrings and tests cite them by id.

Nothing that runs reads this: it is for `docs/semantics.md` (`python -m ipcsim.facts`) and for the tests.
"""

from __future__ import annotations

from ipcsim.facts.rules import keys, queues, reading, segments, semaphores
from ipcsim.facts.rules.rule import KERNEL as KERNEL
from ipcsim.facts.rules.rule import Rule as Rule

FAMILIES = (semaphores.FAMILY, queues.FAMILY, segments.FAMILY, keys.FAMILY, reading.FAMILY)
RULES: dict[str, Rule] = {rule.id: rule for family in FAMILIES for rule in family.rules}
