"""The command line: parse, call one function, print. One file a command group."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer._click.exceptions import NoArgsIsHelpError

from storewatch import __version__
from storewatch.cli.commands import LazyGroup
from storewatch.cli.home import HOME_HELP, use_home
from storewatch.cli.usage import check_arguments, usage_text
from storewatch.domain.error_families import BrokenError, StorewatchError, UnavailableError, is_storage_full
from storewatch.domain.errors import InvalidParameterError, StorageFullError

app = typer.Typer(
    name="storewatch",
    cls=LazyGroup,
    help="How long each store was online during its business hours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


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


def main() -> None:
    """Run the command line. Exit with 0 when done, 2 for a mistake of the user, 1 for a failure of the machine."""
    try:
        check_arguments(sys.argv[1:])
        sys.exit(app(standalone_mode=False))
    except NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        _fail(usage_text(error), error.exit_code)
    except typer.Abort:
        _fail("Nothing was done.", 1)
    except StorewatchError as error:
        option = f"--{error.name.replace('_', '-')}: " if isinstance(error, InvalidParameterError) else ""
        _fail(f"{option}{error}", 1 if isinstance(error, UnavailableError | BrokenError) else 2)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        is_full = is_storage_full(error)
        _fail(str(StorageFullError()) if is_full else f"{error.filename or 'Standard output'}: {error.strerror}.", 1)


def _fail(text: str, exit_code: int) -> NoReturn:
    typer.echo(f"storewatch: {text}", err=True)
    sys.exit(exit_code)
