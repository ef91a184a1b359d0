"""Commands that save, list, show and delete report definitions."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.access.audit import command_line_author
from storewatch.catalog import Definition
from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.cli.report_options import report_command, with_format
from storewatch.domain.errors import UnknownDefinitionError
from storewatch.reports.request.definitions import check_name, resolve_definition
from storewatch.reports.request.request import read_request

commands = typer.Typer(
    help="Save the parameters of reports under a name, to run and schedule the reports by this name.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="The report's name.", metavar="NAME")]


@commands.command("save", cls=report_command(without=("definition", "as_of"), texts={"format": "csv, or wide_csv"}))
def save(context: typer.Context, name: Name, home: Home = None) -> None:
    """Save the parameters of a report under a name. A report saved under this name before is replaced.

    \b
    Example: storewatch definition save weekly --windows last_week --by day --include outages --format xlsx
    Then:    storewatch report --definition weekly --output reports/
    """
    from storewatch.reports.request.names import check_names, check_polls

    check_name(name)
    parameters = with_format(context.obj)
    request = read_request(parameters)
    saved = Definition(name=name, parameters=parameters, created_at=datetime.now(UTC), created_by=command_line_author())
    with changing(home, "definition.create", "definition") as (installation, audit):
        check_names(request, installation.catalog)
        check_polls(request, installation.lake.snapshot(), installation.catalog)
        is_new = installation.catalog.definitions.replace(saved)
        audit.done(name, action="definition.create" if is_new else "definition.change")
    typer.echo(f"{name} {'saved' if is_new else 'replaced'}")


@commands.command("list")
def list_(home: Home = None) -> None:
    """List the saved reports.

    Example: storewatch definition list
    """
    with reading(home) as installation:
        for saved in installation.catalog.definitions.list_():
            typer.echo(f"{saved.name}: {json.dumps(saved.parameters, ensure_ascii=False)}")


@commands.command("show")
def show(name: Name, home: Home = None) -> None:
    """Show the parameters of a saved report as JSON.

    Example: storewatch definition show weekly
    """
    with reading(home) as installation:
        parameters = resolve_definition({"definition": name}, installation.catalog)
    typer.echo(json.dumps(parameters, indent=2, ensure_ascii=False))


@commands.command("delete")
def delete(name: Name, home: Home = None) -> None:
    """Delete a saved report. Schedules that name it fail from then on.

    Example: storewatch definition delete weekly
    """

    with changing(home, "definition.delete", "definition") as (installation, audit):
        if not installation.catalog.definitions.delete(name):
            raise UnknownDefinitionError(name)
        audit.done(name)
    typer.echo(f"{name} deleted")
