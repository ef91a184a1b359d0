"""Outages and the doctor's findings as they are printed, and the commands that change how outages count."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import mistake, noted, printed, storewatch

from storewatch.cli.tables import aligned
from storewatch.domain.clock_words import duration_words

TOTALS = (
    "2 outages, 1 h 15 min of down time; longest 45 min, mean 37 min 30 s, MTTR 30 min, MTBF 84 h 52 min "
    "(business time)."
)
TOO_FEW = "Too few stores are open at the same time to know whether the feed was silent."
DOCTOR_RULE = (
    "The polls of the 31 days before as_of are examined, whatever the windows are. A finding needs at least 5 openings "
    "or closings that polls decide, and more than 60% of them contrary."
)
CLOSURE = ("--from", "2023-01-23T16:15Z", "--to", "2023-01-23T17:00Z")


@pytest.fixture
def home(labelled_home: Path) -> Path:
    return labelled_home


def bring(home: Path, name: str, *lines: str) -> None:
    file = home.parent / name
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert storewatch(home, "import", file).returncode == 0


def test_outages_are_printed_longest_first(home: Path) -> None:
    assert printed(home, "outages") == [
        "rolling_7_days: 2023-01-16 18:00 to 2023-01-23 18:00 UTC, 3 stores, policy fill (168 h)",
        TOO_FEW,
        "store  start (local)       down  position     state    cause",
        "cafe   2023-01-23 11:15  45 min  early close  ongoing",
        "bar    2023-01-23 11:30  30 min  middle       ended",
        TOTALS,
    ]
    assert printed(home, "outages", "--windows", "yesterday")[1:] == [TOO_FEW, "No outages."]
    assert printed(home, "outages", "--min-duration", "40m")[3:-1] == [
        "cafe   2023-01-23 11:15  45 min  early close  ongoing"
    ]
    assert noted(home)[-1] == ("report.download", "outages")


def test_outages_of_many_stores_that_begin_together_are_printed_first(home: Path) -> None:
    stores = [f"shop-{number:02}" for number in range(60)]
    begin = datetime(2023, 1, 23, 12, tzinfo=UTC)
    polls = [
        f"{store},{status},{begin + timedelta(hours=hour, minutes=number):%Y-%m-%d %H:%M:%S} UTC"
        for number, store in enumerate(stores)
        for hour, status in enumerate(["active", "inactive", "active"])
    ]
    bring(home, "shops.csv", "store_id,status,timestamp_utc", *polls)
    rows = (f"{store},,acme,{('ann', 'bo')[number % 2]}" for number, store in enumerate(stores))
    bring(home, "brands.csv", "store_id,name,brand,owner", *rows)
    lines = printed(home, "outages", "--label", "brand=acme")
    assert lines[1] == (
        "The feed was silent from 2023-01-16 18:00 to 2023-01-23 12:29 UTC (100 % of stores unpolled): outages in that "
        "time may be the feed's, not the stores'."
    )
    assert lines[2].startswith("The feed was silent from 2023-01-23 14:30 to 2023-01-23 18:00 UTC")
    del lines[1:3]
    assert lines[1].startswith(
        "Together: 60 of the 60 stores with brand=acme went down between 2023-01-23 13:00 and 2023-01-23 13:59 UTC, "
        "the last until 2023-01-23 14:59; 60 h of down time in all. Stores of owner=ann, owner=bo were among them."
    )
    assert len(lines) == 1 + 1 + 1 + 50 + 1 + 1
    assert lines[-2] == "... and 10 shorter ones; --format json, ndjson or wide_csv lists all."
    assert lines[-1].startswith("60 outages, 60 h of down time; longest 1 h, mean 1 h, MTTR 1 h")


def test_outages_as_data_are_all_of_them(home: Path, tmp_path: Path) -> None:
    table = printed(home, "outages", "--format", "wide_csv")
    assert table[0].startswith("store_id,name,window,start_at,end_at,start_local,")
    assert [line.split(",")[0] for line in table[1:]] == ["bar", "cafe"]
    assert len(json.loads("".join(printed(home, "outages", "--format", "json")))["outages"]) == 2
    for name in ("o.csv", "o.json"):
        assert storewatch(home, "outages", "--output", tmp_path / name).returncode == 0
    assert (tmp_path / "o.csv").read_text().splitlines() == table
    assert storewatch(home, "outages", "--output", f"{tmp_path}/").returncode == 0
    assert (tmp_path / "storewatch_2023-01-23_rolling-7-days_outages.csv").read_text().splitlines() == table
    for wrong in (("--format", "pdf"), ("--output", tmp_path / "o.xlsx")):
        assert mistake(home, "outages", *wrong).startswith("--format: This command writes json, ndjson, wide_csv")


def test_doctor_prints_evidence_correction_and_effect(home: Path) -> None:
    days = [datetime(2023, 1, 9, tzinfo=UTC) + timedelta(days=number) for number in range(14)]
    hours = [f"late,{day},09:00:00,17:00:00" for day in range(7)]
    polls = [
        f"late,{'active' if 10 <= hour < 17 else 'inactive'},{day + timedelta(hours=hour):%Y-%m-%d %H}:02:00 UTC"
        for day in days
        for hour in range(6, 20)
    ]
    bring(home, "late.csv", "store_id,status,timestamp_utc", *polls)
    bring(home, "late_hours.csv", "store_id,dayOfWeek,start_time_local,end_time_local", *hours)
    bring(home, "late_zone.csv", "store_id,timezone_str", "late,UTC")
    lines = printed(home, "doctor")
    assert lines[0].startswith("late: late open")
    assert [line.split()[0] for line in lines[1:4]] == ["evidence", "correction", "effect"]
    assert "availability" in lines[3]
    assert ", open 240 h -> 210 h, " in lines[3]
    assert " -> 100.00 %" in lines[3]
    assert lines[4:6] == [
        f"1 finding on 1 of 4 stores; nothing was changed. {DOCTOR_RULE} Here as_of is 2023-01-23 18:00 UTC.",
        "Effects are those on rolling_30_days, 2022-12-24 18:00 to 2023-01-23 18:00 UTC.",
    ]


def test_silences_beyond_the_longest_are_counted(home: Path) -> None:
    begin = datetime(2023, 1, 20, tzinfo=UTC)
    silent = [(5 * spell + hour) * 60 for spell in range(14) for hour in (0, 1)]
    polls = [
        f"s{number},active,{begin + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S} UTC"
        for number in range(12)
        for minute in silent
    ]
    bring(home, "s.csv", "store_id,status,timestamp_utc", *polls)
    bring(home, "s_labels.csv", "store_id,name,brand", *(f"s{number},,s" for number in range(12)))
    done = storewatch(home, "outages", "--label", "brand=s")
    assert done.stderr.startswith(
        "Warning: as_of 2023-01-23T18:00:00Z does not fit the polls: of 12 polled stores only 0"
    )
    lines = done.stdout.splitlines()
    silences = [line for line in lines if line.startswith("The feed was silent from ")]
    assert len(silences) == 3
    assert silences == sorted(silences)
    assert lines[4] == "... and 12 shorter silences; see blind_seconds of each outage."


def test_doctor_prints_a_finding_of_most_stores_once(home: Path) -> None:
    begin = datetime(2023, 1, 10, tzinfo=UTC)
    polls = [
        f"s{number},active,{begin + timedelta(hours=hour):%Y-%m-%d %H:%M:%S} UTC"
        for number in range(5)
        for hour in range(24 * 13)
    ]
    hours = [f"s{number},{day},09:00:00,17:00:00" for number in range(5) for day in range(7)]
    bring(home, "s.csv", "store_id,status,timestamp_utc", *polls)
    bring(home, "s_hours.csv", "store_id,dayOfWeek,start_time_local,end_time_local", *hours)
    evidence = "5 of 5 stores are active in most polls outside their hours, so this is how they are polled"
    assert printed(home, "doctor")[:2] == [
        "all stores: active outside",
        f"  evidence    {evidence} rather than when they open",
    ]


def test_doctor_without_findings_prints_that_nothing_contradicts_the_hours(home: Path) -> None:
    sentence = f"Nothing contradicts the hours of the 3 stores. {DOCTOR_RULE} Here as_of is 2023-01-23 18:00 UTC."
    assert printed(home, "doctor") == [
        sentence,
        "1 of the 3 stores in hours, zones or labels has no polls: ghost",
        "1 of the 2 polled stores has no hours (open 24x7): bar",
    ]


def test_closure_is_added_listed_and_deleted(home: Path) -> None:
    add = ("closure", "add", *CLOSURE, "--reason", "stocktaking")
    targets = (("--store-id", "cafe"), ("--label", "owner=acme"), ("--all-stores",))
    output = [printed(home, *add, *target) for target in targets]
    first, second, third = ids = [lines[0].split()[1] for lines in output]
    assert output == [[f"closure {closure_id} added"] for closure_id in ids]
    span = "2023-01-23T16:15:00Z to 2023-01-23T17:00:00Z, stocktaking ("
    assert [line.split(span)[0] for line in printed(home, "closure", "list")] == [
        f"{third}: all stores, ",
        f"{second}: owner=acme, ",
        f"{first}: cafe, ",
    ]
    assert [line.split(":")[0] for line in printed(home, "closure", "list", "--store-id", "ghost")] == [third]
    assert [line.split()[0] for line in printed(home, "outages")[3:-1]] == ["bar"]
    assert [line.split()[0] for line in printed(home, "outages", "--closures", "ignore")[3:-1]] == ["cafe", "bar"]
    for closure_id in ids:
        assert printed(home, "closure", "delete", closure_id) == [f"closure {closure_id} deleted"]
    assert mistake(home, "closure", "delete", first).startswith(f"There is no closure with the id '{first}'")
    assert noted(home)[-1] == ("closure.delete", third)
    assert ("closure.create", first) in noted(home)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Name the stores with exactly one of --store-id, --label and --all-stores"),
        (("--store-id", "nobody"), "There is no store with the id 'nobody'"),
        (("--all-stores", "--to", "2023-01-01"), "A closure must end after it starts"),
        (("--all-stores", "--to", "later"), "--to: 'later' is not an instant"),
    ],
)
def test_invalid_closure_is_refused_with_the_reason(home: Path, options: tuple[str, ...], sentence: str) -> None:
    assert mistake(home, "closure", "add", *CLOSURE, "--reason", "x", *options).startswith(sentence)


def test_annotation_is_added_listed_and_deleted(home: Path) -> None:
    add = ("annotation", "add", "--store-id", "cafe", *CLOSURE, "--cause", "power cut")
    output = printed(home, *add, "--note", "the whole street", "--reclassify-as", "not_an_outage")
    annotation_id = output[0].split()[1]
    assert output == [f"annotation {annotation_id} added"]
    assert printed(home, "annotation", "list", "--store-id", "cafe")[0].startswith(
        f"{annotation_id}: cafe, 2023-01-23T16:15:00Z to 2023-01-23T17:00:00Z, power cut, the whole street, "
        "counts as not an outage ("
    )
    assert printed(home, "annotation", "list", "--store-id", "bar") == []
    assert [line.split()[0] for line in printed(home, "outages")[3:-1]] == ["bar"]
    ignored = printed(home, "outages", "--annotations", "ignore")
    assert ignored[3] == "cafe   2023-01-23 11:15  45 min  early close  ongoing  power cut"
    delete = ("annotation", "delete", annotation_id)
    assert printed(home, *delete) == [f"annotation {annotation_id} deleted"]
    assert mistake(home, *delete).startswith(f"There is no annotation with the id '{annotation_id}'")
    assert mistake(home, *add[:2], "--store-id", "nobody", *add[4:]).startswith(
        "There is no store with the id 'nobody'"
    )
    assert [entry for entry in noted(home) if entry[0].startswith("annotation")] == [
        ("annotation.create", annotation_id),
        ("annotation.delete", annotation_id),
    ]


@pytest.mark.parametrize("later", [(), ("--reclassify-as", "down")])
def test_later_annotation_that_leaves_time_down_undoes_an_earlier_one(home: Path, later: tuple[str, ...]) -> None:
    add = ("annotation", "add", "--store-id", "cafe", *CLOSURE, "--cause")
    whole = printed(home, "outages")
    printed(home, *add, "power cut", "--reclassify-as", "planned")
    assert [line.split()[0] for line in printed(home, "outages")[3:-1]] == ["bar"]
    printed(home, *add, "burnt fuse", *later)
    assert printed(home, "annotation", "list")[0].split(": ")[1].startswith("cafe, 2023-01-23T16:15:00Z to ")
    assert "burnt fuse, counts as down (" in printed(home, "annotation", "list")[0]
    again = printed(home, "outages")
    assert [line.replace("  burnt fuse", "") for line in again] == whole


def test_special_hours_are_listed_and_deleted(home: Path) -> None:
    header = "store_id,date,start_time_local,end_time_local"
    bring(
        home, "special_hours.csv", header, "cafe,2023-01-23,,", "cafe,2023-01-24,18:00:00,02:00:00", "bar,2023-01-24,,"
    )
    assert printed(home, "special-hours", "list") == [
        "2023-01-24: bar, closed",
        "2023-01-23: cafe, closed",
        "2023-01-24: cafe, 18:00 to 02:00 the next day",
    ]
    assert printed(home, "special-hours", "list", "--store-id", "bar") == ["2023-01-24: bar, closed"]
    delete = ("special-hours", "delete", "--store-id", "cafe", "--date", "2023-01-23")
    assert printed(home, *delete) == ["1 row of special hours deleted"]
    assert printed(home, *delete, "--to", "2023-01-31") == ["1 row of special hours deleted"]
    assert printed(home, *delete) == ["0 rows of special hours deleted"]
    assert printed(home, "special-hours", "list") == ["2023-01-24: bar, closed"]
    assert mistake(home, "special-hours", "delete", "--date", "2023-01-23").startswith(
        "Name the special hours to delete"
    )
    assert [entry for entry in noted(home) if entry[0] == "special_hours.delete"] == [
        ("special_hours.delete", "cafe")
    ] * 2


@pytest.mark.parametrize("group", ["definition", "closure", "annotation", "special-hours", "schedule"])
def test_help_of_each_command_of_a_group_has_an_example(home: Path, group: str) -> None:
    commands = [line.split()[0] for line in printed(home, group, "--help") if line.startswith("  ")][1:]
    names = {"add", "create", "save", "list", "show", "delete"} & set(commands)
    assert len(names) >= 2
    for name in names:
        assert f"Example: storewatch {group} {name}" in storewatch(home, group, name, "--help").stdout


def test_columns_stand_under_each_other_and_hold_no_commands_for_the_terminal() -> None:
    rows = [("a", "1 h"), ("longer\x1b[2J", "25 min")]
    assert list(aligned(("store", "down"), rows, right=(1,))) == [
        "store         down",
        "a              1 h",
        "longer?[2J  25 min",
    ]


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [
        (0, "0 s"),
        (999_999, "0 s"),
        (61_000_000, "1 min 1 s"),
        (3_600_000_000, "1 h"),
        (3_601_000_000, "1 h"),
        (90_061_000_000, "25 h 1 min"),
        (86_460_000_000, "24 h 1 min"),
    ],
)
def test_length_has_its_two_largest_units(duration_us: int, text: str) -> None:
    assert duration_words(duration_us) == text
