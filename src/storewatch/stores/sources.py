"""Check that the sources of a request exist."""

from collections.abc import Sequence

import polars as pl

from storewatch.catalog import Catalog, StoreFilter
from storewatch.catalog.names import nearest_or_listed
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.lake import Snapshot
from storewatch.stores.poll_texts import common_spelling


def check_sources(snapshot: Snapshot, catalog: Catalog, sources: Sequence[str], scope: Scope = ALL_STORES) -> None:
    """Raise InvalidInputError, with the nearest names, for a source that no poll of the scope's stores has.

    sources: in their common spelling. Days are read from the newest one back, until all sources are found.
    """
    if not sources:
        return
    files = snapshot.listing.filter("has_details")
    conditions = []
    if scope.is_limited:
        conditions = [pl.col("store_id").is_in(catalog.stores.list_ids(StoreFilter(labels=scope.labels)).implode())]
    found: set[str] = set()
    for day in files["day"].unique().sort(descending=True):
        scan = snapshot.scan(files.filter(pl.col("day") == day), detailed=True).filter(*conditions)
        found |= set(common_spelling(snapshot.collect(scan.select(pl.col("source").unique()))["source"]).drop_nulls())
        if found.issuperset(sources):
            return
    unknown = next((source for source in sources if source not in found), None)
    if unknown is not None and not found:
        raise InvalidInputError("No poll has a source; leave out the sources.")
    if unknown is not None:
        raise InvalidInputError(
            f"No poll has the source {unknown!r}; {nearest_or_listed(unknown, found, 'the sources')}."
        )
