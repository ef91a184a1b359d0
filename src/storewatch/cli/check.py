"""The command that checks an installation for damage."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.domain.plurals import counted
from storewatch.integrity import check_installation
from storewatch.integrity import remove_damaged as remove

commands = typer.Typer(rich_markup_mode=None)


@commands.command("check")
def check(
    remove_damaged: Annotated[
        bool,
        typer.Option("--remove-damaged", help="Remove damaged files from the lake, so that the others can be read."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    home: Home = None,
) -> None:
    """Read every file of the lake and of reports, and the whole catalog, and list what is damaged.

    Nothing is changed without --remove-damaged. Exits with 1 if there is any problem. Other processes can work
    meanwhile.

    Example: storewatch check --home /srv/storewatch
    """
    if remove_damaged:
        with changing(home, "lake.remove_damaged", "lake") as (installation, audit):
            files, observations = remove(installation)
            if not files:
                audit.nothing_done()
        typer.echo(
            f"{counted(files, 'damaged file')} taken out of the lake, with {counted(observations, 'observation')}.",
            err=as_json,
        )
    with reading(home) as installation:
        found = check_installation(installation)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
    else:
        version = "not readable" if found.lake_version is None else f"version {found.lake_version:,}"
        typer.echo(
            f"lake: {version}, {counted(found.lake_files, 'file')}, {counted(found.observations, 'observation')}; "
            f"{counted(found.reports, 'report')}"
        )
        for problem in found.problems:
            typer.echo(f"{problem.part}: {problem.what}\n  {problem.advice}")
        typer.echo("No problem found." if not found.problems else f"{counted(len(found.problems), 'problem')} found.")
    if found.problems:
        raise typer.Exit(1)
