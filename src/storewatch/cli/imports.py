"""Commands that list imports and undo them."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.catalog import FinishedImport
from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.cli.tables import aligned
from storewatch.cli.usage import MOST_LISTED, read_number
from storewatch.domain.error_families import ConflictError
from storewatch.domain.errors import UnknownImportError
from storewatch.domain.plurals import counted

commands = typer.Typer(help="List imports, and undo them.", no_args_is_help=True, rich_markup_mode=None)

ImportId = Annotated[
    int, typer.Argument(parser=read_number, help="The number that `import` and `imports list` print.", metavar="IMPORT")
]


@commands.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="List at most this many imports.")] = 100,
    home: Home = None,
) -> None:
    """List the imports, the newest first.

    Example: storewatch imports list
    """
    with reading(home) as installation:
        found = installation.catalog.imports.list_(limit)
    header = ("import", "imported at", "table", "accepted", "rejected", "state", "file")
    rows = [
        (
            str(each.import_id),
            f"{each.imported_at:%Y-%m-%d %H:%M:%S}",
            each.table_name,
            f"{each.accepted:,}",
            f"{each.rejected:,}",
            _state(each),
            each.file,
        )
        for each in found
    ]
    for line in aligned(header, rows, right=(0, 3, 4)):
        typer.echo(line)


@commands.command("show")
def show(import_id: ImportId, home: Home = None) -> None:
    """Show one import, and whether it can be undone.

    Example: storewatch imports show 3
    """
    with reading(home) as installation:
        found = installation.catalog.imports.find(import_id)
        if found is None:
            raise UnknownImportError(str(import_id))
        try:
            installation.catalog.undos.check([import_id])
            undo = "possible" if found.undone_at is None else "done"
        except ConflictError as error:
            undo = str(error)
    lines = {
        "import": str(found.import_id),
        "file": found.file,
        "table": found.table_name,
        "imported at": f"{found.imported_at:%Y-%m-%d %H:%M:%S} UTC",
        "rows": f"{found.rows:,} ({found.accepted:,} accepted, {found.rejected:,} rejected)",
        "lake version": "none" if found.lake_version is None else str(found.lake_version),
        "state": _state(found),
        "undo": undo,
    }
    for name, value in lines.items():
        typer.echo(f"{name + ':':<14}{value}")


@commands.command("undo")
def undo(import_id: ImportId, home: Home = None) -> None:
    """Undo an import: its polls leave the lake, and hours, zones, labels and entries are what they were before it.

    Polls that an import replaced come back; polls that came later stay. Stores that it added go if nothing else is
    known of them. Refused where something that the import wrote was changed later; the message names the change. An
    import can be undone for 30 days.

    Example: storewatch imports undo 3
    """
    from storewatch.ingest.undoing import undo_imports

    with changing(home, "import.undo", "import") as (installation, audit):
        done = undo_imports([import_id], catalog=installation.catalog, lake=installation.lake, now=datetime.now(UTC))
        if done.is_new:
            audit.done(str(import_id))
        else:
            audit.nothing_done()
    if not done.is_new:
        typer.echo(f"Import {import_id} was undone before; nothing to do.")
        return
    polls = f": {counted(done.observations, 'poll')} removed, {done.restored:,} restored" if done.observations else ""
    typer.echo(f"Import {import_id} undone{polls}")


def _state(found: "FinishedImport") -> str:
    return "imported" if found.undone_at is None else f"undone {found.undone_at:%Y-%m-%d %H:%M:%S}"
