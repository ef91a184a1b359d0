"""The sections of a report beyond its figures, one file for each section."""

from collections.abc import Callable, Mapping
from typing import Final

from storewatch.catalog import NAME, Catalog
from storewatch.domain.enums import ReportTable, Section
from storewatch.reports.compute.collectors import SectionCollector
from storewatch.reports.compute.context import ReportContext, label_values
from storewatch.reports.sections.doctor import DoctorCollector
from storewatch.reports.sections.feed import FeedCollector
from storewatch.reports.sections.lost_sales import SalesCollector
from storewatch.reports.sections.outages import OutageCollector
from storewatch.reports.sections.patterns import PatternCollector
from storewatch.reports.sections.quality import QualityCollector
from storewatch.reports.sections.reasons import ReasonCollector
from storewatch.reports.sections.sampling import SamplingCollector


def section_collectors(context: ReportContext, catalog: Catalog) -> list[SectionCollector]:
    """Return the collectors of the requested sections, in the order of Section; the collector of the feed is last."""
    sections = [section for section in Section if section in context.request.sections]
    collectors = [_COLLECTORS[section](context, catalog) for section in sections]
    if ReportTable.BLIND_SPOTS in context.request.tables:
        collectors.append(FeedCollector.of(context))
    return collectors


_COLLECTORS: Final[Mapping[Section, Callable[[ReportContext, Catalog], SectionCollector]]] = {
    Section.OUTAGES: OutageCollector.of,
    Section.PATTERNS: lambda context, _: PatternCollector.of(context),
    Section.QUALITY: lambda context, _: QualityCollector.of(context),
    Section.LOST_SALES: SalesCollector.of,
    Section.DOCTOR: lambda context, catalog: DoctorCollector.of(context, label_values(context, catalog, NAME)),
    Section.REASONS: ReasonCollector.of,
    Section.SAMPLING: SamplingCollector.of,
}
