"""A scrape of the metrics: its figures, that it never fails, who may read it, and its complete documentation."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from support.importing import import_file
from support.scene import settings_in
from support.services import service_of

from storewatch.access import AccessRules
from storewatch.access.keys import create_key
from storewatch.access.rules import KeyRule
from storewatch.domain.enums import JobKind, Role
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.installation import Installation, open_installation, prepare_service

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "operating.md"
NOW = datetime(2023, 1, 23, 19, tzinfo=UTC)  # an hour after the scene's newest poll

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(app: Installation, clock: Clock) -> TestClient:
    return TestClient(service_of(prepare_service(app, clock=clock, with_worker=False)))


def scrape(client: TestClient) -> Samples:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def of_installation(samples: Samples) -> Samples:
    """The figures that are read, not counted."""
    measured = (
        "storewatch_jobs",
        "storewatch_queue",
        "storewatch_work",
        "storewatch_data",
        "storewatch_lake",
        "storewatch_st",
    )
    return {key: value for key, value in samples.items() if key[0].startswith(measured)}


def test_figures_tell_of_the_installation(app: Installation, client: TestClient) -> None:
    app.catalog.jobs.create("j1", JobKind.REPORT, {}, NOW - timedelta(seconds=90))
    app.catalog.jobs.create("j2", JobKind.REPORT, {}, NOW - timedelta(seconds=30))
    snapshot = app.lake.snapshot()
    assert of_installation(scrape(client)) == {
        ("storewatch_jobs", (("kind", "report"), ("state", "queued"))): 2,
        ("storewatch_queue_oldest_seconds", ()): 90,
        ("storewatch_workers", ()): 0,
        ("storewatch_data_freshness_seconds", ()): 3600,
        ("storewatch_lake_version", ()): snapshot.version,
        ("storewatch_lake_files", ()): snapshot.files,
        ("storewatch_lake_bytes", ()): snapshot.size_bytes,
        ("storewatch_lake_rows", ()): 6,
        # At the newest poll bar has just come back, ghost is open and was never seen, and cafe is closed.
        ("storewatch_stores", (("state", "down"),)): 0,
        ("storewatch_stores", (("state", "unknown"),)): 1,
        ("storewatch_stores", (("state", "up"),)): 1,
        ("storewatch_stores", (("state", "closed"),)): 1,
    }


def test_figures_are_read_again_after_a_while_and_ages_grow_between(
    app: Installation, client: TestClient, clock: Clock
) -> None:
    app.catalog.jobs.create("j1", JobKind.OPTIMIZE, {}, NOW)
    queued = ("storewatch_jobs", (("kind", "optimize"), ("state", "queued")))
    assert scrape(client)[queued] == 1
    app.catalog.jobs.create("j2", JobKind.OPTIMIZE, {}, NOW)
    clock.now += timedelta(seconds=14)
    between = scrape(client)
    assert (between[queued], between["storewatch_queue_oldest_seconds", ()]) == (1, 14)
    clock.now += timedelta(seconds=2)
    assert scrape(client)[queued] == 2


def test_empty_installation_can_be_scraped(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as empty:
        samples = scrape(TestClient(service_of(prepare_service(empty, with_worker=False))))
    assert ("storewatch_data_freshness_seconds", ()) not in samples
    assert samples["storewatch_lake_rows", ()] == 0
    assert samples["storewatch_queue_oldest_seconds", ()] == 0


def test_figures_that_cannot_be_read_do_not_fail_the_scrape(
    app: Installation, client: TestClient, tmp_path: Path
) -> None:
    (tmp_path / "home" / "lake" / "_delta_log").rename(tmp_path / "moved")
    samples = scrape(client)
    assert {source: samples["storewatch_figures_fresh", (("source", source),)] for source in ("jobs", "lake")} == {
        "jobs": 1,
        "lake": 0,
    }
    assert ("storewatch_lake_version", ()) not in samples
    assert ("storewatch_workers", ()) in samples


def test_observations_reports_and_commits_are_counted(app: Installation, tmp_path: Path) -> None:
    watched = (
        ("storewatch_observations_total", (("outcome", "accepted"), ("source", "import"))),
        ("storewatch_observations_total", (("outcome", "rejected"), ("source", "import"))),
        ("storewatch_commit_rows_sum", ()),
        ("storewatch_commit_seconds_count", ()),
    )
    client = TestClient(service_of(prepare_service(app, with_worker=False)))
    before = scrape(client)
    (tmp_path / "more.csv").write_text(
        "store_id,status,timestamp_utc\nnew,active,2023-01-23 18:00:00 UTC\nnew,odd,2023-01-23 18:01:00 UTC\n"
    )
    import_file(tmp_path / "more.csv", catalog=app.catalog, lake=app.lake, now=datetime.now(UTC))
    after = scrape(client)
    assert [after[key] - before.get(key, 0) for key in watched] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("sent", "opened", "status"),
    [("none", False, 401), ("scoped", False, 403), ("whole", False, 200), ("none", True, 200)],
)
def test_metrics_want_a_key_that_sees_everything(app: Installation, sent: str, opened: bool, status: int) -> None:
    scopes = {"scoped": Scope(label=Label("owner", "acme")), "whole": ALL_STORES}
    keys = {
        name: create_key(app.catalog, name=name, role=Role.VIEWER, scope=scope, now=datetime.now(UTC)).text
        for name, scope in scopes.items()
    }
    parts = prepare_service(app, with_worker=False, access=AccessRules(keys=KeyRule.REQUIRED))
    parts = replace(parts, settings=replace(app.settings, metrics_open=opened))
    headers = {"Authorization": f"Bearer {keys[sent]}"} if sent in keys else {}
    client = TestClient(service_of(parts))
    assert client.get("/metrics", headers=headers).status_code == status
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


def test_every_metric_is_in_the_guide_and_no_other(client: TestClient) -> None:
    rows = re.findall(r"^\| `(storewatch_\w+)` \| (\w+) \|([^|]*)\|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {
        name.removesuffix("_total"): (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows
    }
    client.get("/healthz")
    text = client.get("/metrics").text
    exported = dict(re.findall(r"^# TYPE (storewatch_\w+) (\w+)$", text, re.MULTILINE))
    exported = {name.removesuffix("_total"): kind for name, kind in exported.items() if not name.endswith("_created")}
    # Metrics of a kind of job are only there once there was such a job.
    exported["storewatch_jobs"] = "gauge"
    assert {name: kind for name, (kind, _) in documented.items()} == exported
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if family.name in documented and not family.name.endswith("_created"):
                assert sample.labels.keys() - {"le"} == documented[family.name][1]
