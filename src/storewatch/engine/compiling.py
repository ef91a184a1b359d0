"""Compile the kernels ahead of the first report."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from storewatch.domain.policies import FILL
from storewatch.engine.availability import bucket_totals, spans, totals
from storewatch.engine.evidence import group_evidence
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.kernels import CACHE_FOLDER, CACHE_LASTS, watch_compiler
from storewatch.engine.opening.sessions import Sessions
from storewatch.engine.outages import openings, outages
from storewatch.engine.polling import count_unpolled, poll_gaps
from storewatch.engine.sampling import FailureRates, count_pairs, window_moments


def announcement() -> str:
    """Return what to tell a user who waits for the compiler, with the place of the compiled code if it is unusual."""
    if not CACHE_LASTS:
        return (
            "Compiling the engine for this machine. Every command has to, because no folder for the compiled code "
            "can be written: set NUMBA_CACHE_DIR to a folder that can be."
        )
    kept = (
        "" if CACHE_FOLDER.is_relative_to(Path(__file__).parent) else f" The compiled code is kept in {CACHE_FOLDER}."
    )
    return f"Compiling the engine for this machine; this happens once after an installation.{kept}"


def load_first_kernel(announce: Callable[[], None]) -> bool:
    """Load the kernel that every report needs, and return whether it had to be compiled.

    announce: called when the compiler begins.
    """
    with watch_compiler(announce) as compiler:
        _steps()[0]()
    return compiler.has_run


def compile_kernels(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile every kernel, or load it from the cache on disk, so that the first report does not wait.

    progress: called with the number of steps done and of all steps.
    """
    steps = _steps()
    for done, step in enumerate(steps):
        if progress:
            progress(done, len(steps))
        step()


def _steps() -> tuple[Callable[[], object], ...]:
    """Return calls that use every kernel, the one that every report needs first."""
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
    nothing = np.zeros(2, np.int64)
    rates = FailureRates(down=1, up=1, down_log_sd=0, up_log_sd=0, changes=0, widening=1)
    return (
        lambda: totals(inputs, window),
        lambda: bucket_totals(inputs, window, zero),
        lambda: spans(inputs, 0, 1),
        lambda: outages(inputs, window, zero),
        lambda: openings(inputs, window, zero),
        lambda: poll_gaps(evidence, sessions, window, zero, as_of_us=1),
        lambda: count_unpolled(evidence, sessions, 0, 1, nothing, nothing, as_of_us=1),
        lambda: window_moments(inputs, window, None, rates),
        lambda: count_pairs(inputs, 0),
    )
