"""`--help` teaches by example, answers at once, and loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from ipcsim.cli.main import ipcsim as group
from ipcsim.version import __version__
from tests.cli.conftest import Run

COMMANDS = [
    "run", "verify", "check", "show", "list", "new", "replay", "report", "ipcs", "clean", "doctor", "schema",
]  # fmt: skip
HEAVY = ("rich", "yaml", "networkx", "jinja2", "sysv_ipc", "ipcsim.runner", "ipcsim.language")


def test_the_commands_in_their_order() -> None:
    assert list(group.commands) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_examples(command: str, option: str) -> None:
    result = CliRunner().invoke(group, [command, option])
    assert result.exit_code == 0
    assert "Examples:\n    ipcsim " in result.output
    assert f"ipcsim {command}" in result.output


def test_help_and_version(ipcsim: Run) -> None:
    assert ipcsim("--version").stdout == f"ipcsim, version {__version__}\n"
    shown = ipcsim("--help")
    assert shown.returncode == 0
    assert "Examples:" in shown.stdout
    assert all(f"  {c} " in shown.stdout for c in COMMANDS)


@pytest.mark.parametrize(
    "program",
    [
        "import ipcsim",
        "import ipcsim.cli.main",
        "from ipcsim.cli.completion import scenario_items; scenario_items('d')",
    ],
)
def test_nothing_heavy_is_loaded(program: str) -> None:
    code = f"{program}\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = loaded.stdout.split()
    heavy = [m for m in modules if any(m == h or m.startswith(f"{h}.") for h in HEAVY)]
    if "completion" in program:
        # the catalogue finds names; it must not read what they stand for
        heavy = [m for m in heavy if not m.startswith("ipcsim.language")]
    assert heavy == []


def test_usage_errors(ipcsim: Run) -> None:
    for arguments in ([], ["nothing"], ["run"], ["run", "quick.yaml", "--nothing"], ["replay", "quick.yaml"]):
        done = ipcsim(*arguments)
        assert done.returncode == (0 if not arguments and not done.stderr else 2)
        assert done.stdout == "" or not arguments


def test_a_usage_error_with_json_is_one_object_on_stdout(capsys) -> None:
    import json

    from ipcsim.cli.main import main

    assert main(["run", "dining-philosophers", "--timeout", "5", "--json"]) == 2
    said = capsys.readouterr()
    assert "no duration" in json.loads(said.out)["error"]["message"]
    assert "no duration" in said.err
