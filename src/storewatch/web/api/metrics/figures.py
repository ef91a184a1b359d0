"""Figures of the installation as Prometheus metrics, read again every few seconds."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from storewatch.domain.instants import instant_of
from storewatch.installation import Installation
from storewatch.stores.current import CurrentStores
from storewatch.web.api.health.checks import WORKER_ALIVE, BoundedCall

log = logging.getLogger(__name__)

FIGURES_EVERY: Final = timedelta(seconds=15)
FIGURES_WAIT_SECONDS: Final = 5.0

# Computes the metrics at the time of a scrape, because ages grow between two readings.
Figures = Callable[[datetime], Sequence[Metric]]


class FigureSource:
    """Figures of one kind, read at most every FIGURES_EVERY."""

    def __init__(self, name: str, read: Callable[[], Figures]) -> None:
        self.name = name
        self._read = BoundedCall(read, FIGURES_WAIT_SECONDS)
        self._figures: Figures | None = None
        self._read_at: datetime | None = None

    async def metrics(self, now: datetime) -> Sequence[Metric] | None:
        """Return the metrics. None if they cannot be read: the scrape still succeeds, without old figures."""
        if self._read_at is None or not now - FIGURES_EVERY < self._read_at <= now:
            try:
                self._figures = await self._read.outcome()
            except Exception as error:  # noqa: BLE001 - the other figures can still be shown
                log.warning("figures of %s cannot be read: %s", self.name, error or type(error).__name__)
                self._figures = None
            self._read_at = now
        return None if self._figures is None else self._figures(now)


def figure_sources(installation: Installation) -> tuple[FigureSource, ...]:
    """Return the sources of figures of an installation."""
    return (
        FigureSource("jobs", partial(read_jobs, installation)),
        FigureSource("lake", LakeReader(installation).read),
        FigureSource("stores", partial(read_stores, installation.stores)),
    )


def read_jobs(installation: Installation) -> Figures:
    counts = installation.catalog.jobs.count()
    oldest = installation.catalog.jobs.oldest_queued_at()
    beats = [worker.beat_at for worker in installation.catalog.workers.list_()]

    def figures(now: datetime) -> Sequence[Metric]:
        jobs = GaugeMetricFamily("storewatch_jobs", "Jobs in the catalog.", labels=("kind", "state"))
        for kind, states in counts.items():
            for state, count in states.items():
                jobs.add_metric((kind, state), count)
        waiting_seconds = 0.0 if oldest is None else (now - oldest).total_seconds()
        return [
            jobs,
            gauge("storewatch_queue_oldest_seconds", "Age of the job that waits longest.", waiting_seconds),
            gauge("storewatch_workers", "Workers alive.", sum(now - beat < WORKER_ALIVE for beat in beats)),
        ]

    return figures


class LakeReader:
    """Reads the figures of the lake. The newest poll is read only for a new version, because that reads a file."""

    def __init__(self, installation: Installation) -> None:
        self._lake = installation.lake
        self._newest: tuple[int, datetime | None] = (-1, None)

    def read(self) -> Figures:
        snapshot = self._lake.snapshot()
        if self._newest[0] != snapshot.version:
            newest_us = snapshot.newest_us()
            self._newest = (snapshot.version, None if newest_us is None else instant_of(newest_us))
        newest = self._newest[1]

        def figures(now: datetime) -> Sequence[Metric]:
            fixed = [
                gauge("storewatch_lake_version", "Newest version of the lake.", snapshot.version),
                gauge("storewatch_lake_files", "Files of the newest version of the lake.", snapshot.files),
                gauge("storewatch_lake_bytes", "Size of these files in bytes.", snapshot.size_bytes),
                gauge("storewatch_lake_rows", "Observations in these files, repeats included.", snapshot.rows),
            ]
            if newest is None:
                return fixed
            age = (now - newest).total_seconds()
            return [*fixed, gauge("storewatch_data_freshness_seconds", "Now minus the newest observation.", age)]

        return figures


def read_stores(current: CurrentStores) -> Figures:
    stores = GaugeMetricFamily("storewatch_stores", "Stores by their current state.", labels=("state",))
    for state, count in current.count().items():
        stores.add_metric((state,), count)
    return lambda _: [stores]


def gauge(name: str, description: str, value: float) -> Metric:
    return GaugeMetricFamily(name, description, value=value)
