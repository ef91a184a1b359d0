"""`storewatch check` lists damage and prints advice."""

import json
import os
from pathlib import Path

import pytest
from support.command_line import run_command


def users_umask() -> int:
    """Return the umask that the tests were started with; their own process may have another by now."""
    return int(Path("/proc", str(os.getppid()), "status").read_text().partition("Umask:")[2].split()[0], 8)


def lake_file(home: Path) -> Path:
    return next(iter(sorted((home / "lake").glob("day=*/*.parquet"))))


def test_sound_installation_has_no_problem(labelled_home: Path) -> None:
    run_command("report", home=labelled_home)
    for folder in (labelled_home, *labelled_home.rglob("*")):
        folder.chmod(0o700 if folder.is_dir() else 0o600)
    checked = run_command("check", home=labelled_home)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.endswith("6 observations; 0 reports\nNo problem found.\n")


def test_damaged_file_of_the_lake_is_named_and_can_be_taken_out(labelled_home: Path) -> None:
    file = lake_file(labelled_home)
    file.write_bytes(file.read_bytes()[:100])
    report = run_command("report", home=labelled_home)
    assert report.returncode == 1
    assert "`storewatch check` says what can be done" in report.stderr
    found = json.loads(run_command("check", "--json", home=labelled_home).stdout)
    damaged = [problem for problem in found["problems"] if problem["part"] == "lake"]
    assert len(damaged) == 1
    assert str(file.relative_to(labelled_home / "lake")) in damaged[0]["what"]
    assert "--remove-damaged" in damaged[0]["advice"]
    removed = run_command("check", "--remove-damaged", home=labelled_home)
    assert removed.stdout.startswith("1 damaged file taken out of the lake, with ")
    assert "6 observations" in removed.stdout
    assert "Nothing has been observed" in run_command("report", home=labelled_home).stderr
    again = run_command("check", "--remove-damaged", home=labelled_home)
    assert again.stdout.startswith("0 damaged files taken out of the lake, with 0 observations.")


def test_empty_commit_of_the_lake_is_named(labelled_home: Path) -> None:
    commits = sorted((labelled_home / "lake" / "_delta_log").glob("0*.json"))
    commits[-1].write_bytes(b"")
    checked = run_command("check", home=labelled_home)
    assert checked.returncode == 1
    assert f"{commits[-1].name} is empty" in checked.stdout


def test_damaged_catalog_is_named(labelled_home: Path) -> None:
    database = labelled_home / "catalog.sqlite3"
    run_command("status", home=labelled_home)
    data = bytearray(database.read_bytes())
    for page in range(len(data) // 4096 // 2, len(data) // 4096):
        data[4096 * page : 4096 * page + 60] = b"\xff" * 60
    database.write_bytes(data)
    checked = run_command("check", home=labelled_home)
    assert checked.returncode != 0
    assert "catalog" in checked.stdout + checked.stderr


def test_files_that_others_may_read_are_named(labelled_home: Path) -> None:
    labelled_home.chmod(0o755)
    checked = run_command("check", home=labelled_home)
    assert checked.returncode == 1
    assert f"chmod -R go= {labelled_home}" in checked.stdout


def test_new_installation_is_private_and_what_is_written_for_the_user_is_not(tmp_path: Path) -> None:
    polls = tmp_path / "polls.csv"
    polls.write_text("store_id,status,timestamp_utc\na,active,2023-01-23 15:14:00 UTC\na,on,2023-01-23 15:15:00 UTC\n")
    home, output, rejects = tmp_path / "home", tmp_path / "report.csv", tmp_path / "rejects.csv"
    assert run_command("import", polls, "--rejects", rejects, home=home).returncode == 0
    assert run_command("report", "--output", output, home=home).returncode == 0
    assert home.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o077 for file in home.rglob("*")} == {0}
    assert output.stat().st_mode & 0o777 == rejects.stat().st_mode & 0o777 == 0o666 & ~users_umask()
    assert run_command("check", home=home).returncode == 0


def test_all_rejected_rows_are_written_and_the_first_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storewatch.ingest.rejects.KEPT_ROWS", 3)
    polls, rejects, home = tmp_path / "polls.csv", tmp_path / "rejects.csv", tmp_path / "home"
    bad = "".join(f"=s{number},on,2023-01-23 15:15:00 UTC\n" for number in range(10))
    polls.write_text(f"store_id,status,timestamp_utc\na,active,2023-01-23 15:14:00 UTC\n{bad}")
    imported = run_command("import", polls, "--rejects", rejects, home=home)
    assert "  10 rejected; storewatch rejects 1 lists the first 3. First:" in imported.stdout
    lines = rejects.read_text().splitlines()
    assert (len(lines), lines[0]) == (11, "line,row,reason,file")
    assert lines[10].startswith("12,\"'=s9,on,")
    assert len(run_command("rejects", "1", home=home).stdout.splitlines()) == 4
    gone = run_command("retention", "--rejects", "1", "--dry-run", home=home)
    assert gone.stdout == "0 observations, 0 reports, 0 rejected rows and 0 files of the lake would be removed\n"


def test_rejects_file_that_cannot_be_written_stops_the_import(tmp_path: Path) -> None:
    polls = tmp_path / "polls.csv"
    polls.write_text("store_id,status,timestamp_utc\na,active,2023-01-23 15:14:00 UTC\n")
    refused = run_command("import", polls, "--rejects", tmp_path / "no" / "file", home=tmp_path / "home")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "cannot be written" in refused.stderr
