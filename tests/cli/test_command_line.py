"""Every command: what it prints, where, and its exit code."""

import gzip
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import run_command, run_process
from support.scene import POLLS, REPORT, write_scene

from storewatch.catalog import AuditFilter
from storewatch.ingest.simulate import FILES
from storewatch.installation import open_installation
from storewatch.settings import Settings

COMMANDS = (
    *("import", "rejects", "report", "verify", "outages", "rates", "doctor", "serve", "worker", "status", "check"),
    *("optimize", "retention", "simulate", "compile"),
)
GROUPS = (
    "key",
    "schedule",
    "definition",
    "mapping",
    "closure",
    "annotation",
    "jobs",
    "imports",
    "observations",
    "special-hours",
    "stores",
)


def storewatch(*arguments: str | Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run_command(*arguments, home=home)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation that holds the scene."""
    home = tmp_path / "home"
    done = storewatch("import", write_scene(tmp_path / "files"), home=home)
    assert (done.returncode, done.stderr) == (0, "")
    return home


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example(command: str) -> None:
    assert f"Example: storewatch {command}" in storewatch(command, "--help").stdout


def test_help_lists_the_commands_and_loads_nothing_heavy() -> None:
    program = (
        "import sys; from storewatch.cli import app; app(['--help'], standalone_mode=False); "
        "print(sorted({'numba', 'polars', 'deltalake', 'sqlalchemy', 'fastapi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert "..." not in done.stdout.split("Commands:")[1]
    assert re.findall(r"^  ([\w-]+)  ", done.stdout.split("Commands:")[1], re.MULTILINE) == [*COMMANDS, *GROUPS]


@pytest.mark.parametrize(
    "words",
    [
        *(
            ("worker",),
            ("status",),
            ("report",),
            ("outages",),
            ("doctor",),
            ("optimize",),
            ("verify", "7c0f7e06"),
            ("rejects", "1"),
        ),
        *((group, "list") for group in ("key", "schedule", "definition", "closure", "annotation", "jobs")),
        ("annotation", "delete", "1"),
    ],
    ids=" ".join,
)
def test_home_that_does_not_exist_is_named_and_not_created(tmp_path: Path, words: tuple[str, ...]) -> None:
    home = tmp_path / "misspelt"
    done = storewatch(*words, "--home", home)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"storewatch: There is no installation in {home}: the folder does not exist.")
    assert not home.exists()


def test_first_key_can_be_created_before_anything_else(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    assert storewatch("key", "create", "--name", "ops", "--role", "admin", home=home).returncode == 0
    assert "ops" in storewatch("key", "list", home=home).stdout


def test_import_prints_the_rows_and_gaps(tmp_path: Path) -> None:
    files = write_scene(tmp_path / "files")
    done = run_process("import", files / "store_status.csv", home=tmp_path / "home")
    assert done.stdout.splitlines() == [
        f"{files / 'store_status.csv'}: 6 of 6 rows of observations imported",
        "2 of the 2 polled stores have no hours (open 24x7): bar, cafe",
    ]


def test_import_with_bad_rows_prints_their_number_and_the_first_three(tmp_path: Path) -> None:
    file = tmp_path / "polls.csv"
    file.write_text(POLLS + "".join(f"cafe,open,2023-01-23 16:0{n}:00 UTC\n" for n in range(5)))
    done = storewatch("import", file, home=tmp_path / "home")
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[0]) == (0, f"{file}: 6 of 11 rows of observations imported")
    assert lines[1] == "  5 rejected; storewatch rejects 1 lists them. First:"
    assert [line.split(":")[0] for line in lines[2:5]] == ["  line 8", "  line 9", "  line 10"]
    assert "active nor inactive" in lines[2]
    listed = storewatch("rejects", "1", home=tmp_path / "home").stdout.splitlines()
    assert (listed[0], len(listed)) == ("line,row,reason,file", 6)
    assert listed[1].startswith('8,"cafe,open,2023-01-23 16:00:00 UTC"')


def test_rejected_rows_that_begin_like_formulas_are_guarded_unless_a_program_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "polls.csv"
    file.write_text(POLLS + "=A1,open,2023-01-23 16:00:00 UTC\n'b,open,2023-01-23 16:00:00 UTC\n")
    storewatch("import", file, home=tmp_path / "home")
    guarded, raw = (
        [
            line.split('"')[1][:5]
            for line in storewatch("rejects", "1", *more, home=tmp_path / "home").stdout.split("\n")[1:3]
        ]
        for more in ([], ["--raw-text"])
    )
    assert (guarded, raw) == (["'=A1,", "''b,o"], ["=A1,o", "'b,op"])


def test_ids_of_a_classic_csv_join_with_those_of_the_file(tmp_path: Path) -> None:
    ids = ["-7", "+49301", "=B2", "'=B2"]
    file = tmp_path / "polls.csv"
    file.write_text(
        "store_id,status,timestamp_utc\n" + "".join(f"{each},active,2023-01-23 16:00:00 UTC\n" for each in ids)
    )
    storewatch("import", file, home=tmp_path / "home")
    guarded, raw = (
        {line.split(",")[0] for line in storewatch("report", *more, home=tmp_path / "home").stdout.splitlines()[1:]}
        for more in ([], ["--raw-text"])
    )
    assert (guarded, raw) == ({"-7", "+49301", "'=B2", "''=B2"}, set(ids))


def test_strict_import_refuses_the_file_and_keeps_nothing(tmp_path: Path) -> None:
    file = tmp_path / "polls.csv"
    file.write_text(POLLS + "cafe,open,2023-01-23 16:00:00 UTC\n")
    done = storewatch("import", "--strict", file, home=tmp_path / "home")
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 8" in done.stderr
    assert "polls:        0" in storewatch("status", home=tmp_path / "home").stdout


def test_import_of_compressed_polls_is_the_same(home: Path, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "polls.csv.gz", "wt") as file:
        file.write(POLLS)
    assert storewatch("import", tmp_path / "polls.csv.gz", home=home).returncode == 0
    assert storewatch("report", home=home).stdout == REPORT


def test_report_goes_to_standard_output_or_a_file(home: Path, tmp_path: Path) -> None:
    piped, filed = run_process("report", home=home), run_process("report", "--output", tmp_path / "r.csv", home=home)
    assert (piped.stdout, piped.stderr) == (REPORT, "")
    assert (filed.stdout, filed.stderr) == ("", f"3 stores written to {tmp_path / 'r.csv'}\n")
    assert (tmp_path / "r.csv").read_text() == REPORT
    assert sorted(file.name for file in tmp_path.glob("r.csv*")) == ["r.csv", "r.csv.manifest.json"]


def test_report_goes_through_links_and_pipes_and_keeps_the_mode(home: Path, tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target.csv", tmp_path / "link.csv", tmp_path / "pipe"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    assert storewatch("report", "--output", link, home=home).returncode == 0
    assert (link.is_symlink(), target.read_text(), target.stat().st_mode & 0o777) == (True, REPORT, 0o600)
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        assert run_process("report", "--output", pipe, home=home).returncode == 0
        assert reader.communicate()[0] == REPORT


@pytest.mark.parametrize("output", ["", "missing/", "missing/report.csv", "file/report.csv"])
def test_report_that_cannot_be_written_is_the_users_mistake(home: Path, tmp_path: Path, output: str) -> None:
    (tmp_path / "file").write_text("")
    done = storewatch("report", "--output", output and f"{tmp_path}/{output}", home=home)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_report_of_an_earlier_lake_version_is_the_earlier_report(home: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    more.write_text("store_id,status,timestamp_utc\ncafe,active,2023-01-23 16:30:00 UTC\n")
    assert storewatch("import", more, home=home).returncode == 0
    assert storewatch("report", home=home).stdout != REPORT
    assert storewatch("report", "--lake-version", "1", home=home).stdout == REPORT


def test_serve_on_a_port_in_use_is_the_users_mistake(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_process("serve", "--port", str(taken.getsockname()[1]), home=tmp_path / "home")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "choose another with --host or --port" in done.stderr


def test_simulate_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = storewatch("simulate", "--stores", "3", "--days", "1", "--out", tmp_path / "file")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_commands_that_change_or_export_are_in_the_audit_log(home: Path) -> None:
    for command in (["report"], ["optimize"], ["rejects", "1"], ["retention", "--observations", "36500"], ["status"]):
        assert storewatch(*command, home=home).returncode == 0
    with open_installation(Settings.from_environment(home, {})) as app:
        noted = app.catalog.audit.list_(AuditFilter(), limit=100)
    assert [entry.action for entry in reversed(noted)] == [
        *["import.create"] * 3,
        "report.download",
        "lake.optimize",
        "import.rejects",
        "retention.apply",
    ]


def test_status_counts_repeated_polls_once(home: Path, tmp_path: Path) -> None:
    assert storewatch("import", tmp_path / "files", home=home).returncode == 0
    assert "polls:        6\n" in storewatch("status", home=home).stdout


def test_report_takes_as_of_policy_gap_and_format(home: Path) -> None:
    options = ("--as-of", "1674489600", "--policy", "observed", "--max-gap", "90m", "--format", "json")
    header = json.loads(storewatch("report", *options, home=home).stdout)["report"]
    assert (header["as_of"], header["policy"], header["max_gap_seconds"]) == ("2023-01-23T16:00:00Z", "observed", 5400)


def test_home_may_stand_before_or_after_the_command(home: Path) -> None:
    assert storewatch("report", "--home", home).stdout == storewatch("--home", home, "report").stdout == REPORT


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("report",), "Nothing has been observed yet"),
        (("report", "--as-of", "soon"), "--as-of: 'soon' is not an instant; write it as 2023-01-25T18:13:22Z"),
        (("report", "--max-gap", "3"), "--max-gap: '3' is not a duration; write a number and a unit"),
        (("import", "missing.csv"), "missing.csv: there is no such file or folder"),
    ],
)
def test_mistake_of_the_user_prints_one_sentence_and_exits_with_2(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    done = storewatch(*arguments, home=tmp_path / "home")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"storewatch: {sentence}")
    assert done.stderr.count("\n") == 1


def test_home_that_is_a_file_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    done = storewatch("status", home=tmp_path / "home")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "name another one with --home" in done.stderr


def test_status_and_optimize_print_counts_and_versions(home: Path) -> None:
    optimized = storewatch("optimize", home=home)
    assert re.fullmatch(
        r"\d+ days? sorted, \d+ compacted; files \d+ -> \d+; \d+ old files? removed; lake version \d+\n",
        optimized.stdout,
    )
    shown = dict(line.split(":", 1) for line in storewatch("status", home=home).stdout.splitlines())
    assert [shown[name].strip() for name in ("stores", "polls", "days covered", "newest poll")] == [
        "3",
        "6",
        "1 (2023-01-23 to 2023-01-23)",
        "2023-01-23T18:00:00Z",
    ]
    assert storewatch("report", home=home).stdout == REPORT


def test_first_report_of_an_installation_prints_that_it_compiles_and_the_next_does_not(tmp_path: Path) -> None:
    write_scene(tmp_path / "files")
    assert storewatch("import", tmp_path / "files", home=tmp_path / "home").returncode == 0
    variables = {name: value for name, value in os.environ.items() if not name.startswith("STOREWATCH_")}
    variables |= {"STOREWATCH_HOME": str(tmp_path / "home"), "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    command = [sys.executable, "-m", "storewatch", "report"]
    first, second = (
        subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=300)
        for _ in range(2)
    )
    assert first.stderr == (
        "Compiling the engine for this machine; this happens once after an installation. "
        f"The compiled code is kept in {tmp_path / 'kernels'}.\n"
    )
    assert (second.stderr, first.stdout, second.stdout) == ("", REPORT, REPORT)


def test_simulated_data_are_imported_and_reported(tmp_path: Path) -> None:
    done = storewatch("simulate", "--stores", "20", "--days", "2", "--out", tmp_path / "made")
    assert done.returncode == 0
    assert sorted(file.name for file in (tmp_path / "made").iterdir()) == sorted(FILES)
    assert storewatch("import", tmp_path / "made", home=tmp_path / "home").returncode == 0
    assert len(storewatch("report", home=tmp_path / "home").stdout.splitlines()) == 21


def test_real_sample_has_a_row_for_every_store(real_data: Path, tmp_path: Path) -> None:
    done = storewatch("import", real_data, home=tmp_path / "home")
    assert (done.returncode, done.stderr) == (0, "")
    report = storewatch("report", home=tmp_path / "home").stdout.splitlines()
    stores = {line.split(",")[0] for file in real_data.glob("*.csv") for line in file.read_text().splitlines()[1:]}
    assert [line.split(",")[0] for line in report[1:]] == sorted(stores)


def test_rejects_of_an_unknown_import_are_refused(tmp_path: Path) -> None:
    (tmp_path / "polls.csv").write_text("store_id,timestamp_utc,status\ncafe,2023-01-23 10:00:00 UTC,active\n")
    assert storewatch("import", tmp_path / "polls.csv", home=tmp_path / "home").returncode == 0
    none = storewatch("rejects", "7", home=tmp_path / "home")
    assert (none.returncode, none.stdout, none.stderr) == (
        2,
        "",
        "storewatch: There is no import with the id '7'. `storewatch imports list` and GET /v1/imports list them.\n",
    )
