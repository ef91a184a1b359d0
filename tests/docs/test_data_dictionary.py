"""The data dictionary describes what storewatch writes, and its examples read it."""

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.command_line import run_command

from storewatch.domain.enums import Breakdown, ReportFormat, ReportTable, Section
from storewatch.installation import compute_report, open_installation
from storewatch.reports.exports import WRITERS
from storewatch.reports.request.request import ReportRequest
from storewatch.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "data-dictionary.md").read_text(encoding="utf-8")
TYPES = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "decimal": pl.Float64(),
    "boolean": pl.Boolean(),
    "instant": pl.Datetime("us", "UTC"),
    "local time": pl.Datetime("us"),
    "date": pl.Date(),
    "list of text": pl.List(pl.String()),
}


def section(title: str) -> str:
    """Return the text below a heading, up to the next heading."""
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def columns_of(title: str) -> dict[str, pl.DataType]:
    """Return the columns that a section describes, with those of the blocks that it names."""
    text = section(title)
    rows = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \| ([^|]*)\| [^|]+ \|$", text, re.MULTILINE)
    described = {name: TYPES[kind] for name, kind, _ in rows}
    assert len(described) == len(rows) == text.count("\n| `")
    for block in re.findall(r"\[([^\]]+)\]\(#[\w-]+\)", text):
        (heading,) = [line for line in re.findall(r"^### (.+)$", PAGE, re.MULTILINE) if line.replace("`", "") == block]
        described |= columns_of(heading)
    return described


def keys_of(title: str) -> list[str]:
    (key,) = re.findall(r"Key: ((?:`\w+`(?:, )?)+)\.", section(title))
    return re.findall(r"`(\w+)`", key)


def example(program: str) -> str:
    """Return the example that follows a line which begins with the name of a program."""
    found = re.search(rf"^{program}\b[^`]*(?:`[^`\n]+`[^`]*)*```python\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert found, program
    return found[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home that has repeated polls, and with the report of the page."""
    folder = tmp_path_factory.mktemp("dictionary")
    for command in (
        "simulate --stores 30 --days 10 --out files",
        "import files",
        "import files/store_status.csv",
        next(line.removeprefix("storewatch ") for line in PAGE.splitlines() if line.startswith("storewatch report")),
    ):
        done = run_command(*command.split(), cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def tables(folder: Path) -> Mapping[ReportTable, pl.DataFrame]:
    """Every table of a report with all that a report can have, as read from Parquet."""
    request = ReportRequest(
        windows=("last_week", "yesterday"),
        by=Breakdown.DAY,
        group_by="brand",
        compare_before=True,
        peers="brand",
        target=99.0,
        include=tuple(Section),
        format=ReportFormat.PARQUET,
    )
    tables = {}
    home = Settings.from_environment(folder / "storewatch-data", {})
    with open_installation(home, read_only=True) as app, compute_report(app, request) as content:
        for name in ReportTable:
            file = folder / f"{name}.parquet"
            one = replace(content, request=request.model_copy(update={"table": name}))
            WRITERS[ReportFormat.PARQUET](one, file)
            tables[name] = pl.read_parquet(file)
    return tables


@pytest.mark.parametrize("table", ReportTable)
def test_page_describes_each_table_of_a_report(table: ReportTable, tables: Mapping[ReportTable, pl.DataFrame]) -> None:
    rows = tables[table]
    assert columns_of(f"`{table}`") == dict(rows.schema)
    key = keys_of(f"`{table}`")
    assert rows.select(key).is_duplicated().sum() == 0


def test_page_has_the_unit_of_each_duration() -> None:
    units = dict(re.findall(r"^\| `(\w+)` \| [a-z ]+ \| ([^|]*?) ?\|", PAGE, re.MULTILINE))
    durations = {name: unit for name, unit in units.items() if name.endswith(("_seconds", "_minutes"))}
    assert len(durations) > 20
    assert durations == {name: name.rpartition("_")[2] for name in durations}


def test_page_describes_the_lake(folder: Path) -> None:
    lake = pl.scan_delta(str(folder / "storewatch-data" / "lake"))
    assert columns_of("The lake") == dict(lake.collect_schema())
    rows = lake.collect()
    assert rows.select(keys_of("The lake")).is_duplicated().any(), "the examples have repeats to leave out"
    assert (rows["day"] == rows["observed_at"].dt.date()).all()


def run_example(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(compile(example(program), f"<{program}>", "exec"), names)  # noqa: S102 - an example of the page
    return names


def test_examples_for_duckdb_polars_and_pandas_agree(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed; requirements/dev.lock has it")
    polars = run_example("Polars", folder, monkeypatch)
    polls, stores = (dict(polars[name].iter_rows()) for name in ("polls", "stores"))
    assert (len(polls), len(stores)) == (30, 30)
    for program in ("DuckDB", "pandas"):
        found = run_example(program, folder, monkeypatch)
        for name, expected in (("polls", polls), ("stores", stores)):
            values = dict(found[name] if program == "DuckDB" else found[name].items())
            assert values.keys() == expected.keys()
            known = {key: value for key, value in expected.items() if not math.isnan(value)}
            assert {key: values[key] for key in known} == pytest.approx(known)


def test_example_for_spark_is_python_and_reads_what_the_others_read() -> None:
    words = {node.value for node in ast.walk(ast.parse(example("Spark"))) if isinstance(node, ast.Constant)}
    assert {"storewatch-data/lake", "days.parquet", "store_id", "observed_at", "loaded_at", "active"} <= words
