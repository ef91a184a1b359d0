from datetime import UTC, datetime

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from storewatch.catalog import Catalog, Job
from storewatch.catalog.db.database import Database, _create_postgres, _create_sqlite, _parse
from storewatch.catalog.db.upgrade import MIGRATIONS
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.labels import Label, Scope

NOW = "2023-01-25 18:13:22.479220"
AT = datetime(2023, 1, 25, 18, 13, 22, 479_220, tzinfo=UTC)


def test_reports_of_the_first_version_become_jobs(new_database_url: str) -> None:
    url = _parse(new_database_url)
    old = Database(_create_sqlite(url) if url.get_backend_name() == "sqlite" else _create_postgres(url))
    with old.writing() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0001")
        zone = "+00" if connection.dialect.name == "postgresql" else ""
        insert = text(
            "INSERT INTO reports (report_id, parameters, state, created_at, finished_at, fingerprint, lake_version, "
            'catalog_version, file, sha256, rows, error) VALUES (:id, \'{"policy": "fill"}\', :state, :at, :ended, '
            ":print, :number, :number, :file, :file, :number, :error)"
        )
        nothing = dict.fromkeys(("print", "number", "file", "error", "ended"))
        for row in (
            {"id": "a", "state": "complete", "ended": NOW + zone, "print": "f1", "number": 3, "file": "f1.csv"},
            {"id": "b", "state": "failed", "ended": NOW + zone, "error": "The disk is full."},
            {"id": "c", "state": "running"},
        ):
            connection.execute(insert, nothing | {"at": NOW + zone} | row)
    old.close()
    catalog = Catalog.open(new_database_url)
    found = {job.job_id: job for job in catalog.jobs.list_()}
    catalog.close()
    kept = {"kind": JobKind.REPORT, "parameters": {"policy": "fill"}, "created_at": AT}
    result = {"lake_version": 3, "catalog_version": 3, "file": "f1.csv", "sha256": "f1.csv", "rows": 3}
    ended = {"finished_at": AT}
    assert found == {
        "a": Job(job_id="a", state=JobState.COMPLETE, fingerprint="f1", result=result, progress=1.0, **kept, **ended),
        "b": Job(job_id="b", state=JobState.FAILED, error="The disk is full.", **kept, **ended),
        "c": Job(job_id="c", state=JobState.QUEUED, **kept),
    }


def test_stores_of_the_second_version_get_no_changes(new_database_url: str) -> None:
    url = _parse(new_database_url)
    old = Database(_create_sqlite(url) if url.get_backend_name() == "sqlite" else _create_postgres(url))
    with old.writing() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0002")
        zone = "+00" if connection.dialect.name == "postgresql" else ""
        connection.execute(text("INSERT INTO stores (store_id, registered_at) VALUES ('a', :at)"), {"at": NOW + zone})
    old.close()
    catalog = Catalog.open(new_database_url)
    rows = catalog.stores.read_all()
    assert rows.frame.rows() == [("a", None, None)]
    assert [frame.height for frame in (rows.changes.versions, rows.changes.special, rows.changes.closures)] == [0] * 3
    catalog.close()


def test_jobs_of_a_scope_of_the_eighth_version_are_seen_by_no_key_with_a_scope(new_database_url: str) -> None:
    """What they name was not recorded, so it may be stores that have another owner now."""
    url = _parse(new_database_url)
    old = Database(_create_sqlite(url) if url.get_backend_name() == "sqlite" else _create_postgres(url))
    with old.writing() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0008")
        zone = "+00" if connection.dialect.name == "postgresql" else ""
        insert = text(
            "INSERT INTO jobs (job_id, kind, state, parameters, created_at, scope_label, scope_value, progress, "
            "attempts, cancel_requested) VALUES ('a', 'report', :state, '{}', :at, 'owner', 'acme', 0, 0, false)"
        )
        connection.execute(insert, {"state": "queued", "at": NOW + zone})
    old.close()
    catalog = Catalog.open(new_database_url)
    acme = Scope(label=Label("owner", "acme"))
    assert catalog.jobs.find("a", acme) is None
    job = catalog.jobs.claim("w", [JobKind.REPORT], AT)
    assert job is not None
    assert job.scope == acme
    assert catalog.jobs.complete(job, {}, AT)
    found = catalog.jobs.find("a", acme)
    assert found is not None
    assert found.state is JobState.COMPLETE
    catalog.close()
