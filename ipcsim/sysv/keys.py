"""Keys: how unrelated processes agree on an object."""

from __future__ import annotations

import sysv_ipc

IPC_PRIVATE = 0


def ftok(path: str, project: int) -> int:
    """ftok(3), signed 32 bit (K-1); OSError where the path cannot be looked at."""
    return int(sysv_ipc.ftok(path, project, silence_warning=True))


def unsigned(key: int) -> int:
    """A key as ipcs(1) shows it."""
    return key & 0xFFFFFFFF
