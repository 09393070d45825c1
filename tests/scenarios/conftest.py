"""Two scenarios need something of their surroundings: root, and somebody who removes what persists."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from ipcsim.catalogue import Entry
from ipcsim.sysv import queues

LEFT_BY_WRITER = 0x1C503  # the key of the queue of persists-writer


@pytest.fixture(autouse=True)
def _what_a_scenario_needs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Skip the run of `rights` where it cannot be; remove what `persists-writer` means to leave."""
    call = getattr(request.node, "callspec", None)
    runs = (
        {getattr(v, "name", v) for v in call.params.values() if isinstance(v, (str, Entry))}
        if call
        else set()
    )
    if "rights" in runs and "gives_its_verdict" in request.node.name and os.geteuid() != 0:
        pytest.skip("only root may switch to another user (`as:`)")
    yield
    if "persists-writer" in runs:
        with contextlib.suppress(FileNotFoundError):
            queues.remove(queues.create(LEFT_BY_WRITER, 0))  # no IPC_CREAT: only finds it
