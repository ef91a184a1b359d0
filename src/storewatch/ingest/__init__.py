"""Read files and request bodies, check their rows, and write the good rows to the catalog and the lake."""

from storewatch.ingest.imports import Imported, ImportOptions, ImportResult, group_by_table, import_files
from storewatch.ingest.inputs import FoundFiles, InputFile, find_files
from storewatch.ingest.rejects import Reject
from storewatch.ingest.simulate import simulate

__all__ = [
    "FoundFiles",
    "ImportOptions",
    "ImportResult",
    "Imported",
    "InputFile",
    "Reject",
    "find_files",
    "group_by_table",
    "import_files",
    "simulate",
]
