"""The state that a service keeps for its installation: caches, counters and writers."""

from dataclasses import dataclass
from typing import Self

from storewatch.access.audit import AuditWriter
from storewatch.access.authentication import Authenticator
from storewatch.access.rate_limits import RateLimiter
from storewatch.installation import Installation
from storewatch.stores.status import StatusReader
from storewatch.web.api.health.checks import BoundedCall, readiness_checks
from storewatch.web.api.metrics.figures import FigureSource, figure_sources
from storewatch.web.event_streams import EventStreams
from storewatch.web.rate_limits import Rates


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """Cached keys, request counts, audit entries that are not written yet, and cached figures."""

    authenticator: Authenticator
    rates: Rates
    audit_writer: AuditWriter
    status: StatusReader
    readiness: dict[str, BoundedCall[str]]
    figures: tuple[FigureSource, ...]
    event_streams: EventStreams

    @classmethod
    def create(cls, installation: Installation) -> Self:
        """Create the state of a service for an installation."""
        limits = installation.access.rates
        return cls(
            authenticator=Authenticator(catalog=installation.catalog, clock=installation.clock),
            rates=Rates(RateLimiter(limits) if limits else None),
            audit_writer=AuditWriter(installation.catalog),
            status=StatusReader(home=installation.settings.home),
            readiness=readiness_checks(installation),
            figures=figure_sources(installation),
            event_streams=EventStreams(),
        )

    def close(self) -> None:
        """Write the audit entries that are not written yet. Call this before the catalog is closed."""
        self.audit_writer.close()
        self.authenticator.close()
