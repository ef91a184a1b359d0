"""The engine compared with its rivals, in one process on the same data. As a program: prints its findings as JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from benchmarks.data import installation_at
from benchmarks.measure import seconds_of
from benchmarks.rivals import DuckDB, Question, pandas_totals
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Status
from storewatch.domain.instants import HOUR_US, MINUTE_US
from storewatch.domain.policies import FILL, OBSERVED, Policy
from storewatch.engine.availability import totals
from storewatch.engine.evidence import Evidence, evidence_range, group_evidence
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.measures import in_unit
from storewatch.engine.opening.sessions import Sessions, open_sessions
from storewatch.engine.sampling import FailureRates, window_moments
from storewatch.installation import open_installation
from storewatch.reports.request.window_names import CLASSIC_WINDOWS, ROLLING_US
from storewatch.stores.evidence import StoreList

# The rates of a typical fleet; what they are does not change how long the moments take.
_TYPICAL: Final = FailureRates(down=0.02, up=0.9, down_log_sd=0, up_log_sd=0, changes=200, widening=1)


class Case:
    """The data of one installation, as input of the engine and its rivals."""

    def __init__(self, home: Path) -> None:
        with open_installation(installation_at(home)) as app:
            snapshot = app.lake.snapshot()
            newest_us = snapshot.newest_us()
            assert newest_us is not None
            self.as_of_us = newest_us
            store_list = StoreList.read(app.catalog)
            places = store_list.frame.select("store_id").with_row_index("store")
            rows = snapshot.read(0, newest_us).join(places, on="store_id", maintain_order="left")
        self.stores = places.height
        self.calendars = store_list.calendars
        self.windows_us = np.array([(newest_us - ROLLING_US[name], newest_us) for name in CLASSIC_WINDOWS], np.int64)
        self.polls = rows.select(
            "store",
            pl.col("observed_at").to_physical().alias("observed_us"),
            pl.col("active").cast(pl.UInt8),
            pl.col("loaded_at").to_physical().alias("loaded_us"),
        )

    def question(self, policy: Policy) -> Question:
        return Question(windows_us=self.windows_us, as_of_us=self.as_of_us, max_gap_us=policy.max_gap_us)

    def sessions(self) -> Sessions:
        longest = max(FILL, OBSERVED, key=lambda policy: policy.max_gap_us)
        from_us, to_us = int(self.windows_us.min()), int(self.windows_us.max())
        return open_sessions(self.calendars, *evidence_range(from_us, to_us, as_of_us=self.as_of_us, policy=longest))

    def evidence(self) -> Evidence:
        store, observed_us, active, loaded_us = (column.to_numpy() for column in self.polls)
        return group_evidence(store, observed_us, active, loaded_us, self.stores)


def compare(home: Path, report: Path) -> dict[str, Any]:
    """Time the engine and its rivals, and count the stores on which their figures differ from the engine's.

    report: the classic CSV that the command line wrote of the same data.
    """
    case = Case(home)
    sessions, evidence = case.sessions(), case.evidence()
    session_rows = pl.DataFrame(
        {
            "calendar": np.repeat(np.arange(len(sessions.offsets) - 1), np.diff(sessions.offsets)),
            "open_us": sessions.open_us,
            "close_us": sessions.close_us,
        }
    )
    store_rows = pl.DataFrame({"store": np.arange(case.stores), "calendar": sessions.calendar_of})
    duck = DuckDB(case.polls, session_rows, store_rows)
    polls, opened, stores = (frame.to_pandas() for frame in (case.polls, session_rows, store_rows))
    answers: dict[str, Int64s] = {}

    def ask_pandas(policy: Policy) -> None:
        answers[policy.name] = pandas_totals(polls, opened, stores, case.question(policy))

    found: dict[str, Any] = {
        "stores": case.stores,
        "polls": case.polls.height,
        "calendars": len(sessions.offsets) - 1,
        "sessions_s": seconds_of(case.sessions, 5),
        "group_s": seconds_of(case.evidence, 10),
        "walk_s": seconds_of(lambda: _engine(case, evidence, sessions, FILL), 30),
        "moments_ratios": {
            policy.name: _moments_ratios(case, evidence, sessions, policy) for policy in (FILL, OBSERVED)
        },
        "duckdb_s": seconds_of(lambda: duck.totals(case.question(FILL)), 5),
        "pandas_s": seconds_of(lambda: ask_pandas(FILL), 1),
    }
    ask_pandas(OBSERVED)
    written = pl.read_csv(report).select(pl.exclude("store_id")).to_numpy()
    for policy in (FILL, OBSERVED):
        own = _engine(case, evidence, sessions, policy)
        answers_of = {"duckdb": duck.totals(case.question(policy)), "pandas": answers[policy.name]}
        for rival, theirs in answers_of.items():
            found[f"{rival}_{policy.name}_differ"] = _differ(theirs, own)
            if policy is FILL:
                found[f"{rival}_report_differ"] = int((_classic(theirs) != written).any(axis=1).sum())
    return found


def _engine(case: Case, evidence: Evidence, sessions: Sessions, policy: Policy) -> Int64s:
    inputs = EngineInputs(evidence=evidence, sessions=sessions, as_of_us=case.as_of_us, policy=policy)
    return totals(inputs, case.windows_us)


def _moments_ratios(case: Case, evidence: Evidence, sessions: Sessions, policy: Policy) -> list[float]:
    """Time the walk for intervals and the plain walk in turn, in the same windows; return the ratio of each pair.

    The time is that of the thread, so that work beside it counts less.
    """
    inputs = EngineInputs(evidence=evidence, sessions=sessions, as_of_us=case.as_of_us, policy=policy)
    window_moments(inputs, case.windows_us, None, _TYPICAL)  # loads the kernel
    ratios = []
    for _ in range(30):
        begun = time.thread_time()
        totals(inputs, case.windows_us)
        between = time.thread_time()
        window_moments(inputs, case.windows_us, None, _TYPICAL)
        ratios.append((time.thread_time() - between) / (between - begun))
    return ratios


def _differ(theirs: Int64s, own: Int64s) -> int:
    """Count the stores with any figure that is not equal to the microsecond."""
    return int((theirs != own).any(axis=(1, 2)).sum())


def _classic(totals_us: Int64s) -> Any:
    """Return totals as the six figures of the classic report."""
    units = (MINUTE_US, HOUR_US, HOUR_US)
    return np.column_stack(
        [
            in_unit(totals_us[:, window, status], unit)
            for status in (Status.UP, Status.DOWN)
            for window, unit in enumerate(units)
        ]
    )


if __name__ == "__main__":
    print(json.dumps(compare(Path(sys.argv[1]), Path(sys.argv[2]))))
