"""The version of ipcsim, for the package, the `--json` output and the traces."""

__version__ = "0.1.0"
