"""Stores that have the default or older hours or time zone because their rows were rejected."""

from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Select, and_, case, delete, exists, or_, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import BATCH_ROWS, read_rows, select_rows, write_rows
from storewatch.catalog.db.schema import fallbacks, hours_versions, stores
from storewatch.catalog.visibility import of_visible_store
from storewatch.domain.columns import FALLBACKS
from storewatch.domain.enums import Setting
from storewatch.domain.labels import ALL_STORES, Scope


class FallbackRepository(Repository):
    """The fallbacks: stores with a default or an older setting because their rows were rejected."""

    def list_(self, scope: Scope = ALL_STORES) -> pl.DataFrame:
        """Read FALLBACKS of the stores of a scope, by store_id."""
        with self._database.reading() as connection:
            return read_fallbacks(connection, scope=scope)


def read_fallbacks(
    connection: Connection, store_ids: pl.Series | None = None, scope: Scope = ALL_STORES
) -> pl.DataFrame:
    """Read the FALLBACKS of these stores (None: all), by store_id."""
    query = _fallbacks().where(of_visible_store(fallbacks, scope))
    if store_ids is not None:
        query = query.where(fallbacks.c.store_id.in_(store_ids.to_list()))
    found = read_rows(connection, query, pl.Schema({**FALLBACKS, "keeps_older": pl.Int64()}))
    return found.cast(FALLBACKS)


def write_fallbacks(
    connection: Connection, setting: Setting, given: pl.DataFrame | None, rejected: pl.DataFrame | None, now: datetime
) -> int:
    """Add fallbacks for stores whose rows were rejected, and delete those of written stores. Return how many changed.

    given: store_id of the stores whose setting is written. rejected: as in StoreChanges.
    """
    changed = 0
    if given is not None and given.height and connection.execute(select(1).select_from(fallbacks).limit(1)).first():
        for batch in given.select("store_id").unique().iter_slices(BATCH_ROWS):
            ids = select_rows(connection, fallbacks, batch)
            removing = delete(fallbacks).where(fallbacks.c.setting == setting, fallbacks.c.store_id.in_(ids))
            changed += connection.execute(removing).rowcount
    if rejected is not None and rejected.height:
        noted = rejected.unique("store_id", keep="first", maintain_order=True)
        noted = noted if given is None else noted.join(given, on="store_id", how="anti", maintain_order="left")
        rows = noted.select("store_id", "reason", "rejected_rows")
        changed += write_rows(connection, fallbacks, rows, setting=setting, noted_at=now)
    return changed


def _fallbacks() -> Select[Any]:
    is_dated = exists(select(1).where(hours_versions.c.store_id == fallbacks.c.store_id))
    keeps_older = or_(
        and_(fallbacks.c.setting == Setting.WEEKLY_HOURS, or_(stores.c.weekly_hours_id.is_not(None), is_dated)),
        and_(fallbacks.c.setting == Setting.TIMEZONE, stores.c.timezone.is_not(None)),
    )
    columns = (fallbacks.c[name] for name in FALLBACKS if name != "keeps_older")
    return (
        select(*columns, case((keeps_older, 1), else_=0))
        # A store that no input has named yet will have the default too.
        .outerjoin(stores, stores.c.store_id == fallbacks.c.store_id)
        .order_by(fallbacks.c.store_id, fallbacks.c.setting)
    )
