"""Commands that list, show and delete saved column mappings. `import --save-map` saves them."""

from typing import Annotated

import typer

from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.domain.errors import UnknownMappingError

commands = typer.Typer(
    help="List, show and delete the column mappings that `import --save-map` saved.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="The mapping's name.", metavar="NAME")]


@commands.command("list")
def list_(home: Home = None) -> None:
    """List the saved column mappings.

    Example: storewatch mapping list
    """
    with reading(home) as installation:
        for saved in installation.catalog.mappings.list_():
            typer.echo(f"{saved.name}: {', '.join(saved.options())}")


@commands.command("show")
def show(name: Name, home: Home = None) -> None:
    """Show a saved column mapping: column=field, each on a line.

    Example: storewatch mapping show till
    """
    with reading(home) as installation:
        saved = installation.catalog.mappings.find(name)
    if saved is None:
        raise UnknownMappingError(name)
    for option in saved.options():
        typer.echo(option)


@commands.command("delete")
def delete(name: Name, home: Home = None) -> None:
    """Delete a saved column mapping. Imports and requests that name it are refused from then on.

    Example: storewatch mapping delete till
    """
    with changing(home, "mapping.delete", "mapping") as (installation, audit):
        if not installation.catalog.mappings.delete(name):
            raise UnknownMappingError(name)
        audit.done(name)
    typer.echo(f"{name} deleted")
