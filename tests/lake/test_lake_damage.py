"""Damaged and missing files of the lake are found and named, and never read as if nothing were missing."""

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from storewatch.domain.errors import LakeDamagedError, LakeUnavailableError
from storewatch.lake import Lake

EVERYTHING = (-(2**63), 2**63 - 1)
Random = Callable[[int, int], pl.DataFrame]


@pytest.fixture
def filled(lake: Lake, random_observations: Random) -> Lake:
    for seed in range(3):
        lake.append([random_observations(500, seed)])
    return lake


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("day=*/*.parquet"))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def scramble(file: Path) -> None:
    """Replace the data pages and keep the size and the footer."""
    data = file.read_bytes()
    file.write_bytes(data[:4] + bytes(255 - byte for byte in data[4:400]) + data[400:])


@pytest.mark.parametrize("damage", [cut, Path.unlink, lambda file: file.write_bytes(b"")], ids=["cut", "gone", "empty"])
def test_read_of_a_damaged_file_is_an_error(tmp_path: Path, filled: Lake, damage: Callable[[Path], object]) -> None:
    damage(files_in(tmp_path / "lake")[0])
    with pytest.raises(LakeDamagedError, match="storewatch check") as raised:
        filled.snapshot().read(*EVERYTHING)
    assert str(tmp_path) not in str(raised.value.public)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut, "bytes and not the"),
        (Path.unlink, "is missing"),
        (lambda file: file.write_bytes(b""), "has 0 bytes"),
        (scramble, "cannot be read|holds"),
    ],
    ids=["cut", "gone", "empty", "scrambled"],
)
def test_damaged_file_is_found_and_can_be_taken_out(
    tmp_path: Path, filled: Lake, damage: Callable[[Path], object], reason: str
) -> None:
    before = filled.snapshot()
    file = files_in(tmp_path / "lake")[0]
    damage(file)
    found = list(filled.snapshot().damaged_files(read=True))
    assert [each.path for each in found] == [str(file.relative_to(tmp_path / "lake"))]
    assert re.search(reason, found[0].reason)
    filled.drop_files(pl.Series("path", [found[0].path]))
    after = filled.snapshot()
    assert list(after.damaged_files(read=True)) == []
    assert after.rows == before.rows - found[0].rows
    assert after.read(*EVERYTHING).height == after.rows


def test_sizes_alone_find_a_cut_file(tmp_path: Path, filled: Lake) -> None:
    assert list(filled.snapshot().damaged_files(read=False)) == []
    cut(files_in(tmp_path / "lake")[-1])
    assert len(list(filled.snapshot().damaged_files(read=False))) == 1


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"")], ids=["gone", "empty"])
def test_commit_that_is_missing_in_the_log_is_noticed(
    tmp_path: Path, filled: Lake, damage: Callable[[Path], object]
) -> None:
    damage(tmp_path / "lake" / "_delta_log" / f"{2:020}.json")
    for lake in (filled, Lake(str(tmp_path / "lake"))):
        with pytest.raises((LakeDamagedError, LakeUnavailableError)):
            lake.snapshot()


def test_commit_with_half_a_line_is_noticed(tmp_path: Path, filled: Lake) -> None:
    cut(tmp_path / "lake" / "_delta_log" / f"{2:020}.json")
    with pytest.raises((LakeDamagedError, LakeUnavailableError)):
        Lake(str(tmp_path / "lake")).snapshot()
