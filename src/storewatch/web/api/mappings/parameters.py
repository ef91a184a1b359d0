"""Parameters of requests that bring rows: which fields the columns or keys of other names hold."""

from typing import Annotated, Final

from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request
from pydantic import StringConstraints

from storewatch.access import Principal
from storewatch.catalog import Catalog
from storewatch.ingest.mappings import ColumnFields, read_mapping, saved_columns
from storewatch.web.dependencies import Installed
from storewatch.web.parameters import field

MAX_MAPPED: Final = 100
MAP: Final = "Which field a column or key of another name holds: `column=field`, such as `tz=timezone_str`. May repeat."
MAPPING: Final = "The name of a saved column mapping."
MapText = Annotated[str, StringConstraints(min_length=1, max_length=300)]
MappingName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


def mappings_for(caller: Principal, catalog: Catalog) -> Catalog | None:
    """Return where the caller may look up saved mappings. A key with a scope sees none: they may be of any stores."""
    return None if caller.scope.is_limited else catalog


async def _mapped_columns(
    request: Request,
    installation: Installed,
    map_: Annotated[
        list[MapText] | None, Query(alias="map", max_length=MAX_MAPPED, description=MAP, examples=[None])
    ] = None,
    mapping: Annotated[MappingName | None, Query(description=MAPPING, examples=[None])] = None,
) -> ColumnFields:
    columns: ColumnFields = {}
    if mapping is not None:
        catalog = mappings_for(request.state.principal, installation.catalog)
        with field("query", "mapping"):
            columns = await run_sync(saved_columns, mapping, catalog)
    if map_:
        with field("query", "map"):
            columns = read_mapping(map_, columns)
    return columns


MappedColumns = Annotated[ColumnFields, Depends(_mapped_columns)]
