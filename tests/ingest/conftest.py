from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.importing import import_file

from storewatch.catalog import Catalog
from storewatch.domain.columns import REJECTS
from storewatch.ingest import Imported, ImportOptions, ImportResult, find_files, import_files
from storewatch.ingest.blocks import DETAIL_NAMES
from storewatch.ingest.formats import open_reader
from storewatch.ingest.headers import recognise
from storewatch.ingest.rejects import Reject, Rejects
from storewatch.lake import Lake

Write = Callable[..., list[Path]]
Import = Callable[..., Imported]

NOW = datetime(2023, 1, 25, 19, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """The time of the imports, shortly after the newest poll of the examples."""
    return NOW


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def parse() -> Callable[..., tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]]:
    """Read a file without storing it. Return the good rows and the rejects (line, row, reason)."""

    def read(path: Path, **options: int) -> tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]:
        good: list[tuple[object, ...]] = []
        rejects = Rejects()
        with open_reader(path, **options) as reader:
            (found,) = recognise(path.name, reader.names).tables
            for block in reader.blocks(found.positions):
                checked = found.table.check(block.columns, NOW)
                rejects.add_block(block, checked.bad)
                unused = [name for name in DETAIL_NAMES if name not in found.positions]
                good += checked.good.drop(unused, strict=False).rows()
            bad = [row for frame in rejects for row in frame.select(REJECTS.names()).rows()]
            assert len(bad) == rejects.count
            assert list(rejects.first) == [Reject(line=line, row=row, reason=reason) for line, row, reason in bad[:3]]
        return good, bad

    return read


@pytest.fixture
def load(tmp_path: Path, sqlite_catalog: Catalog, lake: Lake) -> Callable[..., ImportResult]:
    """Import a text as a file."""

    def run(text: str, name: str = "file.csv", *, now: datetime = NOW, strict: bool = False) -> ImportResult:
        path = tmp_path / name
        path.write_text(text)
        return import_file(path, catalog=sqlite_catalog, lake=lake, now=now, strict=strict)

    return run


@pytest.fixture
def polls(lake: Lake) -> Callable[[], list[tuple[str, str, str]]]:
    """Return the distinct polls in the lake (SEMANTICS 1), sorted: (store_id, observed_at, status)."""

    def read() -> list[tuple[str, str, str]]:
        seen = lake.snapshot().read(-(2**62), 2**62)
        latest = seen.sort("loaded_at", maintain_order=True).unique(["store_id", "observed_at"], keep="last")
        return sorted(
            (store, at.isoformat(), "active" if active else "inactive") for store, at, active, _ in latest.rows()
        )

    return read


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files into a new folder."""

    def run(**files: str | bytes) -> list[Path]:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        paths = []
        for name, content in files.items():
            paths.append(folder / name.replace("__", "."))
            paths[-1].write_bytes(content.encode() if isinstance(content, str) else content)
        return paths

    return run


@pytest.fixture
def import_paths(sqlite_catalog: Catalog, lake: Lake, now: datetime) -> Import:
    """Import paths as one import."""

    def run(*paths: Path, **options: Any) -> Imported:
        files = find_files(paths).files
        return import_files(files, catalog=sqlite_catalog, lake=lake, now=now, options=ImportOptions(**options))

    return run
