"""ipcsim: concurrency over System V IPC, run, watched and proved.

    >>> import ipcsim
    >>> program = ipcsim.load("dining-philosophers", seats=5)
    >>> outcome = ipcsim.run("dining-philosophers", seats=5, seed=7)
    >>> outcome.verdict, outcome.findings[0].message

The packages, from the bottom up: `program`, `trace`, `schedule`, `snapshot`, `verdict`, `errors` are
plain data; `language` turns text into a Program; `catalogue` finds texts; `analysis` judges; `sysv`
calls the kernel; `runner` runs; `report` shows; `api` is the Python face and `cli` the command.

`load` and `run` are imported when they are first asked for, so `import ipcsim` costs nothing; their
types are in `__init__.pyi`.
"""

from ipcsim.version import __version__

__all__ = ["__version__", "load", "run"]


def __getattr__(name: str) -> object:
    if name not in ("load", "run"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module("ipcsim.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
