"""Faults on purpose, at every step of a service: what was acknowledged is whole, and the service recovers by itself.

Every row of FAULTS meets every row of WORK: a new fault or a new kind of work is one line. Only `make nightly` runs
them: all work at once under each fault, then each by itself.
"""

import os
import time
from contextlib import suppress
from datetime import timedelta
from typing import Final

import pytest
from support import faults
from support.faults import Fault, OpenSite
from support.proxy import Disturbance
from support.sites import Site, check_whole
from support.waiting import wait_for
from support.work import Caller, RefusedError, Repeated, Work, import_file, optimize, push, report, retention

pytestmark = pytest.mark.skipif(not os.environ.get("STOREWATCH_NIGHTLY"), reason="make nightly runs it")

WORK: Final[dict[str, Work]] = {
    "push": push,
    "import": import_file,
    "report": report,
    "optimize": optimize,
    "retention": retention,
}
FAULTS: Final[dict[str, tuple[OpenSite, Fault]]] = {
    "disk full": (faults.on_a_small_disk, faults.disk_full),
    "files unreadable": (faults.on_a_disk, faults.mode("*.parquet", 0)),
    "log unreadable": (faults.on_a_disk, faults.mode("*.json", 0)),
    "folders read-only": (faults.on_a_disk, faults.folders_read_only),
    "file cut": (faults.on_a_disk, faults.file_cut),
    "commit empty": (faults.on_a_disk, faults.commit_empty),
    "database stopped": (faults.on_postgres, faults.database_stopped),
    "database slow": (faults.on_postgres, faults.slow(0.05)),
    "database hangs": (faults.on_postgres, faults.disturbed(Disturbance.HOLD)),
    "database connections cut": (faults.on_postgres, faults.disturbed(Disturbance.CUT_BEFORE)),
    "database answers lost": (faults.on_postgres, faults.disturbed(Disturbance.CUT_AFTER, rb"(?s).*COMMIT", times=5)),
    "database read-only": (faults.on_postgres, faults.database_read_only),
    "clock forward": (faults.with_a_false_clock, faults.clock_off(timedelta(days=2))),
    "clock back": (faults.with_a_false_clock, faults.clock_off(timedelta(days=-2))),
    "object store slow": (faults.on_an_object_store, faults.slow(0.05)),
}
ALL_AT_ONCE: Final = "all at once"
LONGEST_FAULT_S: Final = 6


@pytest.mark.parametrize("work", [ALL_AT_ONCE, *WORK])
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_loses_nothing_and_the_service_recovers(fault: str, work: str, request: pytest.FixtureRequest) -> None:
    open_site, disturb = FAULTS[fault]
    with open_site(request) as site:
        working = {"push": Repeated(site, push)}  # reports of nothing fail
        try:
            working["push"].require(1)
            for name, do in WORK.items():
                if work in (ALL_AT_ONCE, name):
                    working[name] = working.get(name) or Repeated(site, do)
            for each in working.values():
                each.require(1)
            with disturb(site):
                tried = {name: each.tried for name, each in working.items()}
                read_everything(site)
                wait_for_tries(working, tried)
                read_everything(site)
            for each in working.values():
                each.finish()
        finally:
            for each in working.values():
                each.abandon()
        print(fault, {name: (each.done, dict(each.caller.refusals)) for name, each in working.items()})
        wait_for(site.is_ready)
        assert site.process.poll() is None
        check_whole(site.app, site.ledger.polls())


def read_everything(site: Site) -> None:
    """Check that reading works or is refused clearly, and that the service lives."""
    paths = ("/v1/stores?limit=1", "/v1/stores/pushed-0/timeline", "/v1/status", "/v1/reports?limit=1", "/v1/imports")
    caller = Caller(site)
    assert caller.send("GET", "/healthz").status_code == 200
    for path in ("/readyz", *paths):
        with suppress(RefusedError):
            caller.send("GET", path)
    caller.close()


def wait_for_tries(working: dict[str, Repeated], before: dict[str, int]) -> None:
    """Wait until all work was tried once more, but not for work that waits for the end of the fault."""
    deadline = time.monotonic() + LONGEST_FAULT_S
    while time.monotonic() < deadline and any(each.tried <= before[name] + 1 for name, each in working.items()):
        time.sleep(0.02)
    for each in working.values():
        each.check()
