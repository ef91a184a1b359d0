"""What a caller may see. Queries of the catalog and routes ask this module; nothing else decides it.

A caller without a scope sees everything that its role allows. A caller with a scope, such as owner=acme, sees:

- stores: those that carry the label of the scope with its value now, and with a store its labels, zone, hours, polls
  (with reason and source), annotations and defaults.
- special hours, closures, targets, sales: those of these stores, those whose target is exactly the label and value of
  the scope, and those of all stores. Entries of other labels count in the figures of the stores that carry the label,
  but are not shown: a caller who may label a store could otherwise read what others entered for any label.
- reports with their files, imports with their rejected rows, jobs: those that were created under exactly this scope
  and name no store and no label (`job_names`) that has left it since. A store may have another owner now.
- who created something: only itself.
- names that an error suggests: those of these stores and of their labels.
- versions of the lake and the catalog, and numbers of rows: none, because they count what others write. Ids and
  cursors that a caller with a scope gets are random, hold the time, or count only what it can see.

Keys, the audit log, saved reports, schedules, saved column mappings and metrics are refused to it as a whole.

It changes stores that it sees and entries of single stores. It cannot change labels, because labels decide which keys
see a store and which entries apply to it.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, exists, or_, select, true

from storewatch.catalog.db.schema import job_names, jobs, store_labels, stores
from storewatch.domain.labels import Scope


def visible_stores(scope: Scope) -> Select[Any]:
    """Select the ids of the stores that a caller sees."""
    query = select(stores.c.store_id)
    for label, value in scope.labels:
        carriers = select(store_labels.c.store_id).where(store_labels.c.label == label, store_labels.c.value == value)
        query = query.where(stores.c.store_id.in_(carriers))
    return query


def of_visible_store(table: Table, scope: Scope) -> ColumnElement[bool]:
    """Return the condition for a row of a table that is about a store that the caller sees."""
    return table.c.store_id.in_(visible_stores(scope)) if scope.is_limited else true()


def is_visible_entry(table: Table, scope: Scope) -> ColumnElement[bool]:
    """Return the condition for a row with a target (`Target`) that the caller sees."""
    if scope.label is None:
        return true()
    return or_(
        table.c.store_id.in_(visible_stores(scope)),
        and_(table.c.label == scope.label.name, table.c.value == scope.label.value),
        and_(table.c.store_id.is_(None), table.c.label.is_(None)),
    )


def visible_carriers(scope: Scope, label: Any, value: Any) -> Select[Any]:
    """Select the ids of the stores with a label that a caller sees. value: empty for every value of the label."""
    query = select(store_labels.c.store_id).where(
        store_labels.c.label == label, store_labels.c.store_id.in_(visible_stores(scope))
    )
    return query.where(or_(value == "", store_labels.c.value == value))


def is_visible_job(scope: Scope) -> ColumnElement[bool]:
    """Return the condition for a job that the caller sees."""
    if scope.label is None:
        return true()
    has_left = or_(
        and_(job_names.c.store_id != "", job_names.c.store_id.not_in(visible_stores(scope))),
        and_(
            job_names.c.label != "",
            ~visible_carriers(scope, job_names.c.label, job_names.c.value).correlate(job_names).exists(),
        ),
    )
    return and_(
        jobs.c.scope_label == scope.label.name,
        jobs.c.scope_value == scope.label.value,
        jobs.c.names_id.is_not(None),
        ~exists().where(job_names.c.names_id == jobs.c.names_id, has_left),
    )


def shown_number(number: int | None, scope: Scope) -> int | None:
    """Return a version or a number that counts what all callers write; None for a caller that must not see it."""
    return None if scope.is_limited else number


def shown_creator(created_by: str | None, scope: Scope, key_id: str | None) -> str | None:
    """Return who created something: a key or a user. A caller with a scope sees only itself. key_id: its own."""
    return created_by if not scope.is_limited or created_by == key_id else None
