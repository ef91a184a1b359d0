import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from lake_process import APPENDS, EVERYTHING, NOW, batch
from polars.testing import assert_frame_equal

from storewatch.lake import Lake

ORDER = ["store_id", "observed_at"]


def start(role: str, url: str, argument: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("lake_process.py")
    return subprocess.Popen(
        [sys.executable, str(script), role, url, argument], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


def everything_of(*writers: str) -> pl.DataFrame:
    return pl.concat([batch(writer, number) for writer in writers for number in range(APPENDS)]).sort(ORDER)


def test_two_processes_append_while_one_reads_and_one_optimizes(tmp_path: Path) -> None:
    url, done = str(tmp_path / "lake"), tmp_path / "done"
    # All four find no table and create it.
    writers = [start("append", url, name) for name in ("first", "second")]
    others = [start("read", url, str(done)), start("optimize", url, str(done))]
    try:
        for writer in writers:
            finish(writer)
        done.touch()
        for other in others:
            finish(other)
    finally:
        for process in (*writers, *others):
            process.kill()
            process.communicate()
    lake = Lake(url)
    seen = lake.snapshot().read(*EVERYTHING).sort(ORDER)
    assert_frame_equal(seen, everything_of("first", "second"))
    lake.optimize(now=datetime(2023, 2, 1, tzinfo=UTC))
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(ORDER), seen)
    assert lake.snapshot().rows == seen.height


def test_two_processes_optimize_and_lose_or_double_nothing(tmp_path: Path) -> None:
    url, done = str(tmp_path / "lake"), tmp_path / "done"
    others = [start("optimize", url, str(done)) for _ in range(2)]
    writer = start("append", url, "only")
    try:
        finish(writer)
        done.touch()
        for other in others:
            finish(other)
    finally:
        for process in (writer, *others):
            process.kill()
            process.communicate()
    assert_frame_equal(Lake(url).snapshot().read(*EVERYTHING).sort(ORDER), everything_of("only"))


@pytest.mark.parametrize("line", ["0", "7", str(APPENDS - 1), "committed"])
def test_append_killed_after_a_line_left_all_or_nothing(tmp_path: Path, line: str) -> None:
    url = str(tmp_path / "lake")
    lake = Lake(url)
    before = batch("before", 0)
    lake.append([before])
    process = start("append_slowly", url, "killed")
    assert process.stdout is not None
    for printed in process.stdout:
        if printed.strip() == line:
            process.kill()
            break
    process.communicate()
    whole = pl.concat([before, everything_of("killed")])
    seen = lake.snapshot().read(*EVERYTHING)
    # It may have committed between its last line and the kill; each commit that it printed must be there.
    assert seen.height in ({whole.height} if line == "committed" else {before.height, whole.height})
    lake.append([batch("after", 0)])
    lake.optimize(now=NOW)
    wanted = pl.concat([whole if seen.height == whole.height else before, batch("after", 0)])
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(ORDER), wanted.sort(ORDER))


@pytest.mark.parametrize("kill_after", [0, 3, 9])
def test_appends_acknowledged_before_a_kill_are_there(tmp_path: Path, kill_after: int) -> None:
    url = str(tmp_path / "lake")
    process = start("append", url, "killed")
    acknowledged = 0
    assert process.stdout is not None
    for printed in process.stdout:
        acknowledged = int(printed) + 1
        if int(printed) == kill_after:
            process.kill()
    process.communicate()
    lake = Lake(url)
    numbers = lake.snapshot().rows // batch("killed", 0).height
    assert numbers in {acknowledged, acknowledged + 1}
    wanted = pl.concat([batch("killed", number) for number in range(numbers)]).sort(ORDER)
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(ORDER), wanted)
    lake.append([batch("killed", number) for number in range(APPENDS)])
    lake.optimize(now=datetime(2023, 2, 1, tzinfo=UTC))
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(ORDER), everything_of("killed"))


def test_optimize_killed_at_work_loses_nothing(tmp_path: Path) -> None:
    url = str(tmp_path / "lake")
    lake = Lake(url)
    for number in range(APPENDS):
        lake.append([batch("kept", number)])
    process = start("optimize", url, str(tmp_path / "never"))
    folder = tmp_path / "lake"
    files = len(list(folder.rglob("*.parquet")))
    while len(list(folder.rglob("*.parquet"))) == files:
        assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(ORDER), everything_of("kept"))
    lake.optimize(now=datetime(2023, 2, 1, tzinfo=UTC))
    assert (lake.snapshot().files, lake.snapshot().rows) == (4, everything_of("kept").height)
