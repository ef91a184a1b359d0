"""What the service keeps for the installation that it works on; another installation gets a new state."""

from dataclasses import dataclass
from typing import Self

from storewatch.access.audit import AuditWriter
from storewatch.access.gate import Gate
from storewatch.access.rate_limits import RateLimiter
from storewatch.installation import Installation
from storewatch.stores.status import StatusReader
from storewatch.web.api.health.checks import Bounded, readiness_checks
from storewatch.web.api.metrics.figures import Source, figure_sources
from storewatch.web.rate_limits import Rates


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """Keys that were looked up, counts of requests, entries that wait for the audit log, and figures read before."""

    gate: Gate
    rates: Rates
    audit_writer: AuditWriter
    status: StatusReader
    readiness: dict[str, Bounded[str]]
    figures: tuple[Source, ...]

    @classmethod
    def create(cls, installation: Installation) -> Self:
        """Create the state of a service that starts to work on an installation."""
        limits = installation.access.rates
        return cls(
            gate=Gate(catalog=installation.catalog, clock=installation.clock),
            rates=Rates(RateLimiter(limits) if limits else None),
            audit_writer=AuditWriter(installation.catalog),
            status=StatusReader(home=installation.settings.home),
            readiness=readiness_checks(installation),
            figures=figure_sources(installation),
        )

    def close(self) -> None:
        """Write the audit entries that wait. Call before the catalog is closed."""
        self.audit_writer.close()
        self.gate.close()
