"""The states and last polls of many stores at once, and the results that are kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from support.scene import settings_in

from storewatch.catalog import StoreChanges, StoreFilter, labels_frame
from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.enums import StoreOrder, StoreState
from storewatch.domain.errors import UnknownStoreError
from storewatch.domain.instants import instant_us
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation, open_installation, utc_now
from storewatch.stores.current import CurrentStores
from storewatch.stores.evidence import newest_of
from storewatch.stores.states import Spread, last_polls, states_at

NEWEST = datetime(2023, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def stores(app: Installation) -> CurrentStores:
    return CurrentStores(catalog=app.catalog, lake=app.lake, clock=utc_now)


def poll(app: Installation, *polls: tuple[str, datetime, bool]) -> None:
    app.lake.append([pl.DataFrame([(*one, NEWEST) for one in polls], OBSERVATIONS, orient="row")])
    app.catalog.stores.register(pl.Series("store_id", [store_id for store_id, *_ in polls]), now=NEWEST)


def test_states_of_the_scene(stores: CurrentStores) -> None:
    page = stores.page(StoreFilter(), limit=10)
    assert {store.store_id: store.state for store in page.stores} == {
        "bar": StoreState.UP,
        "cafe": StoreState.CLOSED,
        "ghost": StoreState.UNKNOWN,
    }
    assert stores.count() == {StoreState.DOWN: 0, StoreState.UNKNOWN: 1, StoreState.UP: 1, StoreState.CLOSED: 1}


@pytest.mark.parametrize(
    ("age", "active", "state"),
    [
        (timedelta(0), True, "up"),
        (timedelta(0), False, "down"),
        (timedelta(hours=3) - timedelta(microseconds=1), False, "down"),
        (timedelta(hours=3), False, "unknown"),
    ],
)
def test_state_is_that_of_the_last_poll_within_three_hours(
    app: Installation, stores: CurrentStores, age: timedelta, active: bool, state: str
) -> None:
    poll(app, ("clock", NEWEST, True), ("new", NEWEST - age, active))
    assert stores.find("new")[1].state == state


@pytest.mark.parametrize(
    ("ahead", "as_of_ahead"),
    [
        (timedelta(0), timedelta(0)),
        (timedelta(microseconds=1), timedelta(0)),
        (timedelta(minutes=5), timedelta(0)),
        (timedelta(minutes=5, microseconds=1), timedelta(minutes=5, microseconds=1)),
        (-timedelta(microseconds=1), -timedelta(microseconds=1)),
    ],
)
def test_as_of_is_the_system_clock_if_the_newest_poll_is_up_to_five_minutes_ahead(
    app: Installation, ahead: timedelta, as_of_ahead: timedelta
) -> None:
    poll(app, ("fast", NEWEST + ahead, True), ("exact", NEWEST - timedelta(hours=2, minutes=59), False))
    stores = CurrentStores(catalog=app.catalog, lake=app.lake, clock=lambda: NEWEST)
    moment, exact = stores.find("exact")
    assert (moment.as_of_us, exact.state) == (
        instant_us(NEWEST + as_of_ahead),
        StoreState.UNKNOWN if as_of_ahead > timedelta(minutes=1) else StoreState.DOWN,
    )


@pytest.mark.parametrize("scope", [Scope(), Scope(label=Label("owner", "acme"))])
def test_poll_that_is_ahead_counts_when_the_system_clock_reaches_it(app: Installation, scope: Scope) -> None:
    hour, minute, tick = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
    poll(app, ("bar", NEWEST - hour, True), ("bar", NEWEST + 2 * minute, False))
    app.catalog.stores.replace(StoreChanges(labels=labels_frame({"bar": {"owner": "acme"}})), now=NEWEST)
    wall = [NEWEST]
    stores = CurrentStores(catalog=app.catalog, lake=app.lake, clock=lambda: wall[-1])
    found = []
    for now in (NEWEST, NEWEST + 2 * minute - tick, NEWEST + 2 * minute, NEWEST + hour):
        wall.append(now)
        moment, bar = stores.find("bar", scope)
        assert moment.as_of_us is not None
        down = stores.count(scope=scope)[StoreState.DOWN]
        found.append((moment.as_of_us - instant_us(NEWEST), bar.state, down))
    late = 2 * 60_000_000
    assert found == [(0, "up", 0), (0, "up", 0), (late, "down", 1), (late, "down", 1)]


def test_states_of_a_page_are_those_of_all(app: Installation, stores: CurrentStores) -> None:
    polls = [(f"s{n:02}", NEWEST - timedelta(hours=n / 4), n % 3 > 0) for n in range(40)]
    poll(app, *polls)
    moment = stores.moment()
    rows = app.catalog.stores.read_all()
    singles = [replace(rows, frame=rows.frame[n : n + 1]) for n in range(rows.frame.height)]
    whole = states_at(moment, rows, Spread.WHOLE).to_list()
    for spread in (Spread.DENSE, Spread.SPARSE):
        assert whole == [states_at(moment, single, spread).item() for single in singles]
        assert whole == states_at(moment, rows, spread).to_list()
    assert {"up", "down", "unknown"} <= set(whole)


@pytest.mark.parametrize("days", [0, 1, 2, 3, 6, 7, 14, 100, 399])
def test_last_poll_is_found_however_long_ago(app: Installation, days: int) -> None:
    seen = NEWEST - timedelta(days=days, microseconds=days)
    poll(app, ("clock", NEWEST, True), ("old", seen, True), ("old", seen - timedelta(seconds=1), True))
    ids = pl.Series("store_id", ["old", "nobody", "clock"])
    for spread in Spread:
        assert last_polls(app.lake.snapshot(), ids, spread).to_list() == [seen, None, NEWEST]


def test_last_poll_before_the_bound_is_none(app: Installation) -> None:
    poll(app, ("clock", NEWEST, True), ("old", NEWEST - timedelta(days=401), True))
    assert last_polls(app.lake.snapshot(), pl.Series("store_id", ["old"]), Spread.SPARSE).to_list() == [None]


def test_newest_of_some_stores(app: Installation) -> None:
    poll(app, ("new", NEWEST, True), ("zoo", NEWEST - timedelta(days=3), True))
    snapshot = app.lake.snapshot()
    ids = [["ghost", "new"], ["cafe", "zoo"], ["ghost"], []]
    found = [newest_of(snapshot, pl.Series("store_id", some, dtype=pl.String)) for some in ids]
    assert found == [instant_us(NEWEST), instant_us(NEWEST - timedelta(days=3)), None, None]


def test_as_of_of_a_scope_is_its_own_newest_poll(app: Installation, stores: CurrentStores) -> None:
    scope = Scope(label=Label("owner", "acme"))
    app.catalog.stores.replace(StoreChanges(labels=labels_frame({"cafe": {"owner": "acme"}})), now=NEWEST)
    moment, cafe = stores.find("cafe", scope)
    assert moment.as_of_us == cafe.last_poll_us == instant_us(datetime(2023, 1, 23, 17, 30, tzinfo=UTC))
    with pytest.raises(UnknownStoreError):
        stores.find("bar", scope)
    assert sum(stores.count(scope=scope).values()) == 1


def test_kept_states_change_with_lake_and_catalog(app: Installation, stores: CurrentStores) -> None:
    order = {"order": StoreOrder.LAST_POLL_DOWN, "limit": 10}
    assert [store.store_id for store in stores.page(StoreFilter(), **order).stores] == ["bar", "cafe", "ghost"]
    poll(app, ("ghost", datetime(2023, 1, 23, 18, 1, tzinfo=UTC), False))
    assert [store.store_id for store in stores.page(StoreFilter(), **order).stores] == ["ghost", "bar", "cafe"]
    assert stores.count()[StoreState.DOWN] == 1
    app.catalog.stores.create("new", now=NEWEST)
    assert [store.store_id for store in stores.page(StoreFilter(), **order).stores] == ["ghost", "bar", "cafe", "new"]
    assert stores.count()[StoreState.UNKNOWN] == 1
    assert stores.count(StoreFilter(search="a"))[StoreState.UP] == 1


@pytest.mark.parametrize("order", list(StoreOrder))
@pytest.mark.parametrize("state", [None, StoreState.UP])
def test_pages_make_up_the_list_in_every_order(
    app: Installation, stores: CurrentStores, order: StoreOrder, state: StoreState | None
) -> None:
    poll(app, *((f"s{n}", NEWEST - timedelta(minutes=n % 3), n % 2 > 0) for n in range(7)))
    app.catalog.stores.replace(
        StoreChanges(labels=labels_frame({f"s{n}": {"name": f"N{n % 4}"} for n in range(5)})), now=NEWEST
    )
    whole = [store.store_id for store in stores.page(StoreFilter(), state=state, order=order, limit=100).stores]
    assert len(whole) == (10 if state is None else 3)
    paged: list[str] = []
    after: tuple[str | int | None, ...] = ()
    while (page := stores.page(StoreFilter(), state=state, order=order, after=after, limit=2)).stores:
        paged += [store.store_id for store in page.stores[:2]]
        after = page.places[min(2, len(page.places)) - 1]
    assert paged == whole


def test_empty_installation_has_no_moment(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as empty:
        stores = CurrentStores(catalog=empty.catalog, lake=empty.lake, clock=utc_now)
        assert (stores.moment().as_of_us, stores.page(StoreFilter(), limit=1).stores) == (None, [])
        assert sum(stores.count().values()) == 0
