import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from support.scene import HEADER, REPORT

from storewatch import __version__
from storewatch.catalog import Job, StoreChanges, labels_frame
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import (
    FailedReportError,
    InvalidInputError,
    InvalidParameterError,
    MissingReportFileError,
    UnknownReportError,
    UnknownStoreError,
)
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.domain.timezones import TZDATA_VERSION
from storewatch.installation import Installation
from storewatch.reports.exports.header import totals
from storewatch.reports.request.names import check_names
from storewatch.reports.request.request import ReportRequest, read_request

NOW = datetime(2023, 1, 24, tzinfo=UTC)
ACME = Scope(label=Label("owner", "acme"))
CAFE = "cafe,0.0,2.25,2.25,0.0,0.75,0.75\n"


def ask(app: Installation, request: ReportRequest | None = None, scope: Scope = ALL_STORES) -> Job:
    """Create a report and claim it as a worker does."""
    job_id = f"r{len(app.catalog.jobs.list_())}"
    app.catalog.jobs.create(job_id, JobKind.REPORT, (request or ReportRequest()).parameters(), NOW, scope=scope)
    job = app.catalog.jobs.claim("w", [JobKind.REPORT], NOW)
    assert job is not None
    return job


def run(app: Installation, request: ReportRequest | None = None, scope: Scope = ALL_STORES) -> Job:
    job = ask(app, request, scope)
    done = app.reports.run(job, app.lake.snapshot())
    assert app.catalog.jobs.complete(job, done.result(), NOW, fingerprint=done.fingerprint)
    return app.reports.find(job.job_id)


def text_of(app: Installation, report: Job) -> str:
    file = app.reports.finished_file(report)
    assert file is not None
    return file.read_text()


def kept_totals(app: Installation) -> dict[str, dict[str, Any]]:
    with app.reports.compute(ReportRequest(), app.lake.snapshot()) as content:
        return totals(content)


def label(app: Installation, **owners: str) -> None:
    labels = labels_frame({store_id: {"owner": owner} for store_id, owner in owners.items()})
    app.catalog.stores.replace(StoreChanges(labels=labels), now=NOW)


def test_run_stores_a_whole_file_and_returns_its_figures(app: Installation) -> None:
    report = run(app)
    file = app.reports.finished_file(report)
    assert file is not None
    assert file.read_text() == REPORT
    assert report.result == {
        "as_of_warning": None,
        "rates": None,
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "rows": 3,
        "totals": kept_totals(app),
        "as_of": "2023-01-23T18:00:00Z",
        "lake_version": app.lake.snapshot().version,
        "catalog_version": app.catalog.version(),
        "tzdata_version": TZDATA_VERSION,
        "software_version": __version__,
    }
    assert [entry.name for entry in app.reports.folder.iterdir()] == [file.name]


def test_report_that_takes_the_file_of_an_equal_one_keeps_its_totals(app: Installation) -> None:
    assert [run(app).result["totals"] for _ in range(2)] == [kept_totals(app)] * 2  # type: ignore[index]


@pytest.mark.parametrize("member", ["group_by", "peers"])
def test_label_that_no_store_has_is_refused_with_the_known_ones(app: Installation, member: str) -> None:
    asked = read_request({member: "brand", "format": "json"})
    with pytest.raises(InvalidParameterError, match=r"^No store has a label 'brand'; import a table of stores"):
        run(app, asked)
    app.catalog.stores.replace(
        StoreChanges(labels=labels_frame({"cafe": {"owner": "acme", "region": "north"}})), now=NOW
    )
    app.catalog.stores.replace(StoreChanges(labels=labels_frame({"bar": {"owner": "bolt", "brand": "x"}})), now=NOW)
    with pytest.raises(InvalidParameterError, match=r"^No store has a label 'Brand'; the labels are brand, owner, reg"):
        run(app, read_request({member: "Brand", "format": "json"}))
    with pytest.raises(InvalidParameterError, match=r"^No store has a label 'brand'; the labels are owner, region\.$"):
        run(app, asked, ACME)
    run(app, asked)


@pytest.mark.parametrize("by", ["timezone", "hours"])
def test_groups_of_zones_and_hours_need_no_label(app: Installation, by: str) -> None:
    groups = json.loads(text_of(app, run(app, read_request({"group_by": by, "format": "json"}))))["groups"]
    assert sum(group["stores"] for group in groups if group["window"] == "last_day") == 3


def test_store_that_does_not_exist_or_is_of_others_is_refused(app: Installation) -> None:
    label(app, cafe="acme", bar="bolt")
    for unknown, scope in (("nobody", ALL_STORES), ("bar", ACME)):
        with pytest.raises(UnknownStoreError, match=f"There is no store with the id '{unknown}'"):
            check_names(ReportRequest(store_ids=("cafe", unknown)), app.catalog, scope)
    check_names(ReportRequest(store_ids=("cafe", "bar")), app.catalog)
    check_names(ReportRequest(), app.catalog)
    check_names(ReportRequest(store_ids=("nobody",), allow_unknown=True), app.catalog)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"labels": {"owner": "acne"}}, r"^No store has owner=acne; the nearest is owner=acme\.$"),
        ({"labels": {"owner": "zzz"}}, r"^No store has owner=zzz; the values of owner are acme, bolt\.$"),
        ({"labels": {"onwer": "acme"}}, r"^No store has a label 'onwer'; the labels are owner\.$"),
        (
            {"labels": {"owner": "bolt"}, "store_ids": ["cafe"]},
            r"^There is no store with owner=bolt, these ids, so the",
        ),
        ({"zone": "Asia/Tokyo"}, r"^There is no store with the time zone Asia/Tokyo, so the report would be empty"),
    ],
)
def test_report_of_no_stores_is_refused_unless_it_is_allowed(
    app: Installation, asked: dict[str, Any], sentence: str
) -> None:
    label(app, cafe="acme", bar="bolt")
    with pytest.raises(InvalidParameterError, match=sentence):
        run(app, read_request(asked))
    assert run(app, read_request(asked | {"allow_unknown": True})).result["rows"] == 0  # type: ignore[index]


def test_report_of_a_scope_names_labels_of_the_scope_only(app: Installation) -> None:
    label(app, cafe="acme", bar="bolt")
    with pytest.raises(InvalidParameterError, match=r"^No store has owner=bolt; the values of owner are acme\.$"):
        run(app, read_request({"labels": {"owner": "bolt"}}), ACME)


def test_run_with_the_same_data_takes_the_finished_file(app: Installation) -> None:
    first, second = (app.reports.finished_file(run(app)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first != second, first.stat().st_ino) == (True, second.stat().st_ino)


def test_file_outlives_the_equal_report_it_was_taken_from(app: Installation) -> None:
    first, second = run(app), run(app)
    app.reports.remove_files(first.job_id)
    assert text_of(app, second) == REPORT


def test_run_whose_equal_lost_its_file_writes_it_again(app: Installation) -> None:
    app.reports.remove_files(run(app).job_id)
    assert text_of(app, run(app)) == REPORT


def test_run_removes_what_an_earlier_try_left(app: Installation) -> None:
    job = ask(app)
    app.reports.folder.mkdir()
    for name in (f"{job.job_id}.0.csv", f".{job.job_id}.0.csv.1.part", "other.1.csv"):
        (app.reports.folder / name).write_text("half")
    done = app.reports.run(job, app.lake.snapshot())
    assert {file.name for file in app.reports.folder.iterdir()} == {done.file, "other.1.csv"}


def test_report_of_some_stores_holds_only_their_rows(app: Installation) -> None:
    assert text_of(app, run(app, ReportRequest(store_ids=("cafe", "nobody")))) == HEADER + CAFE


def test_report_by_label_and_scope_holds_only_their_rows(app: Installation) -> None:
    label(app, cafe="acme", bar="other")
    assert text_of(app, run(app, ReportRequest(labels=ACME.labels))) == HEADER + CAFE
    # As if no other store existed: its now is cafe's newest poll at 17:30, so its last hour had 30 minutes down.
    scoped = run(app, scope=ACME)
    assert scoped.result is not None
    assert scoped.result["as_of"] == "2023-01-23T17:30:00Z"
    assert text_of(app, scoped) == HEADER + CAFE.replace("0.0,0.75", "30.0,0.75")
    of_others = ReportRequest(store_ids=("bar",), as_of=NOW)
    with pytest.raises(InvalidParameterError, match=r"^There is no store with these ids"):
        run(app, of_others, scope=ACME)
    allowed = of_others.model_copy(update={"allow_unknown": True})
    assert text_of(app, run(app, allowed, scope=ACME)) == HEADER


def test_report_of_a_scope_without_polls_has_no_now(app: Installation) -> None:
    label(app, ghost="acme")
    with pytest.raises(InvalidInputError, match="Nothing has been observed yet"):
        app.reports.run(ask(app, scope=ACME), app.lake.snapshot())


def test_store_that_changes_its_label_changes_the_report(app: Installation) -> None:
    request = ReportRequest(labels=ACME.labels)
    label(app, cafe="acme")
    before = text_of(app, run(app, request))
    label(app, cafe="other", bar="acme")
    assert before == HEADER + CAFE
    assert text_of(app, run(app, request)).startswith(HEADER + "bar,")


def test_report_of_some_stores_reads_only_them(app: Installation) -> None:
    read: list[object] = []
    snapshot = app.lake.snapshot()

    class Watched(type(snapshot)):  # type: ignore[misc]
        def read(self, *args: int, stores: object = None, **how: bool) -> pl.DataFrame:
            read.append(stores)
            return super().read(*args, stores=stores, **how)

    app.reports.run(ask(app, ReportRequest(store_ids=("cafe",))), Watched(**vars(snapshot)))
    assert read == [["cafe"]]


def test_run_whose_equal_has_a_damaged_file_writes_it_again(app: Installation) -> None:
    file = app.reports.finished_file(run(app))
    assert file is not None
    file.write_text("store_id,upt")
    assert text_of(app, run(app)) == REPORT


@pytest.mark.parametrize("report_id", ["nope", "\0", "x" * 5_000, "../catalog.sqlite3"])
def test_report_with_an_impossible_id_is_unknown(app: Installation, report_id: str) -> None:
    with pytest.raises(UnknownReportError, match=r"^.{1,140}$"):
        app.reports.find(report_id)


def test_report_that_does_not_exist_is_unknown(app: Installation) -> None:
    app.catalog.jobs.create("import", JobKind.IMPORT, {}, NOW)
    for report_id in ("nope", "import", "nul\0"):
        with pytest.raises(UnknownReportError, match="no report with the id"):
            app.reports.find(report_id)


def test_report_of_another_scope_is_unknown(app: Installation) -> None:
    report = ask(app, scope=ACME)
    assert app.reports.find(report.job_id, ACME) == app.reports.find(report.job_id)
    for scope in (Scope(label=Label("owner", "other")), Scope(label=Label("brand", "acme"))):
        with pytest.raises(UnknownReportError):
            app.reports.find(report.job_id, scope)
    with pytest.raises(UnknownReportError):
        app.reports.find(ask(app).job_id, ACME)


def test_report_that_failed_states_its_reason(app: Installation) -> None:
    job = ask(app)
    app.catalog.jobs.fail(job, "the lake is gone", NOW)
    with pytest.raises(FailedReportError, match="the lake is gone"):
        app.reports.finished_file(app.reports.find(job.job_id))


def test_report_whose_file_was_removed_is_an_error(app: Installation) -> None:
    report = run(app)
    app.reports.remove_files(report.job_id)
    with pytest.raises(MissingReportFileError, match="is not in the home folder of this service"):
        app.reports.finished_file(report)
    assert app.reports.finished_file(ask(app)) is None


def test_report_that_its_form_cannot_hold_is_refused_before_it_is_computed(app: Installation) -> None:
    label(app, **{f"s{number}": "acme" for number in range(60)})
    asked = {"format": "xlsx", "windows": ["2020-01-01/2023-01-01"], "by": "hour"}
    app.reports.check(read_request(asked | {"worst": 10}), app.lake.snapshot(), ALL_STORES)
    with pytest.raises(InvalidParameterError, match="an Excel sheet holds") as raised:
        app.reports.check(read_request(asked), app.lake.snapshot(), ALL_STORES)
    assert raised.value.name == "format"


def test_report_on_windows_that_cannot_be_is_refused_before_it_is_computed(app: Installation) -> None:
    request = read_request({"format": "json", "windows": ["2024-01-02/2024-01-02"]})
    with pytest.raises(InvalidParameterError, match="is empty; its beginning must come before its end"):
        app.reports.check(request, app.lake.snapshot(), ALL_STORES)


def test_run_leaves_no_folder_of_its_own_behind(app: Installation) -> None:
    request = read_request({"format": "ndjson", "windows": ["last_week"], "by": "day", "include": ["outages"]})
    report = run(app, request)
    assert report.result is not None
    assert [file.name for file in app.reports.folder.iterdir()] == [report.result["file"]]


def test_peers_under_a_scope_are_its_own_stores(app: Installation) -> None:
    labels = {name: {"owner": "acme"} for name in ("bar", "ghost")} | {"cafe": {"owner": "acme", "team": "x"}}
    app.catalog.stores.replace(StoreChanges(labels=labels_frame(labels)), now=NOW)
    asked = {"format": "wide_csv", "windows": ["last_week"], "rolling": True, "peers": "owner", "store_ids": ["cafe"]}
    stores = {}
    for scope in (ALL_STORES, Scope(label=Label("team", "x"))):
        header, row = text_of(app, run(app, read_request(asked), scope)).splitlines()
        stores[scope] = dict(zip(header.split(","), row.split(","), strict=True))["peer_stores"]
    assert stores == {ALL_STORES: "3", Scope(label=Label("team", "x")): "1"}
