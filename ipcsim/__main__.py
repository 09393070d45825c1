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


if __name__ == "__main__":
    sys.exit(main())
