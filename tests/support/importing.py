"""Importing single files in tests."""

from pathlib import Path
from typing import Any

from storewatch.ingest import ImportOptions, ImportResult, InputFile, import_files


def import_file(path: Path | InputFile, *, catalog: Any, lake: Any, now: Any, **options: Any) -> ImportResult:
    """Import a file that carries one table. options: those of ImportOptions."""
    files = [path if isinstance(path, InputFile) else InputFile.at(path)]
    done = import_files(files, catalog=catalog, lake=lake, now=now, options=ImportOptions(**options))
    (result,) = done.tables
    return result
