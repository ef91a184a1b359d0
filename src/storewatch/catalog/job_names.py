"""What jobs that were created under a scope name: stores and labels of the scope.

A job names the stores and labels in its parameters. A job that has ended also names the stores in its result. Jobs that
name the same share one set of rows. When a store or label of the set leaves the scope, keys with this scope see the job
no longer (`visibility.is_visible_job`).
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, delete, select

from storewatch.catalog.db.rows import write_rows
from storewatch.catalog.db.schema import job_names, jobs
from storewatch.catalog.db.state import lock_stores
from storewatch.catalog.visibility import visible_carriers, visible_stores
from storewatch.domain.labels import Scope

_NAMES: Final = pl.Schema({"store_id": pl.String, "label": pl.String, "value": pl.String})


def record_names(
    connection: Connection, scope: Scope, parameters: Mapping[str, Any], store_ids: pl.Series | None
) -> str | None:
    """Store what a job names, and return the id of the set; None without a scope, because such a job is never hidden.

    store_ids: the stores in its result. Of the parameters only what is in the scope now is stored: other names were
    made up by the caller.
    """
    if not scope.is_limited:
        return None
    lock_stores(connection)  # also so that `forget_names` does not delete the same set meanwhile
    visible = set(connection.execute(visible_stores(scope)).scalars())
    ids = {*(store_ids if store_ids is not None else ()), *(visible & {*(parameters.get("store_ids") or ())})}
    labels = [
        (name, value)
        for name, value in _labels(parameters)
        if connection.execute(visible_carriers(scope, name, value).limit(1)).first() is not None
    ]
    rows = pl.DataFrame(
        [*((store_id, "", "") for store_id in sorted(ids)), *(("", *label) for label in sorted({*labels}))],
        _NAMES,
        orient="row",
    )
    names_id = hashlib.sha256(rows.write_ndjson().encode()).hexdigest()
    write_rows(connection, job_names, rows, names_id=names_id)
    return names_id


def visible_ids(connection: Connection, scope: Scope) -> pl.Series:
    """Return the ids of the stores that a caller sees."""
    return pl.Series(connection.execute(visible_stores(scope)).scalars().all(), dtype=pl.String)


def forget_names(connection: Connection, names_id: str) -> None:
    """Delete a set if no job has it any more."""
    lock_stores(connection)
    if connection.execute(select(jobs.c.job_id).where(jobs.c.names_id == names_id).limit(1)).first() is None:
        connection.execute(delete(job_names).where(job_names.c.names_id == names_id))


def _labels(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the labels in the parameters of a report with their value, which is empty for all values."""
    yield from (parameters.get("labels") or {}).items()
    yield from ((str(parameters[name]), "") for name in ("group_by", "peers") if parameters.get(name))
