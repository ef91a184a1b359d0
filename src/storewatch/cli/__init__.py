"""The command line: parse, call one function, print. One file a command group."""

import re
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from storewatch import __version__
from storewatch.cli import (
    annotations,
    check,
    closures,
    data,
    definitions,
    findings,
    imports,
    jobs,
    keys,
    mappings,
    observations,
    reports,
    schedules,
    service,
    special_hours,
    stores,
)
from storewatch.cli.home import HOME_HELP, use_home
from storewatch.cli.report_options import report_command
from storewatch.domain.error_families import BrokenError, StorewatchError, UnavailableError, is_storage_full
from storewatch.domain.errors import InvalidInputError, InvalidParameterError, StorageFullError

# Bytes of an argument that are no UTF-8, as Python shows them.
_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")

app = typer.Typer(
    name="storewatch",
    help="How long every store was really online during the hours it says it is open.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("import")(data.import_paths)
app.command("rejects")(data.rejects)
app.command("report", cls=report_command())(reports.report)
app.command("verify")(reports.verify)
app.command("outages", cls=findings.OutagesCommand)(findings.outages)
app.command("doctor", cls=findings.DoctorCommand)(findings.doctor)
app.command("serve")(service.serve)
app.command("worker")(service.worker)
app.command("status")(data.status)
app.command("check")(check.check)
app.command("optimize")(data.optimize)
app.command("retention")(jobs.retention)
app.command("simulate")(data.simulate)
app.command("compile")(service.compile_kernels)
app.add_typer(keys.keys, name="key")
app.add_typer(schedules.schedules, name="schedule")
app.add_typer(definitions.definitions, name="definition")
app.add_typer(mappings.mappings, name="mapping")
app.add_typer(closures.closures, name="closure")
app.add_typer(annotations.annotations, name="annotation")
app.add_typer(imports.imports, name="imports")
app.add_typer(observations.observations, name="observations")
app.add_typer(special_hours.special_hours, name="special-hours")
app.add_typer(stores.stores, name="stores")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"storewatch {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    home: Annotated[Path | None, typer.Option(help=HOME_HELP)] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    use_home(home)


def _refuse_bytes(arguments: list[str]) -> None:
    """Raise InvalidInputError for an argument that is not UTF-8 text, unless it is the name of a file."""
    for argument in arguments:
        if not argument.isascii() and _HALF_CHARACTER.search(argument) and not Path(argument).exists():
            shown = _HALF_CHARACTER.sub("\ufffd", argument)
            raise InvalidInputError(f"The argument {shown!r} is not valid UTF-8 text.")


def main() -> None:
    """Run the command line. Exit with 0 when done, 2 for a mistake of the user, 1 for a failure of the machine."""
    try:
        _refuse_bytes(sys.argv[1:])
        app()
    except StorewatchError as error:
        option = f"--{error.name.replace('_', '-')}: " if isinstance(error, InvalidParameterError) else ""
        typer.echo(f"storewatch: {option}{error}", err=True)
        sys.exit(1 if isinstance(error, UnavailableError | BrokenError) else 2)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        if is_storage_full(error):
            typer.echo(f"storewatch: {StorageFullError()}", err=True)
            sys.exit(1)
        typer.echo(f"storewatch: {error.filename or 'Standard output'}: {error.strerror}.", err=True)
        sys.exit(1)
