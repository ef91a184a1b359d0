"""Columns of other names: mapped by options, saved under a name, suggested in the error about a header."""

from pathlib import Path

import pytest
from support.command_line import run_command

HEADER = "shop_id,dow,opens,closes"
OPTIONS = "--map shop_id=store_id --map dow=day --map opens=start_time_local --map closes=end_time_local"


@pytest.fixture
def till(tmp_path: Path) -> Path:
    path = tmp_path / "till.csv"
    path.write_text(f"{HEADER}\n7,Mon,9:00 AM,5 PM\n7,Tue,Closed,\n")
    return path


def test_error_about_a_header_suggests_mapping_options(till: Path, tmp_path: Path) -> None:
    refused = run_command("import", till, home=tmp_path / "home")
    assert (
        refused.returncode,
        refused.stderr.strip().endswith(f"If columns of other names hold these, add: {OPTIONS}"),
    ) == (2, True)


def test_mapping_is_saved_and_used_by_its_name(till: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    saved = run_command("import", *OPTIONS.split(), "--save-map", "till", till, home=home)
    assert saved.stdout.startswith(f"{till}: 2 of 2 rows of weekly_hours imported")
    again = run_command("import", "--mapping", "till", till, home=home)
    assert again.stdout.startswith(f"{till}: 2 of 2 rows of weekly_hours imported")


def test_saved_mappings_are_listed_shown_and_deleted(till: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_command("import", *OPTIONS.split(), "--save-map", "till", till, home=home)
    run_command("import", "--map", "closed=closed_on", "--mapping", "till", "--save-map", "another", till, home=home)
    columns = OPTIONS.removeprefix("--map ").split(" --map ")
    another = [*columns, "closed=closed_on"]
    listed = run_command("mapping", "list", home=home).stdout
    assert listed == f"another: {', '.join(another)}\ntill: {', '.join(columns)}\n"
    assert run_command("mapping", "show", "till", home=home).stdout.splitlines() == columns
    assert run_command("mapping", "delete", "till", home=home).stdout == "till deleted\n"
    assert run_command("mapping", "list", home=home).stdout == f"another: {', '.join(another)}\n"
    for command in ("show", "delete"):
        refused = run_command("mapping", command, "till", home=home)
        sentence = "storewatch: There is no column mapping saved as 'till'. `storewatch mapping list`"
        assert (refused.returncode, refused.stderr.startswith(sentence)) == (2, True)
    assert "There is no column mapping 'till'" in run_command("import", "--mapping", "till", till, home=home).stderr


def test_mapping_of_an_import_that_fails_is_not_saved(till: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    refused = run_command("import", "--map", "dow=day", "--save-map", "till", till, home=home)
    assert (refused.returncode, run_command("mapping", "list", home=home).stdout) == (2, "")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--map missing", "'missing' is not column=field; to use a saved mapping, pass its name as mapping."),
        ("--mapping missing", "There is no column mapping 'missing' (saved: none)."),
        ("--map x=day --map X=status", "The column 'x' is mapped to both day and status."),
        ("--map x=stor_id", "'x=stor_id' does not name a field of a table; did you mean store_id?"),
        ("--map =store_id", "'=store_id' does not name a field of a table"),
        ("--save-map till", "There is no mapping to save as till; add its columns with --map column=field."),
        ("--map x=store_id --save-map a/b", "'a/b' cannot be the name of a mapping"),
    ],
)
def test_invalid_mapping_is_refused(options: str, sentence: str, till: Path, tmp_path: Path) -> None:
    refused = run_command("import", *options.split(), till, home=tmp_path / "home")
    assert (refused.returncode, sentence in refused.stderr) == (2, True), refused.stderr


def test_two_columns_that_hold_one_field_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "zones.csv"
    file.write_text("shop,tz,Zone\na,Europe/Berlin,Asia/Tokyo\n")
    options = ("--map", "shop=store_id", "--map", "tz=timezone_str", "--map", "zone=timezone_str")
    refused = run_command("import", *options, file, home=tmp_path / "home")
    sentence = "the header has the column timezone twice. Found: shop, tz, Zone."
    assert (refused.returncode, sentence in refused.stderr) == (2, True), refused.stderr


def test_ignored_columns_have_their_names_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "zones.csv"
    file.write_text("store_id,timezone_str,Why\na,Europe/Berlin,moved\n")
    done = run_command("import", "--map", "why=reason", file, home=tmp_path / "home")
    assert "  ignored: Why\n" in done.stdout


def test_weekdays_option_decides(tmp_path: Path) -> None:
    file = tmp_path / "hours.csv"
    file.write_text("store_id,day,start_time_local,end_time_local\na,7,09:00,17:00\na,1,09:00,17:00\n")
    home = tmp_path / "home"
    assert "assumed: weekdays were read as 1 (Monday) to 7 (Sunday)" in run_command("import", file, home=home).stdout
    names = run_command("import", "--weekdays", "names", file, home=home)
    assert "day '7 (weekdays are names here)' is not one of 0 (Monday) to 6 (Sunday)" in names.stdout
    assert "assumed" not in run_command("import", "--weekdays", "iso", file, home=home).stdout


def test_weekdays_are_counted_over_all_files_of_a_command(tmp_path: Path) -> None:
    header = "store_id,day,start_time_local,end_time_local"
    for name, day in (("a", 1), ("b", 7)):
        (tmp_path / f"{name}.csv").write_text(f"{header}\na,{day},09:00,17:00\n")
    done = run_command("import", tmp_path / "a.csv", tmp_path / "b.csv", home=tmp_path / "home")
    assert "2 of 2 rows of weekly_hours imported" in done.stdout
    assert "because there is a 7 and no 0" in done.stdout
