"""The `ipcsim` command: all commands in one group, and what becomes of errors."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import click

from ipcsim import shortages
from ipcsim.cli import output
from ipcsim.cli.clean import clean
from ipcsim.cli.doctor import doctor
from ipcsim.cli.ipcs import ipcs
from ipcsim.cli.new import new
from ipcsim.cli.report import report
from ipcsim.cli.run import replay, run
from ipcsim.cli.scenarios import check, list_, schema, show
from ipcsim.cli.verify import verify
from ipcsim.errors import IpcsimError
from ipcsim.version import __version__

DEFECT = 70  # EX_SOFTWARE: not the user's fault
PIPE = 141  # what a shell says of a process that SIGPIPE ended
ISSUES = "please report it with the command line, the scenario, and what IPCSIM_DEBUG=1 prints"


class Ordered(click.Group):
    """Lists its commands in the order in which they were added: the most wanted first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Ordered, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ipcsim")
def ipcsim() -> None:
    """Concurrency over System V IPC: run it on real processes, watch it, see what goes wrong.

    \b
    Examples:
      ipcsim list                                      what there is to run
      ipcsim run dining-philosophers                   run it: five processes, one deadlock
      ipcsim run dining-philosophers --set strategy=ordered
      ipcsim verify dining-philosophers                every interleaving: proof or counterexample
      ipcsim show dining-philosophers                  what it means, step by step
      ipcsim new my-own && ipcsim run my-own.yaml      write one
    """


for _command in (run, verify, check, show, list_, new, replay, report, ipcs, clean, doctor, schema):
    ipcsim.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. Every error becomes a message and a code here."""
    output.prepare_streams()
    try:
        code = ipcsim.main(arguments, prog_name="ipcsim", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except SystemExit as leaving:  # shell completion leaves this way
        return leaving.code if isinstance(leaving.code, int) else 0
    except (click.exceptions.Abort, KeyboardInterrupt):
        output.complain("ipcsim: interrupted")
        return 130
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)  # it may quote an argument
        output.complain(said.getvalue().rstrip("\n"))
        words = sys.argv[1:] if arguments is None else arguments
        if "--json" in words:  # one object on stdout, whatever happens
            output.show_usage_error(words[0], error.format_message())
        return error.exit_code
    except IpcsimError as error:
        output.explain(error)
        return error.exit_code
    except BrokenPipeError:
        if os.environ.get("IPCSIM_DEBUG"):
            raise
        output.forget(sys.stdout)
        return PIPE
    except Exception as error:
        if (problem := shortages.explain(error)) is not None:
            output.explain(problem)
            return problem.exit_code
        return _defect(error)
    finally:
        output.flush()


def _defect(error: Exception) -> int:
    if os.environ.get("IPCSIM_DEBUG"):
        import traceback

        traceback.print_exc()
    output.complain(
        f"ipcsim: this is a defect of ipcsim {__version__}, not of your scenario: "
        f"{type(error).__name__}: {error}\n  {ISSUES}"
    )
    return DEFECT
