"""Commands around what somebody knows of an outage."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from storewatch.cli.home import Home, author, installation, note
from storewatch.cli.report_options import read_instant
from storewatch.domain.enums import Reclassification

annotations = typer.Typer(
    help="Say what caused an outage, and what its time counts as.", no_args_is_help=True, rich_markup_mode=None
)


@annotations.command("add")
def add(
    store_id: Annotated[str, typer.Option(help="The store.", metavar="ID")],
    from_: Annotated[str, typer.Option("--from", help="The instant at which the stretch begins.", metavar="T")],
    to: Annotated[str, typer.Option("--to", help="The instant at which it ends.", metavar="T")],
    cause: Annotated[str, typer.Option(help="The cause, in a few words.", metavar="TEXT")],
    text: Annotated[str | None, typer.Option("--note", help="What else there is to say.", metavar="TEXT")] = None,
    reclassify_as: Annotated[
        Reclassification | None, typer.Option(help="What its down time counts as [default: down].")
    ] = None,
    home: Home = None,
) -> None:
    """Say something of a stretch of a store. Polls stay as they are; reports can be run without it.

    \b
    Example: storewatch annotation add --store-id cafe --from 2023-01-23T16:15Z --to 2023-01-23T17:00Z \\
             --cause "power cut" --reclassify-as planned
    """
    from storewatch.catalog import NewAnnotation
    from storewatch.domain.enums import Reclassification

    now = datetime.now(UTC)
    annotation = NewAnnotation(
        store_id=store_id,
        start_at=read_instant(from_, "from"),
        end_at=read_instant(to, "to"),
        cause=cause,
        note=text,
        reclassify_as=None if reclassify_as is None else Reclassification(reclassify_as.value),
        created_at=now,
        created_by=author(now),
    )
    with installation(home) as app:
        made = app.catalog.annotations.create(annotation)
        note(app, "annotation.create", "annotation", str(made.annotation_id))
    typer.echo(f"annotation {made.annotation_id} added")


@annotations.command("list")
def list_(
    store_id: Annotated[str | None, typer.Option(help="Only of this store.", metavar="ID")] = None, home: Home = None
) -> None:
    """List the annotations, the newest first.

    Example: storewatch annotation list --store-id cafe
    """
    from storewatch.domain.instants import format_instant

    with installation(home) as app:
        found = app.catalog.annotations.list_(store_id=store_id)
        while found:
            for each in found:
                said = [each.cause, *([each.note] if each.note else [])]
                if each.reclassify_as is not None:
                    said.append(f"counts as {each.reclassify_as.value.replace('_', ' ')}")
                span = f"{format_instant(each.start_at)} to {format_instant(each.end_at)}"
                typer.echo(
                    f"{each.annotation_id}: {each.store_id}, {span}, {', '.join(said)} ({each.created_by or 'no key'})"
                )
            found = app.catalog.annotations.list_(store_id=store_id, before=found[-1].annotation_id)


@annotations.command("delete")
def delete(
    annotation_id: Annotated[int, typer.Argument(help="The number that `annotation list` shows.", metavar="ID")],
    home: Home = None,
) -> None:
    """Delete an annotation; the time it reclassified is down again.

    Example: storewatch annotation delete 7
    """
    from storewatch.domain.errors import UnknownAnnotationError

    with installation(home) as app:
        if not app.catalog.annotations.delete(annotation_id):
            raise UnknownAnnotationError(str(annotation_id))
        note(app, "annotation.delete", "annotation", str(annotation_id))
    typer.echo(f"annotation {annotation_id} deleted")
