"""Jobs (reports become one kind of them), workers, schedules, labels, API keys and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_jobs()
    _turn_reports_into_jobs()
    op.add_column("imports", sa.Column("job_id", sa.Text()))
    op.create_index("ix_imports_job_id", "imports", ["job_id"], unique=True)
    _create_labels()
    _create_access()


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.Column("scope_label", sa.Text()),
        sa.Column("scope_value", sa.Text()),
        sa.Column("request_id", sa.Text()),
        sa.Column("retry_at", INSTANT),
        sa.Column("worker_id", sa.Text(), index=True),
        sa.Column("started_at", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.Text(), index=True),
        sa.Column("result", sa.JSON()),
        sa.Column("error", sa.Text()),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "kind"])
    op.create_index("jobs_by_kind", "jobs", ["kind", "created_at", "job_id"])
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.Text(), primary_key=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("beat_at", INSTANT, nullable=False),
    )
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.Column("last_run_at", INSTANT),
    )
    # Every installation optimizes its lake once a day unless its users change the schedule.
    op.execute(
        "INSERT INTO schedules (name, kind, cron, timezone, parameters, enabled, created_at) "
        "VALUES ('optimize', 'optimize', '17 3 * * *', 'UTC', '{}', TRUE, CURRENT_TIMESTAMP)"
    )


def _turn_reports_into_jobs() -> None:
    connection = op.get_bind()
    reports = sa.Table("reports", sa.MetaData(), autoload_with=connection)
    jobs = sa.Table("jobs", sa.MetaData(), autoload_with=connection)
    kept = ("lake_version", "catalog_version", "file", "sha256", "rows")
    for report in connection.execute(sa.select(reports)).mappings().all():
        complete = report["state"] == "complete"
        connection.execute(
            sa.insert(jobs).values(
                job_id=report["report_id"],
                kind="report",
                state="queued" if report["state"] == "running" else report["state"],
                parameters=report["parameters"],
                created_at=report["created_at"],
                finished_at=report["finished_at"],
                progress=1.0 if complete else 0.0,
                attempts=0,
                cancel_requested=False,
                fingerprint=report["fingerprint"],
                result={name: report[name] for name in kept} if complete else None,
                error=report["error"],
            )
        )
    op.drop_table("reports")


def _create_labels() -> None:
    op.create_table(
        "store_labels",
        sa.Column("store_id", BYTEWISE, sa.ForeignKey("stores.store_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("label", BYTEWISE, primary_key=True),
        sa.Column("value", BYTEWISE, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("store_labels_by_value", "store_labels", ["label", "value", "store_id"])


def _create_access() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False, unique=True),
        sa.Column("scope_label", sa.Text()),
        sa.Column("scope_value", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.Column("expires_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
    )
    op.create_table(
        "audit",
        sa.Column("audit_id", BIG_ID, primary_key=True),
        sa.Column("at", INSTANT, nullable=False, index=True),
        sa.Column("actor_id", sa.Text()),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text()),
        sa.Column("detail", sa.JSON()),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_refuses_{change.lower()} BEFORE {change} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
    )
