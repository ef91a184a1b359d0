"""Outside formats to validated columns, into the catalog and the lake; bad rows become rejects."""

from storewatch.ingest.imports import ImportResult, find_files, import_file
from storewatch.ingest.rejects import Reject
from storewatch.ingest.simulate import Simulated, simulate

__all__ = [
    "ImportResult",
    "Reject",
    "Simulated",
    "find_files",
    "import_file",
    "simulate",
]
