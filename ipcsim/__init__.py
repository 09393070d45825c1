"""ipcsim: concurrency over System V IPC, run, watched and proved.

    >>> import ipcsim
    >>> program = ipcsim.load("dining-philosophers", seats=5)
    >>> outcome = ipcsim.run("dining-philosophers", seats=5, seed=7)
    >>> outcome.verdict, outcome.findings[0].message

The packages, from the bottom up: `program`, `trace`, `schedule`, `snapshot`, `verdict`, `errors` are
plain data; `language` turns text into a Program; `catalogue` finds texts; `analysis` judges; `sysv`
calls the kernel; `runner` runs; `report` shows; `api` and `campaigns` are the Python face, `cli` the
command, `pytest_plugin` what makes tests of scenarios.

What is in `_WHERE` is imported when it is first asked for, so `import ipcsim` costs nothing; the types
are in `__init__.pyi`.
"""

from ipcsim.version import __version__

_WHERE = {
    "load": "ipcsim.api",
    "run": "ipcsim.api",
    "repeat": "ipcsim.campaigns",
    "verify": "ipcsim.verification",
}

__all__ = ["__version__", "load", "repeat", "run", "verify"]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
