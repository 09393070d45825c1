"""Runs the Program whose JSON is in a file: a supervisor to be killed by the tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ipcsim.program.codec import decode_program
from ipcsim.runner.supervisor import run


def main() -> None:
    program = decode_program(json.loads(Path(sys.argv[1]).read_text()))
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    outcome = run(program, folder=folder)
    print(json.dumps(outcome.as_json()))


if __name__ == "__main__":
    main()
