"""The catalog: what we know of stores, imports and reports, in SQLite or PostgreSQL."""

from storewatch.catalog.imports import REJECTS, FinishedImport, ImportRecord, Imports
from storewatch.catalog.reports import Report, Reports, ReportState
from storewatch.catalog.stores import PATTERNS, STORES, Stores

__all__ = ["PATTERNS", "REJECTS", "STORES", "Catalog", "FinishedImport", "ImportRecord", "Report", "ReportState"]


class Catalog(Stores, Imports, Reports):
    """The one door to the catalog's database; each method is one transaction. A further room adds a base class."""
