"""The findings of an import about its files, and where they are shown until they are corrected."""

import json
from pathlib import Path

from support.command_line import run_command as storewatch

HOURS = "store_id,dayOfWeek,start_time_local,end_time_local"
POLLS = "store_id,status,timestamp_utc"
WEEK = "2023-03-06T00:00Z/2023-03-13T00:00Z"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def polls(*store_ids: str) -> str:
    return "".join([f"{POLLS}\n", *(f"{store_id},active,2023-03-08 12:00:00 UTC\n" for store_id in store_ids)])


def stores(home: Path) -> dict[str, dict[str, object]]:
    done = storewatch("report", "--windows", WEEK, "--format", "ndjson", home=home)
    rows = map(json.loads, done.stdout.splitlines())
    return {row["store_id"]: row for row in rows if row["table"] == "stores"}


def test_zone_beside_the_hours_counts_and_parts_are_added_up(tmp_path: Path) -> None:
    first = "".join(f"dock,{day},08:00,12:00,Europe/Athens\n" for day in range(3))
    second = "".join(f"dock,{day},13:00,17:00,Europe/Athens\n" for day in range(3))
    header = f"{HOURS},timezone_str\n"
    folder = write(tmp_path / "in", part_1=header + first, part_2=header + second, polls=polls("dock"))
    done = storewatch("import", folder, home=tmp_path / "home")
    assert done.returncode == 0
    found = stores(tmp_path / "home")["dock"]
    assert (found["timezone"], found["business_seconds"]) == ("Europe/Athens", 3 * 8 * 3600)


def test_closed_all_week_has_no_business_time_and_rejected_hours_are_named(tmp_path: Path) -> None:
    closed = "".join(f"shut,{day},,\n" for day in range(7))
    folder = write(tmp_path / "in", hours=f"{HOURS}\n{closed}torn,0,9h,17h\n", polls=polls("shut", "torn"))
    home = tmp_path / "home"
    sentence = "without hours because the rows were rejected, so taken as open 24x7: torn"
    assert sentence in storewatch("import", folder, home=home).stdout
    found = stores(home)
    assert [found[name]["business_seconds"] for name in ("shut", "torn")] == [0, 604_800]
    assert [found[name]["hours_source"] for name in ("shut", "torn")] == ["given", "rejected"]
    assert sentence in storewatch("status", home=home).stdout
    assert sentence in storewatch("doctor", home=home).stdout
    (tmp_path / "good.csv").write_text(f"{HOURS}\ntorn,0,09:00,17:00\n")
    assert sentence not in storewatch("import", tmp_path / "good.csv", home=home).stdout
    assert sentence not in storewatch("status", home=home).stdout


def test_stores_that_keep_older_hours_or_zones_are_named_until_good_rows_come(tmp_path: Path) -> None:
    home, good = tmp_path / "home", f"{HOURS},timezone\ntorn,0,09:00,17:00,UTC\n"
    bad = f"{HOURS},timezone\ntorn,0,9h,17h,Mars\n"
    folders = [write(tmp_path / name, hours=text, polls=polls("torn")) for name, text in (("1", good), ("2", bad))]
    sentences = [f"with the older {what} because all new rows were rejected: torn" for what in ("hours", "time zone")]

    def shown(*command: str | Path) -> list[bool]:
        out = storewatch(*command, home=home).stdout
        return [sentence in out for sentence in sentences]

    assert shown("import", folders[0]) == [False, False]
    assert shown("import", folders[1]) == shown("status") == shown("doctor") == [True, True]
    found = stores(home)["torn"]
    assert (found["business_seconds"], found["hours_source"], found["timezone_source"]) == (8 * 3600, "given", "given")
    assert shown("import", folders[0]) == shown("status") == shown("doctor") == [False, False]


def test_doctor_has_the_gaps_of_the_inputs_in_json_and_quality_counts_rejected_rows(tmp_path: Path) -> None:
    home = tmp_path / "home"
    hours = "torn,0,9h,17h\ntorn,1,9h,17h\n9007199254740993000,0,09:00,17:00\n"
    names = ("torn", "none", "9007199254740993123")
    storewatch("import", write(tmp_path / "in", hours=f"{HOURS}\n{hours}", polls=polls(*names)), home=home)
    report = json.loads(storewatch("doctor", "--format", "json", home=home).stdout)["report"]
    text = storewatch("doctor", home=home).stdout.splitlines()
    nothing = {"stores": 0, "store_ids": []}
    gaps = report["input_gaps"]
    assert gaps == {
        "stores_named": 1,
        "stores_polled": 3,
        "without_polls": {"stores": 1, "store_ids": ["9007199254740993000"]},
        "without_hours": {"stores": 3, "store_ids": sorted(names)},
        "alike_in_15_digits": [{"store_id": "9007199254740993000", "polled_id": "9007199254740993123"}],
        "default_hours_after_rejects": {"stores": 1, "store_ids": ["torn"]},
        "default_timezone_after_rejects": nothing,
        "older_hours_after_rejects": nothing,
        "older_timezone_after_rejects": nothing,
        "text": text[-len(gaps["text"]) :],
    }
    assert len(gaps["text"]) == 4
    chosen = ("report", "--include", "doctor", "--include", "quality", "--format", "json", "--store-id")
    for name, count in (("torn", 1), ("none", 0)):
        report = json.loads(storewatch(*chosen, name, home=home).stdout)["report"]
        gaps, (totals, *_) = report["input_gaps"], report["totals"].values()
        assert (gaps["stores_polled"], gaps["default_hours_after_rejects"]["stores"]) == (1, count)
        assert (totals["stores_with_rejected_rows"], totals["rejected_rows"]) == (count, 2 * count)


def test_rows_broken_as_a_whole_name_their_stores(tmp_path: Path) -> None:
    broken = {
        "many,0,09:00,17:00,,extra": ["many"],
        'open,0,"09:00,17:00': ["open"],
        'join1,0,"09:00,17:00\njoin2,0,09:00,17:00"': ["join1", "join2"],
        'left1,0,"09:00,17:00\nleft2,0,"09:00,17:00': ["left1", "left2"],
        '"lost,0,09:00,17:00': [],
    }
    good = "fine,0,09:00,17:00\n"
    for number, (row, ids) in enumerate(broken.items()):
        home = tmp_path / f"home{number}"
        done = storewatch("import", write(tmp_path / str(number), hours=f"{HOURS}\n{good}{row}\n{good}"), home=home)
        named = f"without hours because the rows were rejected, so taken as open 24x7: {', '.join(ids)}"
        assert (named in done.stdout) == bool(ids), done.stdout
        unnamed = "1 rejected row of weekly hours without a readable store_id may be of any store"
        assert (unnamed in done.stdout) == (not ids), done.stdout


def test_broken_json_rows_name_their_stores(tmp_path: Path) -> None:
    rest = '"day":0,"start_time_local":"09:00","end_time_local":"17:00"'
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [
        f'{{"store_id":"fine",{rest}}}',
        f'{{"store_id":"typed",{rest.replace("0", "true", 1)}}}',
        f'{{"store_id":"twice","day":1,{rest}}}',
        f'{{"store_id":"cut",{rest}',
        f'{{"store_id":["list"],{rest}}}',
        f'{{"store_id":"a","store_id":"b",{rest}}}',
    ]
    (folder / "hours.ndjson").write_text("\n".join(lines))
    done = storewatch("import", folder, home=tmp_path / "home")
    assert "without hours because the rows were rejected, so taken as open 24x7: cut, twice, typed" in done.stdout
    assert "2 rejected rows of weekly hours without a readable store_id may be of any store" in done.stdout


def test_ids_that_a_spreadsheet_has_rounded_are_not_mixed_up(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "in",
        hours=f"{HOURS}\n7301228800123450000,0,09:00,17:00\n",
        polls=polls("7301228800123456789"),
        zones="store_id,timezone_str\n7.30123E+18,UTC\n",
    )
    done = storewatch("import", folder, home=tmp_path / "home").stdout
    assert "  2 stores" not in done
    assert "  1 store not seen before: 7301228800123450000" in done
    assert "7.30123E+18" in storewatch("rejects", "3", home=tmp_path / "home").stdout
    assert "1 of the 1 store in hours, zones or labels has no polls: 7301228800123450000" in done
    assert "1 of the 1 polled store has no hours (open 24x7): 7301228800123456789" in done
    cause = "likely cause: 1 of the ids without polls agree with a polled id in their first 15 digits only"
    assert cause in done
    assert cause in storewatch("doctor", home=tmp_path / "home").stdout


def test_ignored_columns_new_stores_and_files_left_out_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", polls=polls("a"))
    home = tmp_path / "home"
    storewatch("import", folder, home=home)
    (folder / "polls.csv").write_text(f"Unnamed: 0,{POLLS},latency\n0,new,active,2023-03-08 12:00:00 UTC,5\n")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    lines = storewatch("import", folder, home=home).stdout.splitlines()
    assert "  ignored: Unnamed: 0, latency" in lines
    assert "  1 store not seen before: new" in lines
    assert f"left out: {folder / 'photo.png'}" in lines


def test_import_without_a_good_row_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "polls.csv"
    file.write_text("store_id,status,timestamp_utc\ncafe,open,2023-01-23 16:00:00 UTC\n")
    done = storewatch("import", file, home=tmp_path / "home")
    assert (done.returncode, done.stderr) == (2, "storewatch: No row of these files was imported.\n")
    assert done.stdout.startswith(f"{file}: 0 of 1 rows of observations imported\n  1 rejected; storewatch rejects 1 ")
    listed = storewatch("rejects", "1", home=tmp_path / "home")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 2)
    again = storewatch("rejects", "2", home=tmp_path / "home")
    assert (again.returncode, again.stdout) == (2, "")
