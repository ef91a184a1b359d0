"""Compute when schedules are due, by cron times on a zone's clock, and accept their jobs."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import uuid4

from croniter import CroniterBadDateError, croniter

from storewatch.catalog import Catalog, Schedule
from storewatch.domain.enums import JobKind
from storewatch.domain.errors import InvalidInputError, UnknownDefinitionError
from storewatch.domain.timezones import timezone_named
from storewatch.engine.opening.zones import first_instant, local_time
from storewatch.jobs.handler import StoredData
from storewatch.jobs.kinds import handlers

# The five fields of cron(5), without what croniter adds to them (seconds, years, random and hashed values).
_FIELD: Final = r"[0-9*,/\-]+|(?i:[a-z]{3})(?:[,\-](?i:[a-z]{3}))*"
_CRON: Final = re.compile(rf"(?:(?:{_FIELD})\s+){{4}}(?:{_FIELD})", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_LEAST_APART: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)


def check_times(cron: str, timezone: str) -> str:
    """Return the IANA name of the zone; raise InvalidInputError for a cron expression or a zone that cannot be used."""
    named = timezone_named(timezone)
    if named is None:
        raise InvalidInputError(f"{timezone!r} is not a time zone; write an IANA name such as Europe/Berlin or UTC.")
    if len(cron) > 200 or not _CRON.fullmatch(cron) or not croniter.is_valid(cron):
        raise InvalidInputError(
            f"{cron[:200]!r} is not a cron expression; write minute, hour, day, month, weekday, such as `17 3 * * *`."
        )
    try:
        croniter(cron, datetime(2024, 1, 1)).get_next(datetime)  # noqa: DTZ001 - a wall clock without a zone
    except CroniterBadDateError:
        raise InvalidInputError(f"{cron!r} names a day that never comes.") from None
    return named


def new_schedule(
    *,
    name: str,
    kind: JobKind,
    cron: str,
    timezone: str,
    parameters: Mapping[str, Any],
    created_by: str | None,
    now: datetime,
    stored: StoredData | None = None,
) -> Schedule:
    """Create a schedule, without storing it, from what a user wrote.

    parameters: those of the kind of job. Those of a report may name a `definition`, which is looked up in the catalog,
    and again whenever the schedule is due. stored: has the stores, labels and sources that they may name; None: names
    are not checked. Raises InvalidInputError for what can never run, UnknownDefinitionError.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name[:100]!r} cannot be the name of a schedule; write 1 to 100 letters, digits, . _ or -."
        )
    timezone = check_times(cron, timezone)
    return Schedule(
        name=name,
        kind=kind,
        cron=" ".join(cron.split()),
        timezone=timezone,
        parameters=handlers()[kind].check_parameters(parameters, stored),
        enabled=True,
        created_at=now,
        created_by=created_by,
    )


@lru_cache(maxsize=10_000)
def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """Return the first instant after `after` at which the schedule is due.

    A time that the clock skips is due at the jump. A time that it shows twice is due the first time (SEMANTICS 5).
    """
    times = croniter(cron, local_time(timezone, after))
    while (due := first_instant(timezone, times.get_next(datetime))) <= after:
        pass
    return due


def latest_due(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the last time at or before `now` at which the schedule was due and did not run; None when there is none.

    Of several missed times only the last one runs.
    """
    # While the clock shows an hour for the second time, schedules may have run at later times than it shows now.
    local = max(local_time(schedule.timezone, now), local_time(schedule.timezone, now - _HOUR) + _HOUR)
    times = croniter(schedule.cron, local + _LEAST_APART)
    while (due := first_instant(schedule.timezone, times.get_prev(datetime))) > now:
        pass
    return due if (schedule.last_run_at or schedule.created_at) < due else None


def fire_due(catalog: Catalog, now: datetime) -> int:
    """Accept the jobs of the schedules that are due. Return how many. Only one process accepts each run."""
    fired = 0
    for schedule in catalog.schedules.list_():
        since = schedule.last_run_at or schedule.created_at
        # The cached next run costs nothing; the latest one is computed from `now` and costs 0.2 ms.
        if not schedule.enabled or next_run(schedule.cron, schedule.timezone, since) > now:
            continue
        due = latest_due(schedule, now)
        if due is not None:
            fired += catalog.schedules.run(_resolved(schedule, catalog), due.astimezone(UTC), str(uuid4()), now)
    return fired


def _resolved(schedule: Schedule, catalog: Catalog) -> Schedule:
    """Resolve the parameters for a run. Where that fails, keep them: the job then fails with the reason."""
    try:
        return replace(schedule, parameters=handlers()[schedule.kind].resolve_parameters(schedule.parameters, catalog))
    except (UnknownDefinitionError, InvalidInputError):
        return schedule
