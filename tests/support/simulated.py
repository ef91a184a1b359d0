"""An installation with a simulated fleet."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from storewatch.ingest import ImportOptions, find_files, import_files, simulate
from storewatch.installation import Installation, open_installation
from support.scene import settings_in


@contextmanager
def simulated_fleet(folder: Path) -> Iterator[Installation]:
    """Open an installation with 60 stores, which were polled for 32 days up to 2023-01-25T18:13:22.479220Z."""
    simulate(folder / "files", stores=60, days=32, seed=7)
    with open_installation(settings_in(folder)) as opened:
        files = find_files([folder / "files"]).files
        import_files(files, catalog=opened.catalog, lake=opened.lake, now=datetime.now(UTC), options=ImportOptions())
        yield opened
