import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.importing import import_file

from storewatch import __version__
from storewatch.catalog import NewAnnotation, NewClosure, StoreChanges, labels_frame
from storewatch.domain.enums import JobKind, Reclassification, ReportFormat
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.labels import Label, Scope
from storewatch.domain.timezones import TZDATA_VERSION
from storewatch.installation import Installation, compute_report
from storewatch.reports.archive.manifest import Manifest, Verification, manifest_file, verify
from storewatch.reports.archive.runs import write_file
from storewatch.reports.request.request import ReportRequest, read_request

NOW = datetime(2023, 1, 24, tzinfo=UTC)
IDENTICAL = Verification(file_intact=True, same=True, changed=(), difference=None)
RICH = {"windows": ["last_week", "today"], "by": "day", "include": ["outages", "quality"], "compare_before": True}


def made(app: Installation, file: Path, **asked: Any) -> Manifest:
    """Write a report and return its manifest, as it was written and read again."""
    with compute_report(app, read_request(asked)) as content:
        manifest = Manifest.of(content, file.name, write_file(content, file))
    return Manifest.read(json.dumps(manifest.as_json()))


def again(app: Installation, manifest: Manifest, file: Path) -> Verification:
    return verify(manifest, file, app.reports, app.lake.snapshot(manifest.versions.lake))


def test_manifest_has_the_inputs_of_the_report(app: Installation, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    app.catalog.stores.replace(StoreChanges(labels=labels_frame({"cafe": {"owner": "acme"}})), now=NOW)
    manifest = made(app, file, format="json", policy="observed", max_gap="2h", labels={"owner": "acme"})
    assert manifest.as_json() == {
        "file": "r.json",
        "sha256": manifest.sha256,
        "as_of": "2023-01-23T18:00:00Z",
        "policy": "observed",
        "max_gap_seconds": 7_200,
        "as_of_warning": None,
        "rates": None,
        "lake_version": app.lake.snapshot().version,
        "catalog_version": app.catalog.version(),
        "tzdata_version": TZDATA_VERSION,
        "software_version": __version__,
        "scope": None,
        "parameters": {
            "as_of": "2023-01-23T18:00:00Z",
            "policy": "observed",
            "max_gap_us": 7_200_000_000,
            "format": "json",
            "store_ids": None,
            "labels": {"owner": "acme"},
        },
        "totals": json.loads(file.read_text())["report"]["totals"],
    }
    assert manifest_file(file) == tmp_path / "r.json.manifest.json"


@pytest.mark.parametrize("form", ReportFormat)
def test_report_made_again_is_the_same_in_every_form(app: Installation, tmp_path: Path, form: ReportFormat) -> None:
    file = tmp_path / f"r.{form.suffix}"
    manifest = made(app, file, format=form, **({} if form is ReportFormat.CSV else RICH))
    assert again(app, manifest, file) == IDENTICAL
    assert IDENTICAL.is_identical


def test_report_stays_the_same_when_polls_come_and_the_lake_is_optimized(app: Installation, tmp_path: Path) -> None:
    file, more = tmp_path / "r.ndjson", tmp_path / "more.csv"
    manifest = made(app, file, format="ndjson", **RICH)
    more.write_text("store_id,status,timestamp_utc\ncafe,active,2023-01-23 16:30:00 UTC\n", encoding="utf-8")
    import_file(more, catalog=app.catalog, lake=app.lake, now=datetime.now(UTC))
    app.lake.optimize(now=datetime.now(UTC) + timedelta(days=1))
    assert app.lake.snapshot().version > manifest.versions.lake
    assert again(app, manifest, file) == IDENTICAL


def add_closure(app: Installation) -> None:
    at = datetime(2023, 1, 23, 16, 15, tzinfo=UTC)
    whole = NewClosure(store_id="cafe", start_at=at, end_at=at + timedelta(minutes=30), reason="x", created_at=NOW)
    app.catalog.closures.create(whole)


def add_annotation(app: Installation) -> None:
    at = datetime(2023, 1, 23, 16, 15, tzinfo=UTC)
    app.catalog.annotations.create(
        NewAnnotation(
            store_id="cafe",
            start_at=at,
            end_at=at + timedelta(minutes=30),
            cause="x",
            reclassify_as=Reclassification.UNKNOWN,
            created_at=NOW,
        )
    )


def change_hours(app: Installation) -> None:
    file = app.settings.home / "hours.csv"
    file.write_text("store_id,dayOfWeek,start_time_local,end_time_local\ncafe,0,09:00:00,11:30:00\n", encoding="utf-8")
    import_file(file, catalog=app.catalog, lake=app.lake, now=NOW)


@pytest.mark.parametrize("change", [add_closure, add_annotation, change_hours])
def test_change_that_matters_is_shown_with_the_first_line_that_differs(
    app: Installation, tmp_path: Path, change: Callable[[Installation], None]
) -> None:
    manifest = made(app, tmp_path / "r.csv")
    before = app.catalog.version()
    change(app)
    found = again(app, manifest, tmp_path / "r.csv")
    assert (found.file_intact, found.same, found.is_identical) == (True, False, False)
    now = app.catalog.version()
    assert found.changed == (f"stores, hours, closures and annotations: version {before} then, {now} now",)
    assert found.difference is not None
    assert found.difference.startswith("line 3: 'cafe,0.0,2.25,2.25,0.0,0.75,0.75' in the file, 'cafe,0.0,")
    assert "rolling_7_days: down_seconds" in " ".join(found.figures)


@pytest.mark.parametrize("form", ReportFormat)
def test_figures_that_changed_are_shown_for_every_form(app: Installation, tmp_path: Path, form: ReportFormat) -> None:
    file = tmp_path / f"r.{form.suffix}"
    manifest = made(app, file, format=form)
    add_closure(app)
    figures = again(app, manifest, file).figures
    assert "rolling_7_days: planned_seconds 0.0 then, 1800.0 now" in figures
    assert "last_day: down_seconds 4500.0 then, 1800.0 now" in figures
    assert not [changed for changed in figures if changed.startswith("last_hour: down_seconds")]


def test_manifest_without_totals_still_verifies(app: Installation, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    kept = made(app, file).as_json()
    del kept["totals"]
    manifest = Manifest.read(json.dumps(kept))
    assert again(app, manifest, file) == IDENTICAL
    add_closure(app)
    found = again(app, manifest, file)
    assert (found.same, found.figures, found.difference is None) == (False, (), False)


def test_long_lines_are_shown_around_the_first_difference(app: Installation, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    manifest = made(app, file, format="json")
    text = file.read_text()
    file.write_text(text.replace('"down_seconds": 4500.0', '"down_seconds": 4700.0', 1), encoding="utf-8")
    difference = again(app, manifest, file).difference
    assert difference is not None
    before, after = difference.removeprefix("line 1: ").removesuffix(" made again").split(" in the file, ")
    assert [(cut[:2], cut[-2:], len(cut) < 170) for cut in (before, after)] == [("…'", "'…", True)] * 2
    assert ('"down_seconds": 4700.0' in before, '"down_seconds": 4500.0' in after) == (True, True)


def test_change_without_effect_is_shown_and_the_report_is_the_same(app: Installation, tmp_path: Path) -> None:
    manifest = made(app, tmp_path / "r.csv")
    before = app.catalog.version()
    app.catalog.stores.replace(StoreChanges(labels=labels_frame({"bar": {"owner": "acme"}})), now=NOW)
    found = again(app, manifest, tmp_path / "r.csv")
    changed = f"stores, hours, closures and annotations: version {before} then, {app.catalog.version()} now"
    assert found == replace(IDENTICAL, changed=(changed,))


def test_file_that_was_changed_is_shown_with_the_place(app: Installation, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    manifest = made(app, file)
    file.write_text(file.read_text().replace("bar,30.0", "bar,31.0"), encoding="utf-8")
    assert again(app, manifest, file) == Verification(
        file_intact=False,
        same=True,
        changed=(),
        difference="line 2: 'bar,31.0,23.5,167.5,30.0,0.5,0.5' in the file, "
        "'bar,30.0,23.5,167.5,30.0,0.5,0.5' made again",
    )


def test_binary_file_that_was_changed_is_shown_by_its_size(app: Installation, tmp_path: Path) -> None:
    file = tmp_path / "r.parquet"
    manifest = made(app, file, format="parquet")
    size = file.stat().st_size
    file.write_bytes(file.read_bytes() + b"!")
    found = again(app, manifest, file)
    assert (found.file_intact, found.same) == (False, True)
    assert found.difference == f"{size + 1:,} bytes in the file, {size:,} made again; a text form would show where"


def test_versions_of_another_software_and_tzdata_are_shown(app: Installation, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    with compute_report(app, read_request({"format": "json"})) as content:
        older = replace(content, versions=replace(content.versions, software="0.0.9", tzdata="2019a"))
        manifest = Manifest.of(older, file.name, write_file(older, file))
    changed = (f"time zones: 2019a then, {TZDATA_VERSION} now", f"storewatch: 0.0.9 then, {__version__} now")
    assert again(app, manifest, file) == replace(IDENTICAL, changed=changed)


def test_stored_report_is_verified_by_its_job_with_its_scope(app: Installation) -> None:
    app.catalog.stores.replace(StoreChanges(labels=labels_frame({"cafe": {"owner": "acme"}})), now=NOW)
    scope = Scope(label=Label("owner", "acme"))
    app.catalog.jobs.create("one", JobKind.REPORT, ReportRequest().parameters(), NOW, scope=scope)
    job = app.catalog.jobs.claim("w", [JobKind.REPORT], NOW)
    assert job is not None
    done = app.reports.run(job, app.lake.snapshot())
    app.catalog.jobs.complete(job, done.result(), NOW, fingerprint=done.fingerprint)
    job = app.reports.find("one")
    file = app.reports.finished_file(job)
    assert file is not None
    assert job.result is not None
    manifest = Manifest.of_report(file.name, job.parameters, job.result, job.scope)
    assert (manifest.scope, manifest.sha256) == (scope, done.sha256)
    assert Manifest.read(json.dumps(manifest.as_json())) == manifest
    assert again(app, manifest, file) == IDENTICAL


@pytest.mark.parametrize("change", [{"parameters": {"foo": 1}}, {"totals": 7}, {"totals": {"last_day": 7}}], ids=str)
def test_manifest_with_members_that_cannot_be_is_none(
    app: Installation, tmp_path: Path, change: dict[str, Any]
) -> None:
    kept = made(app, tmp_path / "r.csv").as_json()
    kept |= change | {"parameters": kept["parameters"] | change.get("parameters", {})}
    with pytest.raises(InvalidInputError, match="This file is not a manifest") as raised:
        Manifest.read(json.dumps(kept))
    assert not isinstance(raised.value, InvalidParameterError)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"file": 7}', "null"])
def test_text_that_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="This file is not a manifest"):
        Manifest.read(text)


def test_manifest_of_missing_data_is_refused(app: Installation, tmp_path: Path) -> None:
    kept = made(app, tmp_path / "r.csv").as_json()
    kept["parameters"]["by"] = "fortnight"
    with pytest.raises(InvalidInputError, match="'fortnight' is not a value of by"):
        Manifest.read(json.dumps(kept))
