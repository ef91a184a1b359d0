"""Options of reports, where the files are written, and reports that are verified."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from commands import mistake, noted, printed, storewatch
from support.scene import REPORT, settings_in

from storewatch.cli.report_options import options_of, with_format
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidParameterError
from storewatch.installation import open_installation
from storewatch.reports.request.request import ReportRequest, read_request

NOW = datetime(2023, 1, 24, tzinfo=UTC)


@pytest.fixture
def home(labelled_home: Path) -> Path:
    return labelled_home


def test_every_member_of_a_report_is_an_option() -> None:
    with pytest.raises(InvalidParameterError) as raised:
        read_request({"?": 1})
    members = str(raised.value).split("it takes ")[1].removesuffix(".").split(", ")
    assert set(options_of(ReportRequest)) == {*members, "as_of", "definition"}


def test_options_mean_what_the_same_members_mean_over_http(home: Path, tmp_path: Path) -> None:
    options = (
        *("--as-of", "2023-01-23T18:00Z", "--policy", "observed", "--max-gap", "2h", "--windows", "last_week,today"),
        *("--windows", "2023-01-22/2023-01-24", "--timezone", "Europe/Berlin", "--by", "day", "--store-ids", "cafe"),
        *("--store-id", "bar", "--labels", "owner=acme", "--zone", "America/New_York", "--with-outages"),
        *("--worst", "5", "--group-by", "owner", "--compare-before", "--peers", "owner", "--target", "99.5"),
        *("--include", "outages, quality", "--include", "patterns", "--min-duration", "5m", "--closures", "ignore"),
        *("--annotations", "ignore", "--format", "json", "--paper", "letter", "--currency", "eur"),
    )
    assert storewatch(home, "report", *options, "--output", tmp_path / "r.json").returncode == 0
    manifest = json.loads((tmp_path / "r.json.manifest.json").read_text())
    assert ReportRequest.from_parameters(manifest["parameters"]) == read_request(
        {
            "policy": "observed",
            "max_gap": "2h",
            "windows": ["last_week", "today", "2023-01-22/2023-01-24"],
            "timezone": "Europe/Berlin",
            "by": "day",
            "store_ids": ["cafe", "bar"],
            "labels": {"owner": "acme"},
            "zone": "America/New_York",
            "with_outages": True,
            "worst": 5,
            "group_by": "owner",
            "compare_before": True,
            "peers": "owner",
            "target": 99.5,
            "include": ["outages", "quality", "patterns"],
            "currency": "EUR",
            "min_duration": "5m",
            "closures": "ignore",
            "annotations": "ignore",
            "format": "json",
            "paper": "letter",
        },
        as_of=datetime(2023, 1, 23, 18, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("output", "requested", "form"),
    [
        ("r.json", {}, "json"),
        ("r.NDJSON", {}, "ndjson"),
        ("r.parquet", {"table": "summary"}, "parquet"),
        ("r.xlsx", {"windows": ["today"]}, "xlsx"),
        ("r.pdf", {"format": "csv"}, "pdf"),
        ("r.csv", {}, "csv"),
        ("r.csv", {"windows": ["today"]}, "wide_csv"),
        ("r.csv", {"table": "summary"}, "wide_csv"),
        ("r.csv", {"format": "wide_csv"}, "wide_csv"),
        ("r.csv", {"format": "pdf", "by": "day"}, "wide_csv"),
        ("r", {}, "csv"),
        ("/dev/stdout", {}, "csv"),
        ("-", {"by": "day"}, "wide_csv"),
        ("-", {"format": "pdf"}, "pdf"),
        ("folder.d/", {"format": "pdf"}, "pdf"),
    ],
)
def test_format_follows_the_name_of_the_output(output: str, requested: dict[str, Any], form: str) -> None:
    assert with_format(requested, output) == requested | {"format": form}


@pytest.mark.parametrize("output", ["r.txt", "r.csv.gz", "r.xls", "r.html"])
@pytest.mark.parametrize("command", ["report", "outages", "doctor"])
def test_output_with_the_suffix_of_no_format_is_refused(home: Path, tmp_path: Path, command: str, output: str) -> None:
    file = tmp_path / output
    done = storewatch(home, command, "--output", file)
    assert done.returncode == 2
    assert f"There is no format for {file.suffix} files" in done.stderr
    assert not file.exists()
    if command == "report":
        assert storewatch(home, command, "--output", file, "--format", "csv").returncode == 0
        assert file.exists()


def test_folder_gets_a_file_with_a_good_name(home: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    options = ("--windows", "last_week", "--rolling", "--by", "day", "--format", "xlsx")
    done = storewatch(home, "report", *options, "--output", f"{tmp_path}/out/")
    file = tmp_path / "out" / "storewatch_2023-01-23_rolling-7-days_by-day.xlsx"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"3 stores written to {file}\n")
    assert openpyxl.load_workbook(file).sheetnames[0] == "Summary"
    assert noted(home)[-1] == ("report.download", str(file))


def test_folder_keeps_the_files_of_other_reports(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()

    def written(*options: str) -> str:
        done = storewatch(home, "report", "--format", "json", *options, "--output", folder)
        return done.stderr.split(" written to ")[-1].strip().removeprefix(f"{folder}/storewatch_2023-01-23_classic")

    assert written() == ".json"
    assert written("--group-by", "owner") == "-2.json"
    assert written("--compare-before") == "-3.json"
    assert written("--group-by", "owner") == "-2.json"
    assert written() == ".json"
    assert "groups" in json.loads((folder / "storewatch_2023-01-23_classic-2.json").read_text())
    (folder / "storewatch_2023-01-23_classic.json.manifest.json").unlink()
    assert written() == "-4.json"


def test_number_of_stores_has_the_right_plural(home: Path, tmp_path: Path) -> None:
    done = storewatch(home, "report", "--store-id", "cafe", "--output", tmp_path / "r.csv")
    assert done.stderr == f"1 store written to {tmp_path / 'r.csv'}\n"


def test_binary_report_goes_through_a_pipe_and_not_to_a_terminal(home: Path) -> None:
    command = [sys.executable, "-m", "storewatch", "report", "--format", "parquet", "--home", str(home)]
    piped = subprocess.run(command, capture_output=True, check=True).stdout
    assert pl.read_parquet(piped)["store_id"].unique().sort().to_list() == ["bar", "cafe", "ghost"]
    terminal, far_end = os.openpty()
    try:
        done = subprocess.run(command, stdout=far_end, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(terminal)
        os.close(far_end)
    assert done.returncode == 2
    assert done.stderr == "storewatch: --output: parquet cannot be shown on a terminal; name a file with --output.\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--windows", "soon"), "--windows: There is no window 'soon'; use one of last_hour"),
        (("--windows", "today", "--rolling"), "--rolling: today has no rolling form"),
        (("--include", "outages,gossip"), "--include: 'gossip' is not a value of include; use one of outages"),
        (("--worst", "0"), "--worst: worst must be a whole number of at least 1"),
        (("--labels", "acme"), "--labels: 'acme' is not a label; write it as label=value"),
        (("--labels", "owner=acme", "--label", "owner=other"), "--labels: A store has one value for each label"),
        (("--format", "csv", "--by", "day"), "--format: csv is the classic seven columns"),
        (("--target", "0.995"), "--target: target must be a percentage over 1 and up to 100; write 99.5 for 99.5 %."),
        (("--group-by", "brand"), "--group-by: No store has a label 'brand'; the labels are owner."),
        (("--store-id", "nobody"), "There is no store with the id 'nobody'"),
        (("--definition", "weekly"), "There is no report saved as 'weekly'"),
    ],
)
def test_mistake_in_an_option_names_the_option(home: Path, options: tuple[str, ...], sentence: str) -> None:
    assert mistake(home, "report", *options).startswith(sentence)


def test_saved_report_is_run_by_its_name_and_options_go_first(home: Path, tmp_path: Path) -> None:
    options = ("--windows", "last_week", "--rolling", "--group-by", "owner")
    assert printed(home, "definition", "save", "weekly", *options) == ["weekly saved"]
    assert printed(home, "definition", "save", "weekly", *options, "--label", "owner=acme") == ["weekly replaced"]
    requested = {
        "windows": ["last_week"],
        "rolling": True,
        "labels": {"owner": "acme"},
        "group_by": "owner",
        "format": "wide_csv",
    }
    assert printed(home, "definition", "list") == [f"weekly: {json.dumps(requested)}"]
    assert json.loads("\n".join(printed(home, "definition", "show", "weekly"))) == requested
    for options, store_ids in ((), ["bar", "cafe"]), (("--label", "owner=other"), ["ghost"]):
        lines = printed(home, "report", "--definition", "weekly", *options)
        assert [line.split(",")[0] for line in lines[1:]] == store_ids
    assert storewatch(home, "report", "--definition", "weekly", "--output", tmp_path / "r.json").returncode == 0
    assert len(json.loads((tmp_path / "r.json").read_text())["groups"]) == 1
    assert printed(home, "definition", "delete", "weekly") == ["weekly deleted"]
    assert mistake(home, "definition", "delete", "weekly").startswith("There is no report saved as 'weekly'")
    assert mistake(home, "definition", "show", "weekly").startswith("There is no report saved as 'weekly'")
    assert [action for action, _ in noted(home) if action.startswith("definition")] == [
        "definition.create",
        "definition.change",
        "definition.delete",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a b", "--by", "day"), "'a b' is not a name for a report"),
        (("weekly", "--format", "csv", "--by", "day"), "--format: csv is the classic seven columns"),
    ],
)
def test_invalid_report_is_not_saved(home: Path, arguments: tuple[str, ...], sentence: str) -> None:
    assert mistake(home, "definition", "save", *arguments).startswith(sentence)


def test_schedule_of_a_saved_report_names_it(home: Path) -> None:
    printed(home, "definition", "save", "weekly", "--windows", "last_week")
    create = ("schedule", "create", "monday", "--kind", "report", "--cron", "0 6 * * 1")
    assert printed(home, *create, "--definition", "weekly", "--parameters", '{"format": "pdf"}')[0].startswith(
        "monday:"
    )
    with open_installation(settings_in(home.parent)) as app:
        schedule = next(schedule for schedule in app.catalog.schedules.list_() if schedule.name == "monday")
    assert schedule.parameters == {"definition": "weekly", "format": "pdf"}


def test_verify_prints_identical_or_the_difference(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    assert storewatch(home, "report", "--output", file).returncode == 0
    assert printed(home, "verify", file) == [f"{file}: identical"]
    assert storewatch(home, "optimize").returncode == 0
    assert printed(home, "verify", file) == [f"{file}: identical"]
    span = ("--from", "2023-01-23T16:15Z", "--to", "2023-01-23T16:45Z")
    added = printed(home, "closure", "add", "--store-id", "cafe", *span, "--reason", "x")
    changed = storewatch(home, "verify", file)
    assert (changed.returncode, changed.stderr) == (1, "")
    lines = changed.stdout.splitlines()
    assert lines[:2] == [f"{file}: differs", "  The report is different when it is computed again."]
    assert "  last_day: down_seconds 4500.0 then, 1800.0 now" in lines
    assert lines[-2].startswith("  line 3: 'cafe,0.0,2.25,2.25,0.0,0.75,0.75' in the file, 'cafe,")
    assert lines[-1].startswith("  Changed since: stores, hours, closures and annotations: version ")
    assert printed(home, "closure", "delete", added[0].split()[1]) == [added[0].replace("added", "deleted")]
    assert printed(home, "verify", file)[0] == f"{file}: identical"
    file.write_text(REPORT.replace("bar,30.0", "bar,31.0"), encoding="utf-8")
    tampered = storewatch(home, "verify", file)
    assert (tampered.returncode, tampered.stdout.splitlines()[1]) == (1, "  The file is not the one that was written.")
    assert "line 2: 'bar,31.0," in tampered.stdout


def test_verify_takes_the_id_of_a_stored_report(home: Path) -> None:
    with open_installation(settings_in(home.parent)) as app:
        app.catalog.jobs.create("one", JobKind.REPORT, ReportRequest().parameters(), NOW)
    assert "is queued" in mistake(home, "verify", "one")
    with open_installation(settings_in(home.parent)) as app:
        job = app.catalog.jobs.claim("w", [JobKind.REPORT], NOW)
        assert job is not None
        done = app.reports.run(job, app.lake.snapshot())
        app.catalog.jobs.complete(job, done.result(), NOW, fingerprint=done.fingerprint)
    assert printed(home, "verify", "one") == ["one: identical"]


def test_verify_of_another_file_names_what_is_missing(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    assert mistake(home, "verify", file) == f"There is no file {file}; name a report's file, or the id of a report."
    assert mistake(home, "verify", "nope").startswith("There is no report with the id 'nope'")
    file.write_text(REPORT)
    assert mistake(home, "verify", file).startswith(f"There is no {file}.manifest.json")
    (tmp_path / "r.csv.manifest.json").write_text("{")
    assert mistake(home, "verify", file).startswith("This file is not a manifest")


def test_verify_of_a_lake_version_that_was_deleted_is_refused_with_the_reason(home: Path, tmp_path: Path) -> None:
    file, manifest = tmp_path / "r.csv", tmp_path / "r.csv.manifest.json"
    assert storewatch(home, "report", "--output", file).returncode == 0
    manifest.write_text(manifest.read_text().replace('"lake_version": 1', '"lake_version": 77'))
    assert mistake(home, "verify", file).startswith("Version 77 of the lake")


@pytest.fixture
def stray_home(home: Path, tmp_path: Path) -> Path:
    """The scene, and one poll of ghost that carries the wrong year."""
    file = tmp_path / "stray.csv"
    file.write_text("store_id,status,timestamp_utc\nghost,active,2024-01-23 18:00:00 UTC\n")
    assert storewatch(home, "import", file).returncode == 0
    return home


WARNING = (
    "as_of 2024-01-23T18:00:00Z does not fit the polls: of 3 polled stores only 1 was polled in the 24 hours before "
    "it. Perhaps its newest poll has a wrong time. as_of 2023-01-23T18:00:00Z would fit."
)


@pytest.mark.parametrize("form", ["csv", "wide_csv", "json", "ndjson", "parquet", "xlsx", "pdf"])
def test_stray_poll_is_named_in_every_form(stray_home: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"r.{form.replace('wide_', '')}"
    done = storewatch(stray_home, "report", "--format", form, "--output", file)
    assert done.stderr.splitlines()[0] == f"Warning: {WARNING}"
    manifest = json.loads((tmp_path / f"{file.name}.manifest.json").read_text())
    assert manifest["as_of_warning"] == {
        "text": WARNING,
        "as_of": "2024-01-23T18:00:00Z",
        "as_of_that_fits": "2023-01-23T18:00:00Z",
        "stores_polled_in_last_day": 1,
        "stores_expected": 3,
    }
    if form in ("json", "ndjson"):
        first = json.loads(file.read_text().splitlines()[0] if form == "ndjson" else file.read_text())
        assert (first["report"] if form == "json" else first)["as_of_warning"]["text"] == WARNING
    if form == "xlsx":
        sheet = openpyxl.load_workbook(file).worksheets[0]
        assert f"Warning: {WARNING}" in [cell.value for cell in sheet["A"]]


def test_stray_poll_is_named_by_the_other_commands(stray_home: Path) -> None:
    for command in ("outages", "doctor"):
        assert storewatch(stray_home, command).stderr == f"Warning: {WARNING}\n"
    assert f"warning:      {WARNING}" in printed(stray_home, "status")
    fitting = storewatch(stray_home, "report", "--as-of", "2023-01-23T18:00:00Z")
    assert (fitting.stdout, fitting.stderr) == (REPORT, "")


def test_store_that_closed_for_good_leaves_reports_of_windows_after_it(home: Path, tmp_path: Path) -> None:
    assert printed(home, "stores", "set", "bar", "--closed-on", "2023-01-23") == ["bar changed"]
    last_day = storewatch(home, "report", "--windows", "2023-01-24/2023-01-25", "--as-of", "2023-01-26T00:00Z")
    assert [line.split(",")[0] for line in last_day.stdout.splitlines()[1:]] == ["cafe", "ghost"]
    assert storewatch(home, "report").stdout.splitlines()[1].startswith("bar,0.0,")
    named = storewatch(home, "report", "--windows", "2023-01-24/2023-01-25", "--store-id", "bar", "--format", "json")
    assert json.loads(named.stdout)["report"]["totals"]["2023-01-24/2023-01-25"]["business_seconds"] == 0.0
    assert ("store.change", "bar") in noted(home)
    assert printed(home, "stores", "set", "bar", "--closed-on", "none") == ["bar changed"]
    for options, sentence in (
        ((), "Name what to set"),
        (("--closed-on", "soon"), "--closed-on: 'soon' is not a date"),
        (("--opened-on", "2023-01-02", "--closed-on", "2023-01-02"), "--closed-on: closed_on must be a date after"),
    ):
        assert mistake(home, "stores", "set", "bar", *options).startswith(sentence)
    assert mistake(home, "stores", "set", "bra", "--closed-on", "none").startswith(
        "There is no store with the id 'bra'; the nearest is bar."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--label", "owner=acne"), "--labels: No store has owner=acne; the nearest is owner=acme."),
        (("--label", "onwer=acme"), "--labels: No store has a label 'onwer'; the labels are owner."),
        (("--zone", "Asia/Tokyo"), "--zone: There is no store with the time zone Asia/Tokyo"),
        (("--store-id", "caffe"), "There is no store with the id 'caffe'; the nearest is cafe."),
    ],
)
def test_names_that_match_nothing_are_refused_by_commands(
    home: Path, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    assert mistake(home, "report", *options, "--output", tmp_path / "r.csv").startswith(sentence)
    assert mistake(home, "outages", *options).startswith(sentence)
    if "--zone" not in options:
        assert mistake(home, "definition", "save", "mine", *options).startswith(sentence)
    allowed = storewatch(home, "report", *options, "--allow-unknown")
    assert (allowed.returncode, allowed.stdout.count("\n")) == (0, 1)


def test_closure_and_key_of_a_label_that_no_store_has_are_refused(home: Path) -> None:
    closure = ("closure", "add", "--label", "owner=acne", "--reason", "works")
    closure = (*closure, "--from", "2023-01-23T15:00Z", "--to", "2023-01-23T16:00Z")
    assert mistake(home, *closure) == "--label: No store has owner=acne; the nearest is owner=acme."
    assert printed(home, *closure, "--allow-unknown")[0].endswith(" added")
    key = ("key", "create", "--name", "shown", "--role", "viewer", "--scope", "owner=acne")
    assert mistake(home, *key) == "--scope: No store has owner=acne; the nearest is owner=acme."
    assert storewatch(home, *key, "--allow-unknown").returncode == 0


def test_stores_are_renamed_and_merged(home: Path) -> None:
    assert printed(home, "stores", "rename", "cafe", "bistro") == ["bistro has the 3 polls of cafe"]
    assert printed(home, "stores", "merge", "bistro", "bar") == ["bar has the 3 polls of bistro"]
    assert [line.split(",")[0] for line in storewatch(home, "report").stdout.splitlines()[1:]] == ["bar", "ghost"]
    assert mistake(home, "stores", "rename", "bar", "ghost").startswith("The store 'ghost' exists already")
    assert [entry for entry in noted(home) if entry[0].startswith("store.")] == [
        ("store.rename", "cafe"),
        ("store.merge", "bistro"),
    ]
