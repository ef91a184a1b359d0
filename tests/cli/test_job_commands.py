"""Schedules and retention as real commands."""

import re
import subprocess
from pathlib import Path

import pytest
from support.command_line import run_command
from support.scene import import_scene, settings_in

from storewatch.catalog import AuditFilter
from storewatch.domain.enums import JobKind
from storewatch.installation import open_installation


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with open_installation(settings_in(tmp_path)) as app:
        import_scene(app, tmp_path / "files")
        return app.settings.home


def storewatch(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(*arguments, home=home)


def test_schedule_is_created_listed_and_deleted(home: Path) -> None:
    create = ("schedule", "create", "weekly", "--kind", "report", "--cron", "0 6 * * 1", "--timezone", "Europe/Berlin")
    made = storewatch(home, *create, "--parameters", '{"format": "json"}')
    assert re.fullmatch(r"weekly: next run \d{4}-\d\d-\d\dT0[45]:00:00Z\n", made.stdout)
    assert (storewatch(home, *create).returncode, storewatch(home, *create).stdout) == (2, "")
    lines = storewatch(home, "schedule", "list").stdout.splitlines()
    assert [line.split(", last")[0] for line in lines] == [
        "optimize: optimize at '17 3 * * *' UTC",
        "weekly: report at '0 6 * * 1' Europe/Berlin",
    ]
    assert storewatch(home, "schedule", "delete", "weekly").stdout == "weekly deleted\n"
    gone = storewatch(home, "schedule", "delete", "weekly")
    assert (gone.returncode, gone.stderr.startswith("storewatch: There is no schedule named 'weekly'")) == (2, True)
    with open_installation(settings_in(home.parent)) as app:
        [schedule] = app.catalog.schedules.list_()
        assert schedule.kind is JobKind.OPTIMIZE
        rows = app.catalog.audit.list_(AuditFilter(), before=None, limit=10)
        assert [row.action for row in rows] == ["schedule.delete", "schedule.create"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--kind", "report", "--cron", "soon"), "'soon' is not a cron expression"),
        (("--kind", "reports", "--cron", "0 6 * * 1"), "There is no kind of job 'reports'"),
        (("--kind", "report", "--cron", "0 6 * * 1", "--parameters", "{"), "--parameters must be a JSON object"),
        (
            ("--kind", "report", "--cron", "0 6 * * 1", "--parameters", '{"by": "x"}'),
            "--parameters: 'x' is not a value of by",
        ),
        (("--kind", "report", "--cron", "0 6 * * 1", "--definition", "x"), "There is no report saved as 'x'"),
        (("--kind", "report", "--cron", "0 6 * * 1", "--timezone", "Berlin"), "'Berlin' is not a time zone"),
    ],
)
def test_invalid_schedule_is_refused_in_one_sentence(home: Path, options: tuple[str, ...], sentence: str) -> None:
    done = storewatch(home, "schedule", "create", "x", *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"storewatch: {sentence}")


def test_retention_prints_what_it_would_remove_and_then_removes_it(home: Path) -> None:
    wanted = ("retention", "--observations", "30")
    expected = "6 observations, 0 reports, 0 rejected rows and 0 files of the lake"
    assert storewatch(home, *wanted, "--dry-run").stdout == f"{expected} would be removed\n"
    assert storewatch(home, *wanted).stdout == f"{expected} removed\n"
    nothing = "0 observations, 0 reports, 0 rejected rows and 0 files of the lake removed\n"
    assert storewatch(home, *wanted).stdout == nothing
    assert storewatch(home, "retention").stdout == nothing


def test_jobs_are_listed_newest_first_by_kind_and_state(home: Path) -> None:
    with open_installation(settings_in(home.parent)) as app:
        report = app.jobs.accept(JobKind.REPORT, {})
        optimize = app.jobs.accept(JobKind.OPTIMIZE, {})
        app.jobs.cancel(optimize)
    header, *lines = storewatch(home, "jobs", "list").stdout.splitlines()
    assert header.split() == ["job", "kind", "created", "ended", "state"]
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [(optimize, "cancelled"), (report, "queued")]
    for options, job in ((("--kind", "report"), report), (("--state", "cancelled"), optimize)):
        assert [line.split()[0] for line in storewatch(home, "jobs", "list", *options).stdout.splitlines()[1:]] == [job]
