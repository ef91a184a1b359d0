"""What a report can say beyond its figures, and who gathers it."""

from storewatch.catalog import Catalog
from storewatch.domain.enums import ReportTable, Section
from storewatch.reports.compute.collecting import Collector, ReportContext
from storewatch.reports.sections.doctor import DoctorCollector
from storewatch.reports.sections.feed import FeedCollector
from storewatch.reports.sections.lost_sales import SalesCollector
from storewatch.reports.sections.outages import OutageCollector
from storewatch.reports.sections.patterns import PatternCollector
from storewatch.reports.sections.quality import QualityCollector


def section_collectors(context: ReportContext, catalog: Catalog) -> list[Collector]:
    """Give the collectors of what a report asks for, in the order of Section; what they say of the feed comes last."""
    feed = FeedCollector(context)
    collectors: dict[Section, Collector] = {}
    for section in context.request.include:
        match section:
            case Section.OUTAGES:
                collectors[section] = OutageCollector(context, catalog, feed.blind_us)
            case Section.PATTERNS:
                collectors[section] = PatternCollector(context, catalog)
            case Section.QUALITY:
                collectors[section] = QualityCollector(context, catalog)
            case Section.LOST_SALES:
                collectors[section] = SalesCollector(context, catalog)
            case Section.DOCTOR:
                collectors[section] = DoctorCollector(context, catalog)
    asked = [collectors[section] for section in Section if section in collectors]
    return [*asked, feed] if ReportTable.BLIND_SPOTS in context.request.tables else asked
