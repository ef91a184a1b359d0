"""An empty or a nonsense value for every parameter of every command: one or two lines that say what to do, exit 2."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main
from support.command_line import run_command
from support.command_tree import all_commands

from storewatch.cli.usage import usage_text

WRONG: Final = "n/ons=e"
INSTANT: Final = (
    "'n/ons=e' is not an instant; write it as 2023-01-25T18:13:22Z, with an offset or in UTC, as in mail "
    "(25 Jan 2023 18:13:22 GMT), or as a number of 10, 13, 16 or 19 digits since 1970."
)
DURATION: Final = "'n/ons=e' is not a duration; write a number and a unit, such as 90m, 3h or 7d."
STORE: Final = "There is no store with the id 'n/ons=e'. `storewatch stores list` and GET /v1/stores list them."
LABEL: Final = "No store has a label 'n/ons=e'; the labels are owner."
ONE_LABEL: Final = "No store has a label 'n/ons'; the labels are owner."
ZONE: Final = "'n/ons=e' is not a time zone; write an IANA name such as Europe/Berlin"
NUMBER: Final = "'n/ons=e' is not a whole number"
ID: Final = "'n/ons=e' is not a whole number from 0 to 9,223,372,036,854,775,807."
DATE: Final = "'n/ons=e' is not a date."
NAME: Final = "; write 1 to 100 letters, digits, . _ or -."
OTHER_DATE: Final = "'n/ons=e' is not a date: write a day from 1970 to 8999, e.g. 2026-12-24"

# The arguments that a command needs beside the wrong one.
SPAN: Final = {"--from": "2023-01-23T16:15Z", "--to": "2023-01-23T17:00Z"}
NEEDED: Final[dict[str, dict[str, str]]] = {
    "import": {"PATH...": "polls.csv"},
    "rejects": {"IMPORT": "1"},
    "simulate": {"--stores": "3", "--days": "1", "--out": "made"},
    "key create": {"--name": "ops", "--role": "viewer"},
    "schedule create": {"NAME": "daily", "--kind": "report", "--cron": "0 3 * * *"},
    "definition save": {"NAME": "daily"},
    "closure add": {"--store-id": "cafe", "--reason": "works"} | SPAN,
    "annotation add": {"--store-id": "cafe", "--cause": "power"} | SPAN,
    "observations list": {"--store-id": "cafe"},
    "observations delete": {"--store-id": "cafe"} | SPAN,
    "special-hours delete": {"--store-id": "cafe", "--date": "2023-01-23"},
    "stores set": {"ID": "cafe", "--opened-on": "2023-01-01"},
    "stores show": {"ID": "cafe"},
    "stores timeline": {"ID": "cafe"},
    "stores rename": {"ID": "cafe", "NEW-ID": "kiosk"},
    "stores merge": {"ID": "cafe", "INTO": "bar"},
    "worker": {"--metrics-port": "1"},
}
# Arguments that a wrong one takes the place of.
REPLACED: Final = {
    ("observations delete", "--at"): ("--from", "--to"),
    ("observations delete", "--keys"): ("--store-id", "--from", "--to"),
    ("closure add", "--label"): ("--store-id",),
    ("special-hours delete", "--label"): ("--store-id",),
}
# Any text is a value of these: names and notes for people, and names of new files.
ANY_TEXT: Final = {
    ("stores list", "--search"),
    ("stores list", "--prefix"),
    ("closure add", "--reason"),
    ("annotation add", "--cause"),
    ("annotation add", "--note"),
    ("key create", "--name"),
    ("simulate", "--out"),
    ("stores rename", "NEW-ID"),
}
# A label may have special hours without a store that carries it, so none may be left to delete.
NOTHING_FOUND: Final = {("special-hours delete", "--label"): "0 rows of special hours deleted\n"}


def one_of(name: str, values: str) -> str:
    return f"--{name}: 'n/ons=e' is not a value of {name}; use one of {values}."


# What the first line says after `storewatch: `, by parameter; where commands differ, by command and parameter.
MESSAGES: Final[dict[str | tuple[str, str], str]] = {
    "PATH...": "n/ons=e: there is no such file or folder.",
    "--valid-from": f"--valid-from: {DATE}",
    "--weekdays": "--weekdays: 'n/ons=e' is not one of 'iso', 'monday0', 'sunday0', 'names'.",
    "--map": "'n/ons=e' does not name a field of a table. The fields are store_id,",
    "--save-map": f"'n/ons=e' cannot be the name of a mapping{NAME}",
    ("import", "--rejects"): "n/ons=e cannot be written (No such file or directory); choose another file.",
    "IMPORT": f"IMPORT: {ID}",
    "--limit": f"--limit: {NUMBER}.",
    "--definition": "There is no report saved as 'n/ons=e'. `storewatch definition list` and GET",
    "--as-of": f"--as-of: {INSTANT}",
    "--policy": one_of("policy", "fill, observed"),
    "--max-gap": f"--max-gap: {DURATION}",
    "--closures": one_of("closures", "honour, ignore, exclude"),
    "--annotations": one_of("annotations", "apply, ignore"),
    "--sources": "--sources: No poll has a source; leave out the sources.",
    "--windows": (
        "--windows: 'n' in the window 'n/ons=e' is neither a date nor an instant; write a name such as last_week, or "
        "an interval such as 2023-01-01/2023-02-01."
    ),
    "--timezone": f"--timezone: {ZONE}.",
    ("schedule create", "--timezone"): f"{ZONE} or UTC.",
    "--by": one_of("by", "hour, day, week, month"),
    "--store-ids": STORE,
    "--store-id": STORE,
    "--labels": f"--labels: {ONE_LABEL}",
    "--label": f"--label: {ONE_LABEL}",
    "--zone": f"--zone: {ZONE}.",
    "--worst": f"--worst: {NUMBER}.",
    "--group-by": f"--group-by: {LABEL}",
    "--peers": f"--peers: {LABEL}",
    "--target": "--target: 'n/ons=e' is not a number.",
    "--include": one_of("include", "outages, patterns, quality, lost_sales, doctor, reasons, sampling"),
    "--min-duration": f"--min-duration: {DURATION}",
    "--format": one_of("format", "csv, wide_csv, json, ndjson, parquet, xlsx, pdf"),
    ("outages", "--format"): "--format: This command writes json, ndjson, wide_csv; for other formats: storewatch",
    ("rates", "--format"): "--format: This command writes json, ndjson, wide_csv; for other formats: storewatch",
    ("doctor", "--format"): "--format: This command writes json, ndjson, wide_csv; for other formats: storewatch",
    "--table": "--table: 'n/ons=e' is not a value of table; use one of summary, stores, groups,",
    "--paper": one_of("paper", "a4, letter"),
    "--lake-version": f"--lake-version: {ID}",
    "--output": "There is no folder n; create it or name another file with --output.",
    "REPORT": "There is no file n/ons=e; name a report's file, or the id of a report.",
    "--host": "n/ons=e port 8000 cannot be used",
    "--port": f"--port: {NUMBER}.",
    "--trusted-proxy": "'n/ons=e' is neither an address nor a network; write a trusted proxy as 10.0.0.5 or",
    "--metrics-port": f"--metrics-port: {NUMBER}.",
    "--metrics-host": "Metrics cannot be served on n/ons=e:1",
    "--observations": f"--observations: {NUMBER}.",
    "--reports": f"--reports: {NUMBER}.",
    "--lake-versions": f"--lake-versions: {NUMBER}.",
    "--rejects": f"--rejects: {NUMBER}.",
    "--stores": f"--stores: {NUMBER}.",
    "--days": "--days: 'n/ons=e' is not a number.",
    "--seed": f"--seed: {NUMBER}.",
    "--role": "--role: 'n/ons=e' is not one of 'viewer', 'operator', 'admin'.",
    "--scope": f"--scope: {ONE_LABEL}",
    "--mapping": "There is no column mapping 'n/ons=e' (saved: none).",
    "--end": f"--end: {INSTANT}",
    "--expires": (
        "--expires: 'n/ons=e' is no time; write a duration such as 90d, or an instant such as 2027-01-25T18:00:00Z."
    ),
    (
        "key revoke",
        "ID",
    ): "There is no API key with the id 'n/ons=e'. `storewatch key list` and GET /v1/keys",
    ("schedule create", "NAME"): f"'n/ons=e' cannot be the name of a schedule{NAME}",
    ("schedule delete", "NAME"): "There is no schedule named 'n/ons=e'. `storewatch schedule list` and GET",
    "--kind": "There is no kind of job 'n/ons=e'; use report, optimize or retention.",
    "--cron": "'n/ons=e' is not a cron expression; write minute, hour, day, month, weekday, such as `17 3 * * *`.",
    "--parameters": '--parameters must be a JSON object such as {"by": "day"}, not \'n/ons=e\'.',
    ("definition save", "NAME"): "'n/ons=e' is not a name for a report; use 1 to 100 letters, digits, . _ or -.",
    ("definition show", "NAME"): "There is no report saved as 'n/ons=e'. `storewatch definition list` and GET",
    ("definition delete", "NAME"): "There is no report saved as 'n/ons=e'. `storewatch definition list` and GET",
    ("mapping show", "NAME"): "There is no column mapping saved as 'n/ons=e'. `storewatch mapping list` and GET",
    ("mapping delete", "NAME"): "There is no column mapping saved as 'n/ons=e'. `storewatch mapping list` and GET",
    "--from": f"--from: {INSTANT}",
    "--to": f"--to: {INSTANT}",
    ("special-hours delete", "--to"): f"--to: {DATE}",
    "--date": f"--date: {DATE}",
    "--reclassify-as": "--reclassify-as: 'n/ons=e' is not one of 'down', 'planned', 'unknown', 'not_an_outage'.",
    ("closure delete", "ID"): f"ID: {ID}",
    ("annotation delete", "ID"): f"ID: {ID}",
    "--at": f"--at: {INSTANT}",
    "--keys": "n/ons=e: there is no such file.",
    "ID": STORE,
    "INTO": STORE,
    "--hours": "--hours: 'n/ons=e' is no opening; write it as 'mon 09:00-17:00'.",
    "--currency": "--currency: 'n/ons=e' is not a currency",
    ("jobs list", "--kind"): "--kind: 'n/ons=e' is not one of 'report', 'import', 'optimize', 'retention'",
    ("jobs list", "--state"): "--state: 'n/ons=e' is not one of 'queued', 'running',",
    "--state": "--state: 'n/ons=e' is not one of 'down', 'unknown', 'up', 'closed'.",
    "--sort": "--sort: 'n/ons=e' is not one of 'store_id', '-store_id', 'name', '-name', 'last_poll', '-last_poll', ",
    "--source": "--source: No poll has a source; leave out the sources.",
    ("stores timeline", "--policy"): "--policy: 'n/ons=e' is not one of 'fill', 'observed'.",
    ("stores timeline", "--closures"): "--closures: 'n/ons=e' is not one of 'honour', 'ignore', 'exclude'.",
    ("stores timeline", "--include"): "--include: 'n/ons=e' is not one of 'sampling'.",
    ("stores timeline", "--annotations"): "--annotations: 'n/ons=e' is not one of 'apply', 'ignore'.",
    ("stores set", "--label"): "--label: 'n/ons' cannot be the name of a label: write 1 to 64 of a-z, 0-9, _ . and -",
    "--opened-on": f"--opened-on: {OTHER_DATE}",
    "--closed-on": f"--closed-on: {OTHER_DATE}",
}


def name_of(parameter: Any) -> str:
    """Return the option as it is written in full, or the name of the argument in the help."""
    if parameter.param_type_name == "option":
        return str(parameter.opts[0])
    return str(parameter.metavar or parameter.name.upper())


def parameters() -> Iterator[tuple[str, str]]:
    """List the commands with each of their parameters that has a value."""
    for command_name, command in all_commands():
        for parameter in command.get_params(typer.Context(command)):
            if not getattr(parameter, "is_flag", False) and parameter.name != "help":
                yield command_name, name_of(parameter)


PARAMETERS: Final = list(parameters())


def words(command: str, parameter: str, value: str) -> list[str]:
    """Return a command line in which this parameter has this value and the others have good ones."""
    left_out = REPLACED.get((command, parameter), ())
    given = {name: text for name, text in NEEDED.get(command, {}).items() if name not in left_out} | {parameter: value}
    return command.split() + [
        word for name, text in given.items() for word in ([name, text] if name.startswith("--") else [text])
    ]


@pytest.fixture
def home(labelled_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("polls.csv").write_text("store_id,status,timestamp_utc\ncafe,active,2023-01-23 14:30:00 UTC\n")
    return labelled_home


@pytest.mark.parametrize(("command", "parameter"), [each for each in PARAMETERS if each[1] != "--home"], ids=str)
def test_nonsense_is_refused_in_one_or_two_lines(home: Path, command: str, parameter: str) -> None:
    done = run_command(*words(command, parameter, WRONG), home=home)
    if (command, parameter) in ANY_TEXT:
        assert done.returncode == 0, done.stderr
        return
    if (command, parameter) in NOTHING_FOUND:
        assert (done.returncode, done.stdout, done.stderr) == (0, NOTHING_FOUND[command, parameter], "")
        return
    message = MESSAGES[(command, parameter) if (command, parameter) in MESSAGES else parameter]
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert lines[0].startswith(f"storewatch: {message}")
    assert lines[1:] == [] or (len(lines) == 2 and lines[1].endswith(f" See `storewatch {command} --help`."))


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        ("serve --trusted-proxy x", {}, "'x' is neither an address nor a network"),
        ("serve --insecure --require-key", {}, "--insecure and --require-key contradict each other"),
        ("serve", {"STOREWATCH_CORS_ORIGINS": "x"}, "'x' is not a web origin"),
        ("serve", {"STOREWATCH_RATE_PER_KEY": "x"}, "'x' is not a rate limit"),
        ("serve", {"STOREWATCH_RATE_PER_KEY": "0 per minute"}, "'0 per minute' is not a rate limit"),
        ("serve", {"STOREWATCH_RATE_PER_ADDRESS": "5 per 0 minutes"}, "'5 per 0 minutes' is not a rate limit"),
        ("serve --host n/ons=e", {}, "n/ons=e port 8000 cannot be used"),
        ("worker --metrics-port 1 --metrics-host n/ons=e", {}, "Metrics cannot be served on n/ons=e:1"),
    ],
)
def test_refused_service_has_opened_nothing(
    tmp_path: Path, words: str, environment: dict[str, str], message: str
) -> None:
    done = run_command(*words.split(), home=tmp_path / "new", environment=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(f"storewatch: {message}")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("command", "parameter"), PARAMETERS, ids=str)
def test_empty_value_is_refused_in_one_line(home: Path, command: str, parameter: str) -> None:
    given = words(command, parameter, "")
    before = given[given.index("") - 1]
    done = run_command(*given, home=home)
    message = f"storewatch: The argument after {before!r} is empty; write a value there.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    if parameter.startswith("--"):
        joined = run_command(*command.split(), f"{parameter}= ", home=home)
        message = f"storewatch: The value of {parameter} is empty; write a value, or leave {parameter} out.\n"
        assert (joined.returncode, joined.stdout, joined.stderr) == (2, "", message)


@pytest.mark.parametrize(
    ("arguments", "first", "second"),
    [
        ("imports undo x", f"IMPORT: {ID}".replace(WRONG, "x"), "IMPORT: The number that `import` and `imports list`"),
        ("imports undo 9223372036854775808", f"IMPORT: {ID}".replace(WRONG, "9223372036854775808"), "IMPORT: The"),
        ("imports list --limit 0", "--limit: 0 is less than 1.", "--limit: List at most this many imports. See"),
        ("retention --reports 36501", "--reports: 36501 is more than 36500.", "--reports: Delete reports that"),
        ("simulate --stores 3 --days nan --out x", "--days: nan is less than 0.05.", "--days: Number of days with"),
        (
            "key create --name x",
            "Missing option '--role'. Choose from: viewer, operator, admin",
            "--role: viewer:",
        ),
        ("imports undo", "Missing argument 'IMPORT'.", "IMPORT: The number that"),
        ("imports undo 1 2", "Got unexpected extra argument(s) (2)", "See `storewatch imports undo --help`."),
        ("imports tell 1", "No such command 'tell'.", "See `storewatch imports --help`."),
        ("status --jsn", "No such option: --jsn", "See `storewatch status --help`."),
    ],
)
def test_mistake_in_the_arguments_is_two_lines(home: Path, arguments: str, first: str, second: str) -> None:
    done = run_command(*arguments.split(), home=home)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 2)
    assert lines[0].startswith(f"storewatch: {first}")
    assert lines[1].startswith(second)


def test_mistake_of_no_command_is_one_line() -> None:
    assert usage_text(typer.TyperException("Nothing to do.")) == "Nothing to do."
