"""Run one job of the kind "toy", from a schedule to its result: `python toy_kind.py HOME`, on a copy of storewatch."""

import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.errors import InvalidInputError
from storewatch.installation import create_worker, open_installation
from storewatch.jobs.kinds import read_kind
from storewatch.jobs.schedules import fire_due, new_schedule
from storewatch.settings import Settings


def main(home: str) -> None:
    now = datetime.now(UTC)
    with open_installation(Settings.from_environment(Path(home), {})) as installation:
        catalog = installation.catalog
        catalog.schedules.delete("optimize")
        asked = {"name": "often", "kind": read_kind("toy"), "cron": "* * * * *", "timezone": "UTC", "created_by": None}
        try:
            new_schedule(**asked, parameters={}, now=now)
        except InvalidInputError as error:
            print(error)
        catalog.schedules.create(new_schedule(**asked, parameters={"size": 7}, now=now - timedelta(minutes=5)))
        assert fire_due(catalog, now) == 1
        worker = create_worker(installation)
        worker.start()
        while not (job := catalog.jobs.list_(kind=JobKind("toy"))[0]).has_ended:
            threading.Event().wait(0.01)
        worker.stop()
        assert job.state is JobState.COMPLETE, job
        print(job.result)
        try:
            read_kind("play")
        except InvalidInputError as error:
            print(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
