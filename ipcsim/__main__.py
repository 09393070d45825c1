"""`python -m ipcsim`, and the `ipcsim` script."""

from __future__ import annotations

import sys


def main() -> int:
    """The command line; returns the exit code."""
    try:
        from ipcsim.cli.main import main as command

        return command()
    except KeyboardInterrupt:
        return 130
    except (ImportError, MemoryError, OSError, SystemError) as error:
        return _could_not_begin(error)


def _could_not_begin(error: Exception) -> int:
    """The exit code where limits are too small for the command to be loaded, or to tell why it ended."""
    from ipcsim import shortages

    problem = shortages.explain(error)
    if problem is None:
        raise error
    if sys.stderr is not None:
        print(f"ipcsim: {problem}", file=sys.stderr)
    return problem.exit_code


if __name__ == "__main__":
    sys.exit(main())
