"""The sections of a report beyond its figures, one file for each section."""

from storewatch.catalog import Catalog
from storewatch.domain.enums import ReportTable, Section
from storewatch.reports.compute.collectors import SectionCollector
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.sections.doctor import DoctorCollector
from storewatch.reports.sections.feed import FeedCollector
from storewatch.reports.sections.lost_sales import SalesCollector
from storewatch.reports.sections.outages import OutageCollector
from storewatch.reports.sections.patterns import PatternCollector
from storewatch.reports.sections.quality import QualityCollector
from storewatch.reports.sections.reasons import ReasonCollector


def section_collectors(context: ReportContext, catalog: Catalog) -> list[SectionCollector]:
    """Return the collectors of the requested sections, in the order of Section; the collector of the feed is last."""
    sections = [section for section in Section if section in context.request.include]
    collectors = [_collector_of(section, context, catalog) for section in sections]
    if ReportTable.BLIND_SPOTS in context.request.tables:
        collectors.append(FeedCollector.of(context))
    return collectors


def _collector_of(section: Section, context: ReportContext, catalog: Catalog) -> SectionCollector:
    match section:
        case Section.OUTAGES:
            return OutageCollector.of(context, catalog)
        case Section.PATTERNS:
            return PatternCollector.of(context)
        case Section.QUALITY:
            return QualityCollector.of(context)
        case Section.LOST_SALES:
            return SalesCollector.of(context, catalog)
        case Section.DOCTOR:
            return DoctorCollector.of(context)
        case Section.REASONS:
            return ReasonCollector.of(context, catalog)
