"""The audit log: append-only in each kind of catalog, filtered, written in batches, and repeated entries summed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError
from support.waiting import wait_for

from storewatch.access.audit import AuditWriter
from storewatch.catalog import AuditEntry, AuditFilter, AuditRow, Catalog
from storewatch.domain.errors import CatalogUnavailableError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRY = AuditEntry(
    at=NOW,
    actor_id="k1",
    actor_name="poller",
    address="203.0.113.7",
    action="store.delete",
    object_type="store",
    object_id="cafe",
    outcome="done",
    request_id="r1",
    detail={"rows": 1},
)


def logged(catalog: Catalog, **wanted) -> list[AuditEntry]:
    rows = catalog.audit.list_(AuditFilter(**wanted), limit=1000)
    return [AuditEntry(**{name: value for name, value in vars(row).items() if name != "audit_id"}) for row in rows]


@pytest.mark.parametrize("change", ["UPDATE audit SET actor_name = 'nobody'", "DELETE FROM audit"])
def test_log_refuses_to_be_changed(catalog: Catalog, change: str) -> None:
    catalog.audit.append([ENTRY])
    with pytest.raises(DBAPIError, match="append-only"), catalog.database.writing() as connection:
        connection.exec_driver_sql(change)
    assert logged(catalog) == [ENTRY]


def test_log_is_read_newest_first_and_page_by_page(catalog: Catalog) -> None:
    entries = [replace(ENTRY, object_id=str(number)) for number in range(5)]
    catalog.audit.append(entries)
    rows = catalog.audit.list_(AuditFilter(), limit=3)
    assert [row.object_id for row in rows] == ["4", "3", "2"]
    assert [row.object_id for row in catalog.audit.list_(AuditFilter(), before=rows[-1].audit_id, limit=3)] == [
        "1",
        "0",
    ]
    assert rows[0] == AuditRow(audit_id=rows[0].audit_id, **vars(entries[4]))


@pytest.mark.parametrize(
    "wanted",
    [
        {"actor": "k2"},
        {"actor": "admin"},
        {"action": "key.create"},
        {"object_type": "key"},
        {"object_id": "k9"},
        {"outcome": "refused"},
        {"from_": NOW + timedelta(seconds=1)},
        {"from_": NOW + timedelta(seconds=1), "to": NOW + timedelta(seconds=2)},
    ],
)
def test_log_is_filtered(catalog: Catalog, wanted) -> None:
    other = AuditEntry(
        at=NOW + timedelta(seconds=1),
        actor_id="k2",
        actor_name="admin",
        address="203.0.113.8",
        action="key.create",
        object_type="key",
        object_id="k9",
        outcome="refused",
    )
    catalog.audit.append([ENTRY, other])
    assert logged(catalog, **wanted) == [other]
    assert logged(catalog, to=NOW) == []


def test_writer_commits_each_entry_before_it_returns(catalog: Catalog) -> None:
    writer = AuditWriter(catalog)
    entries = [replace(ENTRY, object_id=str(number)) for number in range(50)]
    for entry, written in [(entry, writer.write(entry)) for entry in entries]:
        written.result(timeout=30)
        assert logged(catalog, object_id=entry.object_id) == [entry]
    writer.close()


def test_writer_sums_like_entries_of_a_minute_into_one_row(catalog: Catalog) -> None:
    writer = AuditWriter(catalog, sum_seconds=0.5)
    push = replace(ENTRY, action="observations.push", object_id=None, detail={"accepted": 3, "rejected": 1})
    later = replace(push, at=NOW + timedelta(seconds=9), detail={"accepted": 2, "rejected": 0})
    writer.add(push)
    writer.add(later)
    writer.add(replace(push, outcome="refused", detail=None))
    rows = wait_for(lambda: logged(catalog) or None)
    counts = {"requests": 2, "last_at": "2026-03-01T12:00:09+00:00"}
    assert replace(push, detail={"accepted": 5, "rejected": 1, **counts}) in rows
    writer.add(push)
    writer.close()
    assert len(logged(catalog)) == 3


def test_closed_writer_has_written_all_and_takes_no_more(catalog: Catalog) -> None:
    writer = AuditWriter(catalog, sum_seconds=3600)
    writer.add(ENTRY)
    written = writer.write(ENTRY)
    writer.close()
    assert written.done()
    assert len(logged(catalog)) == 2
    with pytest.raises(RuntimeError):
        writer.write(ENTRY).result()


def test_writer_survives_a_database_that_fails(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    catalog = Catalog.open(sqlite_url)
    writer = AuditWriter(catalog)
    with catalog.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO elsewhere")
    with pytest.raises(CatalogUnavailableError):
        writer.write(ENTRY).result(timeout=30)
    assert "store.delete" in caplog.text
    with catalog.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO audit")
    writer.write(ENTRY).result(timeout=30)
    writer.close()
    catalog.close()
