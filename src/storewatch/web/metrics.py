"""What Prometheus scrapes: the counts of this process, and figures of the installation, read every few seconds."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from fastapi import APIRouter, Depends, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from storewatch.domain.instants import instant_of
from storewatch.installation import Installation
from storewatch.stores.current import CurrentStores
from storewatch.telemetry import REGISTRY
from storewatch.web.health import WORKER_ALIVE, Bounded
from storewatch.web.problems import problem_responses
from storewatch.web.security import unscoped

log = logging.getLogger(__name__)

FIGURES_EVERY: Final = timedelta(seconds=15)
FIGURES_WAIT_SECONDS: Final = 5.0

# Figures that were read, as they are at the moment of a scrape: ages grow between two readings.
Figures = Callable[[datetime], Sequence[Metric]]


def metrics_routes(parts: Installation) -> APIRouter:
    """Build /metrics. It asks for a key that sees everything, unless the settings open it."""
    router = APIRouter(tags=["operating"])
    sources = [
        Source("jobs", partial(read_jobs, parts)),
        Source("lake", LakeReader(parts).read),
        Source("stores", partial(read_stores, parts.stores)),
    ]

    @router.get(
        "/metrics",
        operation_id="metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problem_responses()},
        dependencies=[] if parts.settings.metrics_open else [Depends(unscoped)],
    )
    async def metrics() -> Response:
        """Give every metric in Prometheus' text format."""
        now = parts.clock()
        figures = await asyncio.gather(*(source.figures(now) for source in sources))
        fresh = GaugeMetricFamily("storewatch_figures_fresh", "1: these figures can be read.", labels=("source",))
        for source, family in zip(sources, figures, strict=True):
            fresh.add_metric((source.name,), family is not None)
        registry = CollectorRegistry()
        registry.register(_Given([fresh, *(metric for family in figures for metric in family or ())]))
        return Response(generate_latest(REGISTRY) + generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router


class Source:
    """Figures of the installation, read at most every FIGURES_EVERY."""

    def __init__(self, name: str, read: Callable[[], Figures]) -> None:
        self.name = name
        self._read = Bounded(read, FIGURES_WAIT_SECONDS)
        self._known: Figures | None = None
        self._read_at: datetime | None = None

    async def figures(self, now: datetime) -> Sequence[Metric] | None:
        """Give the figures, None when they cannot be read: a scrape must not fail for them, nor show old ones."""
        if self._read_at is None or not now - FIGURES_EVERY < self._read_at <= now:
            try:
                self._known = await self._read.outcome()
            except Exception as error:  # noqa: BLE001 - whatever it is, the other figures are still true
                log.warning("figures of %s cannot be read: %s", self.name, error or type(error).__name__)
                self._known = None
            self._read_at = now
        return None if self._known is None else self._known(now)


class _Given(Collector):
    """Metrics that are at hand already."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def read_jobs(parts: Installation) -> Figures:
    counts = parts.catalog.jobs.count()
    oldest = parts.catalog.jobs.oldest_queued_at()
    beats = [worker.beat_at for worker in parts.catalog.workers.list_()]

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
    """Reads the figures of the lake; the newest poll only when there is a new version, for it takes reading a file."""

    def __init__(self, parts: Installation) -> None:
        self._lake = parts.lake
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
                gauge("storewatch_lake_files", "Files of that version.", snapshot.files),
                gauge("storewatch_lake_bytes", "Their size.", snapshot.size_bytes),
                gauge("storewatch_lake_rows", "Observations in them, repeats included.", snapshot.rows),
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


def gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
