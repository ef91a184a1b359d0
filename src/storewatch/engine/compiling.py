"""Compile the kernels ahead of the first report."""

import numpy as np

from storewatch.domain.policies import FILL
from storewatch.engine.availability import bucket_totals, spans, totals
from storewatch.engine.evidence import group_evidence
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.opening.sessions import Sessions
from storewatch.engine.outages import openings, outages
from storewatch.engine.polling import count_unpolled, poll_gaps


def compile_kernels() -> None:
    """Compile every kernel, or load it from the cache on disk, so that the first report does not wait."""
    empty, zero = np.empty(0, np.int64), np.zeros(1, np.int64)
    evidence = group_evidence(np.zeros(1, np.uint32), zero, np.ones(1, np.uint8), zero, 1)
    sessions = Sessions(
        offsets=np.zeros(2, np.int64),
        open_us=empty,
        close_us=empty,
        calendar_of=zero,
        planned_offsets=np.zeros(2, np.int64),
        planned_start_us=empty,
        planned_end_us=empty,
    )
    inputs = EngineInputs(evidence=evidence, sessions=sessions, as_of_us=1, policy=FILL)
    window = np.array([[0, 1]], np.int64)
    totals(inputs, window)
    bucket_totals(inputs, window, zero)
    spans(inputs, 0, 1)
    outages(inputs, window, zero)
    openings(inputs, window, zero)
    poll_gaps(evidence, sessions, window, zero, as_of_us=1)
    count_unpolled(evidence, sessions, 0, 1, np.zeros(2, np.int64), np.zeros(2, np.int64), as_of_us=1)
