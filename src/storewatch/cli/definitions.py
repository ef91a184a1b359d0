"""Commands around reports that are saved under a name."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.cli.home import Home, author, installation, note
from storewatch.cli.report_options import report_command, with_format

definitions = typer.Typer(
    help="Save reports under a name, to run and schedule them by it.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="The report's name.", metavar="NAME")]


@definitions.command("save", cls=report_command(without=("definition", "as_of"), texts={"format": "csv, or wide_csv"}))
def save(context: typer.Context, name: Name, home: Home = None) -> None:
    """Save what a report is asked for, in the place of any other report of this name.

    \b
    Example: storewatch definition save weekly --windows last_week --by day --include outages --format xlsx
    Then:    storewatch report --definition weekly --output reports/
    """
    from storewatch.catalog import Definition
    from storewatch.reports.request.definitions import check_name
    from storewatch.reports.request.request import read_request

    check_name(name)
    parameters = with_format(context.obj)
    read_request(parameters)
    now = datetime.now(UTC)
    with installation(home) as app:
        saved = Definition(name=name, parameters=parameters, created_at=now, created_by=author(now))
        is_new = app.catalog.definitions.replace(saved)
        note(app, "definition.create" if is_new else "definition.change", "definition", name)
    typer.echo(f"{name} {'saved' if is_new else 'replaced'}")


@definitions.command("list")
def list_(home: Home = None) -> None:
    """List the saved reports.

    Example: storewatch definition list
    """
    with installation(home) as app:
        for saved in app.catalog.definitions.list_():
            typer.echo(f"{saved.name}: {json.dumps(saved.parameters, ensure_ascii=False)}")


@definitions.command("show")
def show(name: Name, home: Home = None) -> None:
    """Show what a saved report is asked for, as JSON.

    Example: storewatch definition show weekly
    """
    from storewatch.reports.request.definitions import resolve_definition

    with installation(home) as app:
        parameters = resolve_definition({"definition": name}, app.catalog)
    typer.echo(json.dumps(parameters, indent=2, ensure_ascii=False))


@definitions.command("delete")
def delete(name: Name, home: Home = None) -> None:
    """Delete a saved report. Schedules that name it fail from then on.

    Example: storewatch definition delete weekly
    """
    from storewatch.domain.errors import UnknownDefinitionError

    with installation(home) as app:
        if not app.catalog.definitions.delete(name):
            raise UnknownDefinitionError(name)
        note(app, "definition.delete", "definition", name)
    typer.echo(f"{name} deleted")
