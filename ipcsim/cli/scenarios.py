"""`ipcsim check`, `show`, `list`, `schema`: what texts say, without running them."""

from __future__ import annotations

import click

from ipcsim.cli import output
from ipcsim.cli.options import ScenarioName, json_option, scenario_argument, set_option
from ipcsim.errors import IpcsimError

WRONG = 2


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=ScenarioName())
def check(files: tuple[str, ...]) -> int:
    """Say everything that is wrong with scenarios and problems, without running them.

    A problem is read with its defaults and as each of the variants that it lists under `expect:`. Every
    error has its file, line and column. Exit code 0 where all is well, 2 where anything is not.

    \b
    Examples:
      ipcsim check my-own.yaml
      ipcsim check scenarios/*.yaml
    """
    from ipcsim import api
    from ipcsim.report.meaning import summary

    code = 0
    for file in files:
        try:
            program = api.check(file)
        except IpcsimError as error:
            output.explain(error)
            code = WRONG
        else:
            output.show(f"{file}: ok: {summary(program)}")
    return code


@click.command()
@scenario_argument
@set_option
def show(name: str, arguments: dict[str, str]) -> int:
    """Say what a scenario means: parameters, objects, and every process step by step.

    Each call to the kernel, each load and each store of shared memory is one step: what stands between
    two numbers cannot be interrupted, what stands in two lines can.

    \b
    Examples:
      ipcsim show dining-philosophers
      ipcsim show dining-philosophers --set strategy=footman --set seats=3
    """
    from ipcsim import api, catalogue
    from ipcsim.report import meaning

    program = api.load(name, arguments=arguments)
    output.show(meaning.render(catalogue.describe(name), program, output.width(), output.color()))
    return 0


@click.command(name="list")
@json_option
def list_(as_json: bool) -> int:
    """List the scenarios and problems that come with ipcsim, and the verdict to expect of each.

    A problem is a parametric definition; a scenario is one experiment. Both can be run.

    \b
    Examples:
      ipcsim list
      ipcsim list --json | jq -r '.entries[] | select(.expect == "deadlock") | .name'
    """
    with output.errors_as_json(as_json, "list"):
        from ipcsim import api
        from ipcsim.report import lists

        listed = api.listing()
        if as_json:
            output.show_json(lists.as_json(listed))
        else:
            output.show(lists.render(listed, output.width(), output.color()))
    return 0


@click.command()
def schema() -> int:
    """Print the JSON Schema of scenario files, from which editors complete and check.

    With the language server of YAML, a first line in a scenario like this one is all it takes:
    # yaml-language-server: $schema=ipcsim.schema.json

    \b
    Examples:
      ipcsim schema > ipcsim.schema.json
    """
    from ipcsim.language import json_schema

    output.show_json(json_schema())
    return 0
