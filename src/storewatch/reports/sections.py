"""What a report can say beyond its figures, and who gathers it."""

from collections.abc import Callable
from typing import Final

from storewatch.catalog import Catalog
from storewatch.reports.collecting import Collector, Plan
from storewatch.reports.doctor import DoctorCollector
from storewatch.reports.lost_sales import SalesCollector
from storewatch.reports.outages import OutageCollector
from storewatch.reports.patterns import PatternCollector
from storewatch.reports.quality import QualityCollector
from storewatch.reports.request import Section

SECTIONS: Final[dict[Section, Callable[[Plan, Catalog], Collector]]] = {
    Section.OUTAGES: OutageCollector,
    Section.PATTERNS: PatternCollector,
    Section.QUALITY: QualityCollector,
    Section.LOST_SALES: SalesCollector,
    Section.DOCTOR: DoctorCollector,
}
