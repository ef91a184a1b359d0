"""Read stores with their state at this moment: one store, a page of stores, or counts by state."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, TypeVar

import numpy as np
import polars as pl

from storewatch.catalog import Catalog, StoreFilter, StoreRows
from storewatch.domain.enums import Setting, SettingSource, StoreOrder, StoreState
from storewatch.domain.errors import UnknownStoreError
from storewatch.domain.instants import MINUTE_US, instant_of, instant_us
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.lake import Lake
from storewatch.stores.evidence import newest_of
from storewatch.stores.states import Moment, Spread, last_polls, states_at

_KEPT_SCOPES: Final = 64
# Polls whose time is further ahead of the system clock are rejected (docs/semantics.md, "Bad input").
AHEAD_US: Final = 5 * MINUTE_US
# The catalog can sort by these; for the other orders the lake has to be read.
BY_CATALOG: Final = (StoreOrder.ID, StoreOrder.ID_DOWN, StoreOrder.NAME, StoreOrder.NAME_DOWN)

T = TypeVar("T")


Place = tuple[str | int | None, ...]


@dataclass(frozen=True, kw_only=True)
class StoreNow:
    """One store and its state at as_of. timezone, intervals: None where the default holds.

    intervals: its open spans in seconds of the local week. last_poll_us: None without any in LAST_POLL_DAYS. opened_on,
    closed_on: the first local dates in business and out of business, None if there is no such date. rejected: the
    settings that have the default because their rows were rejected.
    """

    store_id: str
    labels: dict[str, str]
    timezone: str | None
    intervals: tuple[tuple[int, int], ...] | None
    last_poll_us: int | None
    state: StoreState
    rejected: frozenset[Setting] = frozenset()
    opened_on: date | None = None
    closed_on: date | None = None

    @property
    def hours_source(self) -> SettingSource:
        """Where the weekly hours come from."""
        return _source(self.intervals, Setting.WEEKLY_HOURS in self.rejected)

    @property
    def timezone_source(self) -> SettingSource:
        """Where the time zone comes from."""
        return _source(self.timezone, Setting.TIMEZONE in self.rejected)


@dataclass(frozen=True, kw_only=True)
class StoreListing:
    """A page of stores, at most one more than its limit, and the place of each for the next page."""

    as_of_us: int | None
    stores: list[StoreNow]
    places: list[Place]


@dataclass(frozen=True, kw_only=True)
class _StatesOfAll:
    """All stores of a scope at a moment. frame: store_id, state (STATE)."""

    moment: Moment
    frame: pl.DataFrame


@dataclass(kw_only=True)
class CurrentStores:
    """The stores of one installation at this moment. clock: the system clock.

    Results about all stores are kept until the lake or the catalog changes.
    """

    catalog: Catalog
    lake: Lake
    clock: Callable[[], datetime]
    _moments: dict[Scope, Moment] = field(default_factory=dict)
    _states_of_all: dict[Scope, _StatesOfAll] = field(default_factory=dict)
    _last_polls: dict[Scope, tuple[Moment, pl.Series]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def moment(self, scope: Scope = ALL_STORES) -> Moment:
        """Return the newest data with as_of: the time of the newest observation of the stores of the scope.

        While polls arrive live, as_of is the system clock if that is earlier. A device whose clock is a few minutes
        ahead then does not move as_of for all stores. Without new data the moment stays the same until the system
        clock reaches that observation.
        """
        snapshot, version, now_us = self.lake.snapshot(), self.catalog.version(), instant_us(self.clock())
        known = self._moments.get(scope)
        if (
            known is not None
            and (known.snapshot.version, known.catalog_version) == (snapshot.version, version)
            and not known.is_outdated(now_us)
        ):
            return known
        newest_us = newest_of(snapshot, self._ids(scope)) if scope.is_limited else snapshot.newest_us()
        as_of_us = None if newest_us is None else _live_us(newest_us, now_us)
        moment = Moment(snapshot=snapshot, catalog_version=version, as_of_us=as_of_us, newest_us=newest_us)
        return _keep(self._moments, scope, moment)

    def read(self, store_id: str, scope: Scope = ALL_STORES) -> tuple[StoreRows, Moment]:
        """Return the rows of one store in the catalog, and the moment. Raises UnknownStoreError."""
        rows = self.catalog.stores.find(store_id, scope)
        if rows is None:
            raise UnknownStoreError(store_id)
        return rows, self.moment(scope)

    def find(self, store_id: str, scope: Scope = ALL_STORES) -> tuple[Moment, StoreNow]:
        """Return the moment, and one store at that moment. Raises UnknownStoreError if the scope does not have it."""
        rows, moment = self.read(store_id, scope)
        return moment, describe(rows, moment)

    def page(
        self,
        where: StoreFilter,
        *,
        scope: Scope = ALL_STORES,
        state: StoreState | None = None,
        order: StoreOrder = StoreOrder.ID,
        after: Place = (),
        out_of_business: bool = False,
        limit: int,
    ) -> StoreListing:
        """Return up to limit + 1 stores of the filter and the scope after a place.

        The place is the sort key and the store_id; in the order of store_id it is the store_id alone. out_of_business:
        also stores that have not opened yet or have closed for good.
        """
        moment = self.moment(scope)
        where = where if out_of_business else self._in_business(where, moment)
        spread = Spread.SPARSE
        if order not in BY_CATALOG:
            ids = self._ordered(where, scope, state, order, after, limit + 1)
            rows = self.catalog.stores.select(ids, scope)
        elif state is not None:
            ids = self._in_state(where, scope, state, order, after).head(limit + 1).to_list()
            rows = self.catalog.stores.select(ids, scope)
        else:
            labels = (*scope.labels, *where.labels)
            if not labels and order in (StoreOrder.ID, StoreOrder.ID_DOWN):
                spread = Spread.DENSE
            rows = self.catalog.stores.list_(
                replace(where, labels=labels), order=order, after=_texts(after), limit=limit + 1
            )
        stores = _describe_all(rows, moment, spread)
        return StoreListing(as_of_us=moment.as_of_us, stores=stores, places=[_place(store, order) for store in stores])

    def count(
        self, where: StoreFilter | None = None, *, scope: Scope = ALL_STORES, out_of_business: bool = False
    ) -> dict[StoreState, int]:
        """Count the stores of the filter and the scope by their state. out_of_business: as in `page`."""
        where = where or StoreFilter()
        where = where if out_of_business else self._in_business(where, self.moment(scope))
        states = self._filtered(self._read_states_of_all(scope).frame, where)
        counts = dict(states["state"].value_counts().iter_rows())
        return {state: counts.get(state.value, 0) for state in StoreState}

    def _in_business(self, where: StoreFilter, moment: Moment) -> StoreFilter:
        """Return the filter for stores in business on the UTC date of the moment; the same filter if all always are.

        A filter costs half a second for 1 M stores in lists by state or last poll.
        """
        if not self.catalog.stores.has_lives():
            return where
        now = self.clock() if moment.as_of_us is None else instant_of(moment.as_of_us)
        return replace(where, in_business_on=now.date())

    def _in_state(
        self, where: StoreFilter, scope: Scope, state: StoreState, order: StoreOrder, after: Place
    ) -> pl.Series:
        states = self._read_states_of_all(scope).frame.filter(pl.col("state") == state.value)
        if where == StoreFilter() and order is StoreOrder.ID:
            return states.filter(pl.col("store_id") > after[0] if after else pl.lit(value=True))["store_id"]
        known = self.catalog.stores.list_ids(where, order=order, after=_texts(after)).to_frame()
        return known.join(states, on="store_id", how="semi", maintain_order="left")["store_id"]

    def _filtered(self, stores: pl.DataFrame, where: StoreFilter) -> pl.DataFrame:
        if where == StoreFilter():  # the ids of 1 M stores take half a second
            return stores
        return stores.join(
            self.catalog.stores.list_ids(where).to_frame(), on="store_id", how="semi", maintain_order="left"
        )

    def _ordered(
        self,
        where: StoreFilter,
        scope: Scope,
        state: StoreState | None,
        order: StoreOrder,
        after: Place,
        limit: int,
    ) -> list[str]:
        by_poll = order in (StoreOrder.LAST_POLL, StoreOrder.LAST_POLL_DOWN)
        down = order in (StoreOrder.LAST_POLL_DOWN, StoreOrder.STATE_DOWN)
        every = self._read_states_of_all(scope)
        frame = every.frame
        key = self._polls(scope, every).to_physical() if by_poll else frame["state"].to_physical().cast(pl.Int64)
        frame = frame.with_columns(key=-key if down else key)
        frame = self._filtered(frame, where)
        if state is not None:
            frame = frame.filter(pl.col("state") == state.value)
        frame = frame.with_columns(pl.col("key").fill_null(np.iinfo(np.int64).max))
        if after:
            reached = _key(after[0], by_poll, down)
            same = (pl.col("key") == reached) & (pl.col("store_id") > after[1])
            frame = frame.filter((pl.col("key") > reached) | same)
        # The stores are in the order of their ids already.
        return frame.sort("key", maintain_order=True).head(limit)["store_id"].to_list()

    def _read_states_of_all(self, scope: Scope) -> _StatesOfAll:
        with self._lock:
            moment, known = self.moment(scope), self._states_of_all.get(scope)
            if known is not None and known.moment.same_data(moment):
                return known
            rows = self.catalog.stores.read_all()
            if scope.is_limited:
                ids = self._ids(scope).to_frame()
                rows = replace(rows, frame=rows.frame.join(ids, on="store_id", how="semi", maintain_order="left"))
            frame = rows.frame.select("store_id", state=states_at(moment, rows, _spread_of(scope)))
            return _keep(self._states_of_all, scope, _StatesOfAll(moment=moment, frame=frame))

    def _polls(self, scope: Scope, every: _StatesOfAll) -> pl.Series:
        """Return the last polls of these stores, in their order."""
        with self._lock:
            known = self._last_polls.get(scope)
            if known is None or not every.moment.same_data(known[0]):
                polls = last_polls(every.moment.snapshot, every.frame["store_id"], _spread_of(scope))
                known = _keep(self._last_polls, scope, (every.moment, polls))
            return known[1]

    def _ids(self, scope: Scope) -> pl.Series:
        return self.catalog.stores.list_ids(StoreFilter(labels=scope.labels))


def _live_us(newest_us: int, now_us: int) -> int:
    """Return as_of: now if the newest observation is up to AHEAD_US later than now, otherwise that observation."""
    return now_us if now_us < newest_us <= now_us + AHEAD_US else newest_us


def _spread_of(scope: Scope) -> Spread:
    return Spread.SPARSE if scope.is_limited else Spread.WHOLE


def describe(rows: StoreRows, moment: Moment) -> StoreNow:
    """Return the one store of `rows` at a moment."""
    return _describe_all(rows, moment, Spread.DENSE)[0]


def _describe_all(rows: StoreRows, moment: Moment, spread: Spread) -> list[StoreNow]:
    if rows.frame.is_empty():
        return []
    polls = last_polls(moment.snapshot, rows.frame["store_id"], spread).to_physical()
    states = states_at(moment, rows, spread)
    intervals = {
        key: tuple((span["start_s"], span["end_s"]) for span in spans) for key, spans in rows.patterns.iter_rows()
    }
    rejected: dict[str, list[Setting]] = {}
    for store_id, setting in rows.fallbacks.filter(~pl.col("keeps_older")).select("store_id", "setting").iter_rows():
        rejected.setdefault(store_id, []).append(Setting(setting))
    lives = {row.pop("store_id"): row for row in rows.changes.lives.to_dicts()}
    return [
        StoreNow(
            store_id=store_id,
            labels=rows.labels.get(store_id, {}),
            timezone=timezone,
            intervals=None if hours_id is None else intervals[hours_id],
            last_poll_us=last_poll_us,
            state=StoreState(state),
            rejected=frozenset(rejected.get(store_id, ())),
            **lives.get(store_id, {}),
        )
        for (store_id, hours_id, timezone), last_poll_us, state in zip(
            rows.frame.iter_rows(), polls, states, strict=True
        )
    ]


def _source(value: object, is_rejected: bool) -> SettingSource:
    if value is not None:
        return SettingSource.GIVEN
    return SettingSource.REJECTED if is_rejected else SettingSource.DEFAULT


def _place(store: StoreNow, order: StoreOrder) -> Place:
    match order:
        case StoreOrder.ID | StoreOrder.ID_DOWN:
            return (store.store_id,)
        case StoreOrder.NAME | StoreOrder.NAME_DOWN:
            return (store.labels.get("name"), store.store_id)
        case StoreOrder.LAST_POLL | StoreOrder.LAST_POLL_DOWN:
            return (store.last_poll_us, store.store_id)
    return (store.state.value, store.store_id)


def _key(value: str | int | None, by_poll: bool, down: bool) -> int:
    """Return the sort key of a place, as `_ordered` computes that of a store."""
    if value is None:
        return int(np.iinfo(np.int64).max)
    key = int(value) if by_poll else list(StoreState).index(StoreState(str(value)))
    return -key if down else key


def _texts(after: Sequence[str | int | None]) -> tuple[str | None, ...]:
    return tuple(None if value is None else str(value) for value in after)


def _keep(kept: dict[Scope, T], scope: Scope, value: T) -> T:
    """Keep and return the value of a scope. The value that was kept first is dropped when there are too many."""
    if len(kept) >= _KEPT_SCOPES:
        kept.pop(next(iter(kept)), None)
    kept[scope] = value
    return value
