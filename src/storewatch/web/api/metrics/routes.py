"""Metrics for Prometheus: the counts of this process and figures of the installation."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from fastapi import APIRouter, Depends, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from storewatch.telemetry import REGISTRY
from storewatch.web.dependencies import Installed, State
from storewatch.web.problems import problem_responses
from storewatch.web.security import unscoped

router = APIRouter(tags=["operating"])

_EXAMPLE: Final = "# HELP storewatch_workers Workers alive.\n# TYPE storewatch_workers gauge\nstorewatch_workers 2.0\n"


@router.get(
    "/metrics",
    operation_id="getMetrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}}},
        **problem_responses(),
    },
    dependencies=[Depends(unscoped)],
)
async def get_metrics(installation: Installed, state: State) -> Response:
    """Return every metric in the text format of Prometheus. A key is required unless the settings open /metrics."""
    now = installation.clock()
    figures = await asyncio.gather(*(source.metrics(now) for source in state.figures))
    fresh = GaugeMetricFamily("storewatch_figures_fresh", "1 if these figures can be read, else 0.", labels=("source",))
    for source, family in zip(state.figures, figures, strict=True):
        fresh.add_metric((source.name,), family is not None)
    registry = CollectorRegistry()
    registry.register(_Collected([fresh, *(metric for family in figures for metric in family or ())]))
    return Response(generate_latest(REGISTRY) + generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Collected(Collector):
    """Metrics that have been read."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics
