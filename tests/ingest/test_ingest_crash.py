"""Kill a real importing process (kill -9): the state is that before or after, and a second import completes it."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.importing import import_file

from storewatch.catalog import Catalog
from storewatch.lake import Lake
from storewatch.stores.following import follow_lake

Polls = Callable[[], list[tuple[str, str, str]]]

STORES = [f"s{number:03}" for number in range(200)]
EXPECTED = [(store_id, f"2023-01-{day}T10:00:00+00:00", "active") for store_id in STORES for day in (20, 21, 22)]
HOURS = "store_id,day,start_time_local,end_time_local\n" + "".join(f"{store_id},0,09:00,17:00\n" for store_id in STORES)


def _polls_file() -> str:
    good = [f"{store_id},active,2023-01-{day} 10:00:00 UTC" for store_id in STORES for day in (20, 21, 22)]
    return "\n".join(["store_id,status,timestamp_utc", *good, *["bad,open,2023-01-20 10:00:00 UTC"] * 5])


def _killed_at(point: str, database_url: str, lake: Path, file: Path) -> None:
    script = Path(__file__).with_name("importing_process.py")
    command = [sys.executable, str(script), database_url, str(lake), str(file), point]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{point}\n"
        process.kill()


@pytest.mark.parametrize(
    ("point", "in_lake", "recorded"),
    [
        ("first rows read", False, 0),
        ("all rows read", False, 0),
        ("lake committed", True, 0),
        ("rejects written", True, 0),
        ("catalog committed", True, 1),
    ],
)
def test_killed_import_of_polls_loses_and_repeats_no_poll(
    point: str, in_lake: bool, recorded: int, database_url: str, lake: Lake, polls: Polls, tmp_path: Path
) -> None:
    file = tmp_path / "polls.csv"
    file.write_text(_polls_file())
    catalog = Catalog.open(database_url)
    _killed_at(point, database_url, tmp_path / "lake", file)
    now = datetime.now(UTC)
    assert polls() == (EXPECTED if in_lake else [])
    assert len(catalog.imports.list_()) == recorded
    # A report does this at its start, so no store of the lake is missing.
    follow_lake(catalog, lake, now)
    assert catalog.stores.read_all().frame["store_id"].to_list() == (STORES if in_lake else [])

    result = import_file(file, catalog=catalog, lake=lake, now=now)
    assert (result.accepted, result.rejected, len(result.first_rejects)) == (600, 5, 3)
    assert polls() == EXPECTED
    assert catalog.stores.read_all().frame["store_id"].to_list() == STORES
    assert len(catalog.imports.list_()) == recorded + 1
    assert catalog.imports.read_rejects(result.import_id)["line"].to_list() == [602, 603, 604, 605, 606]
    assert (follow_lake(catalog, lake, now), catalog.stores.lake_version_known()) == (0, lake.snapshot().version)
    catalog.close()


@pytest.mark.parametrize(("point", "recorded"), [("rejects written", 0), ("catalog committed", 1)])
def test_killed_import_of_hours_leaves_all_or_none(
    point: str, recorded: int, database_url: str, lake: Lake, tmp_path: Path
) -> None:
    file = tmp_path / "hours.csv"
    file.write_text(HOURS)
    catalog = Catalog.open(database_url)
    _killed_at(point, database_url, tmp_path / "lake", file)
    assert (catalog.stores.read_all().frame.height, len(catalog.imports.list_())) == (200 * recorded, recorded)
    import_file(file, catalog=catalog, lake=lake, now=datetime.now(UTC))
    assert catalog.stores.read_all().frame["weekly_hours_id"].null_count() == 0
    assert (catalog.stores.read_all().frame.height, len(catalog.imports.list_())) == (200, recorded + 1)
    catalog.close()
