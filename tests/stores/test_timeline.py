"""One store over time against the naive twin, through a real lake and catalog; and the requested range."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from reference import naive

from storewatch.catalog import StoreChanges, StoreRows
from storewatch.domain.columns import OBSERVATIONS, WEEKLY_HOURS
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import DAY_US, HOUR_US, instant_of, instant_us
from storewatch.domain.policies import Policy
from storewatch.engine.opening.weekly import weekly_intervals
from storewatch.installation import Installation, utc_now
from storewatch.stores.current import CurrentStores
from storewatch.stores.observations import read_observations
from storewatch.stores.timeline import (
    HistoryQuery,
    Range,
    Step,
    choose_range,
    store_availability,
    store_timeline,
)

NOW = datetime(2023, 12, 1, tzinfo=UTC)
STATUSES = ("down", "up", "unknown", "planned")
# Days around which a clock changes, in both directions and by half an hour.
PLACES = (
    ("America/Chicago", date(2023, 3, 12)),
    ("America/New_York", date(2023, 11, 5)),
    ("Australia/Lord_Howe", date(2023, 4, 2)),
    ("Asia/Kathmandu", date(2023, 1, 18)),
)


@pytest.fixture
def app(installation: Installation) -> Installation:
    return installation


def random_store(dice: random.Random, timezone: str, day: date) -> naive.Store:
    quarter = 900
    rows = []
    for _ in range(dice.choice([0, 3, 12])):
        start_s, end_s = dice.randrange(96) * quarter, dice.randrange(97) * quarter
        if start_s != end_s or start_s == 0:
            rows.append(naive.Row(day=dice.randrange(7), start_s=start_s, end_s=end_s))
    middle_us = instant_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
    polls = [
        naive.Observation(
            observed_us=middle_us + dice.randrange(-3 * 96, 3 * 96) * quarter * 1_000_000 + dice.choice([0, 0, 1, -1]),
            active=dice.random() < 0.6,
            loaded_us=number,
        )
        for number in range(dice.choice([0, 5, 40]))
    ]
    return naive.Store(rows=tuple(rows), timezone=timezone, observations=tuple(polls))


def store(app: Installation, given: naive.Store) -> StoreRows:
    """Put a store among others into catalog and lake, and find it."""
    app.catalog.stores.create("before", now=NOW)
    rows = pl.DataFrame([("it", row.day, row.start_s, row.end_s) for row in given.rows], WEEKLY_HOURS, orient="row")
    zones = pl.DataFrame({"store_id": ["it"], "timezone": [given.timezone]})
    app.catalog.stores.replace(StoreChanges(hours=weekly_intervals(rows), zones=zones), now=NOW)
    polls = [("it", instant_of(p.observed_us), p.active, instant_of(p.loaded_us)) for p in given.observations]
    polls += [("before", instant_of(p.observed_us), not p.active, NOW) for p in given.observations]
    app.lake.append([pl.DataFrame([poll], OBSERVATIONS, orient="row") for poll in polls])
    found = app.catalog.stores.find("it")
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("timezone", "day"), PLACES)
def test_store_over_time_equals_the_naive_twin(app: Installation, timezone: str, day: date, seed: int) -> None:
    dice = random.Random(f"{timezone}{seed}")
    given = random_store(dice, timezone, day)
    rows = store(app, given)
    moment = CurrentStores(catalog=app.catalog, lake=app.lake, clock=utc_now).moment()
    newest_us = max((poll.observed_us for poll in given.observations), default=None)
    assert moment.as_of_us == newest_us
    middle_us = instant_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
    asked = Range(from_us=middle_us - dice.randrange(3 * DAY_US), to_us=middle_us + dice.randrange(1, 3 * DAY_US))
    policy = Policy(name="observed", max_gap_us=dice.choice([HOUR_US, 3 * HOUR_US, 2 * DAY_US]))
    rules = {"as_of_us": newest_us or asked.to_us, "max_gap_us": policy.max_gap_us}

    query = HistoryQuery(range=asked, policy=policy)
    timeline = store_timeline(rows, moment, query)
    twin = naive.spans(given, asked.from_us, asked.to_us, **rules)
    assert [(s.start_us, s.end_us, STATUSES[s.status]) for s in timeline.spans] == [
        (span.start_us, span.end_us, span.status) for span in twin
    ]
    sums = naive.totals(given, asked.from_us, asked.to_us, **rules)
    assert timeline.totals_us.tolist() == [[sums[status] for status in STATUSES]]
    inside = naive.sessions(given.rows, given.timezone, asked.from_us, asked.to_us)
    clipped = [(max(a, asked.from_us), min(b, asked.to_us)) for a, b in inside]
    assert timeline.sessions == [(a, b) for a, b in clipped if a < b]
    seen = [p for p in naive.deduplicated(given.observations) if asked.from_us <= p.observed_us < asked.to_us]
    assert [(poll.observed_us, poll.active, poll.counted) for poll in timeline.polls] == [
        (p.observed_us, p.active, naive.session_at(inside, p.observed_us) is not None) for p in seen
    ]
    listed = read_observations(moment.snapshot, rows.frame["store_id"][0], asked.from_us, asked.to_us)
    assert [(instant_us(each.observed_at), each.active) for each in listed] == [(p.observed_us, p.active) for p in seen]

    for step, hours in ((Step.DAY, 24), (Step.HOUR, 1)):
        found = store_availability(rows, moment, query, step)
        edges = naive.local_edges(given.timezone, day - timedelta(days=5), 11, hours)
        cut = sorted({min(max(edge, asked.from_us), asked.to_us) for edge in edges})
        assert found.edges_us.tolist() == cut
        parts = [naive.totals(given, a, b, **rules) for a, b in pairwise(cut)]
        assert found.totals_us.tolist() == [
            [sums[status] for status in STATUSES],
            *([part[status] for status in STATUSES] for part in parts),
        ]
        assert found.totals_us[0].tolist() == found.totals_us[1:].sum(axis=0).tolist()
        # What the clock reads where a part begins: exactly, but for the first part and after a jump.
        for start, edge_us in zip(found.starts, cut, strict=False):
            reading = naive.midnight_us(start.date()) + start.hour * HOUR_US
            assert naive.first_instant(given.timezone, reading) <= edge_us


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


AS_OF = at("2023-01-25T18:13:22")


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (None, None, ("2023-01-18T18:13:22", "2023-01-25T18:13:22")),
        ("2023-01-25", None, ("2023-01-25", "2023-01-25T18:13:22")),
        (None, "2023-01-01", ("2022-12-25", "2023-01-01")),
        ("2025-01-01", "2025-01-02", ("2025-01-01", "2025-01-02")),
        ("2022-01-01", "2023-02-05", ("2022-01-01", "2023-02-05")),
    ],
)
def test_range_has_defaults_that_end_with_the_data(
    begin: str | None, end: str | None, expected: tuple[str, str]
) -> None:
    chosen = choose_range(begin and at(begin), end and at(end), instant_us(AS_OF))
    assert chosen == Range(from_us=instant_us(at(expected[0])), to_us=instant_us(at(expected[1])))


def test_range_may_include_the_newest_observation() -> None:
    as_of_us = instant_us(AS_OF)
    assert choose_range(None, None, as_of_us, includes_as_of=True).to_us == as_of_us + 1


@pytest.mark.parametrize(
    ("begin", "end", "as_of", "sentence"),
    [
        ("2023-01-02", "2023-01-02", AS_OF, "from must be before to"),
        ("2023-01-26", None, AS_OF, "from must be before to"),
        ("2022-01-01", "2023-02-06", AS_OF, "more than 400 days apart"),
        ("1969-12-31", "1970-01-02", AS_OF, "between the years 1970 and 9000"),
        ("2023-01-01", None, None, "Nothing has been observed yet"),
        (None, None, None, "Nothing has been observed yet"),
    ],
)
def test_invalid_range_is_refused(begin: str | None, end: str | None, as_of: datetime | None, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        choose_range(begin and at(begin), end and at(end), as_of and instant_us(as_of))
