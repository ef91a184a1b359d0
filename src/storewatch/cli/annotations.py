"""Commands that add, list and delete annotations of outages."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.access.audit import command_line_author
from storewatch.catalog import NewAnnotation
from storewatch.cli.home import Home
from storewatch.cli.installations import changing, reading
from storewatch.cli.usage import read_number
from storewatch.cli.values import read_instant
from storewatch.domain.enums import Reclassification
from storewatch.domain.errors import UnknownAnnotationError
from storewatch.domain.instants import format_instant

commands = typer.Typer(
    help="Note what caused an outage, and what its time counts as.", no_args_is_help=True, rich_markup_mode=None
)


@commands.command("add")
def add(
    store_id: Annotated[str, typer.Option(help="The store.", metavar="ID")],
    from_: Annotated[str, typer.Option("--from", help="The instant at which the annotated time begins.", metavar="T")],
    to: Annotated[str, typer.Option("--to", help="The instant at which the annotated time ends.", metavar="T")],
    cause: Annotated[str, typer.Option(help="The cause, in a few words.", metavar="TEXT")],
    text: Annotated[str | None, typer.Option("--note", help="Further details.", metavar="TEXT")] = None,
    reclassify_as: Annotated[
        Reclassification,
        typer.Option(help="What its down time counts as; `down` undoes an earlier annotation of the same time."),
    ] = Reclassification.DOWN,
    home: Home = None,
) -> None:
    """Annotate a period of a store. Polls stay as they are; a report can be run without annotations.

    Where annotations overlap, the one added last counts.

    \b
    Example: storewatch annotation add --store-id cafe --from 2023-01-23T16:15Z --to 2023-01-23T17:00Z \\
             --cause "power cut" --reclassify-as planned
    """
    annotation = NewAnnotation(
        store_id=store_id,
        start_at=read_instant(from_, "from"),
        end_at=read_instant(to, "to"),
        cause=cause,
        note=text,
        reclassify_as=reclassify_as,
        created_at=datetime.now(UTC),
        created_by=command_line_author(),
    )
    with changing(home, "annotation.create", "annotation") as (installation, audit):
        made = installation.catalog.annotations.create(annotation)
        audit.done(str(made.annotation_id))
    typer.echo(f"annotation {made.annotation_id} added")


@commands.command("list")
def list_(
    store_id: Annotated[str | None, typer.Option(help="Only those of this store.", metavar="ID")] = None,
    home: Home = None,
) -> None:
    """List the annotations, the newest first.

    Example: storewatch annotation list --store-id cafe
    """

    with reading(home) as installation:
        if store_id is not None:
            installation.catalog.names.require_stores([store_id])
        found = installation.catalog.annotations.list_(store_id=store_id)
        while found:
            for each in found:
                words = [each.cause, *([each.note] if each.note else [])]
                words.append(f"counts as {each.reclassify_as.value.replace('_', ' ')}")
                span = f"{format_instant(each.start_at)} to {format_instant(each.end_at)}"
                typer.echo(
                    f"{each.annotation_id}: {each.store_id}, {span}, {', '.join(words)} ({each.created_by or 'no key'})"
                )
            found = installation.catalog.annotations.list_(store_id=store_id, before=found[-1].annotation_id)


@commands.command("delete")
def delete(
    annotation_id: Annotated[
        int, typer.Argument(parser=read_number, help="The number that `annotation list` shows.", metavar="ID")
    ],
    home: Home = None,
) -> None:
    """Delete an annotation; its down time counts as if it had never been added.

    Example: storewatch annotation delete 7
    """

    with changing(home, "annotation.delete", "annotation") as (installation, audit):
        if not installation.catalog.annotations.delete(annotation_id):
            raise UnknownAnnotationError(str(annotation_id))
        audit.done(str(annotation_id))
    typer.echo(f"annotation {annotation_id} deleted")
