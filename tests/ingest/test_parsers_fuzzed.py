"""A row with any text in a cell is read or rejected with a reason: no parser of any table raises.

20,000 inputs a run; a million with STOREWATCH_NIGHTLY=1 (`make nightly`).
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storewatch.catalog import Catalog
from storewatch.domain.enums import EntryKind, PushFormat
from storewatch.domain.error_families import StorewatchError
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import parse_duration, parse_instant, parse_local_date
from storewatch.domain.timezones import timezone_named
from storewatch.ingest.bulk import BulkFormat, replace_entries, replace_hours, replace_labels
from storewatch.ingest.pushed import check_pushed, read_pushed
from storewatch.ingest.store_fields import check_fields, check_id
from storewatch.ingest.tables import TABLES, TableSchema
from storewatch.reports.request.request import read_request

NOW = datetime(2023, 1, 25, 19, tzinfo=UTC)
NIGHTLY = bool(os.environ.get("STOREWATCH_NIGHTLY"))
INPUTS = 1_000_000 if NIGHTLY else 20_000
# Rows of one table that are checked together, made from one random set of fragments. Each row has two or more cells. A
# parser reads 5,000 rows in hardly more time than 500, so the nightly run has ten times as many rows and fragments.
TIMES = 10 if NIGHTLY else 1
ROWS = 500 * TIMES
VALID = [
    *("2023-01-22 12:09:39.388884 UTC", "2023-01-22T12:09:39+05:30", "2023-01-23 15:00:00 +0000 UTC", "1674486000"),
    *("Mon, 23 Jan 2023 15:00:00 GMT", "2023-01-22T12:09:39Z[UTC]", "1674486000123456", "2026-12-24", "0001-01-01"),
    *("09:00", "09:00:00.000", "9:00 AM", "18:00-26:00", "24:00", "Closed", "Open 24 hours", "1900-01-01 09:00:00"),
    *("active", "INACTIVE", "0", "6", "Mon", "23", "99.5%", "0.995", "125.50", "America/Chicago", "UTC+5", "90m"),
    *("cafe", "8.41954E+18", "1E5", "owner", "acme", "2023-01-01/2023-02-01", "last_week", "owner:acme", "W. Europe"),
]
FRAGMENTS = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.text(st.characters(categories=["Nd", "Nl", "No"]), min_size=1, max_size=3),
        st.text(st.sampled_from('\u200b\ufeff\u00a0\0\x1f\r\n\t"\\,;:+-.eE%/\ud800\udfff'), min_size=1, max_size=3),
        st.integers().map(str),
        st.floats().map(str),
        st.datetimes().map(str),
        st.sampled_from(VALID),
    ),
    min_size=12 * TIMES,
    max_size=24 * TIMES,
)

some_inputs = settings(
    max_examples=INPUTS // ROWS // 2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def mutated(fragments: list[str], chance: random.Random) -> Iterator[str]:
    """Yield valid texts and fragments, cut and joined, without end."""
    while True:
        text = chance.choice(VALID if chance.random() < 0.7 else fragments)
        at, cut = chance.randint(0, len(text)), chance.choice((0, 0, 1, 2))
        yield text[:at] + (chance.choice(fragments) if chance.random() < 0.7 else "") + text[at + cut :]


def as_text(text: str) -> str:
    return text.encode(errors="replace").decode()  # columns cannot have lone surrogates; bodies can


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
@some_inputs
@given(fragments=FRAGMENTS, seed=st.integers(0, 2**32))
def test_rows_of_every_table_are_good_or_rejected(table: TableSchema, fragments: list[str], seed: int) -> None:
    texts = mutated(fragments, random.Random(seed))
    names = [*table.columns, *table.optional, *(("owner",) if "name" in table.columns else ())]
    columns = {name: [None if seed % 7 == 0 else as_text(next(texts)) for _ in range(ROWS)] for name in names}
    checked = table.check(pl.DataFrame(columns, dict.fromkeys(names, pl.String)), NOW)
    assert checked.good.height + checked.bad.height == ROWS
    assert checked.bad["reason"].null_count() == 0
    if "store_id" in checked.good.columns:
        assert not checked.good["store_id"].str.contains(r"\p{Cc}|\p{Cf}|^\s|\s$").any()


@pytest.mark.parametrize("form", [PushFormat.JSON, PushFormat.NDJSON, PushFormat.CSV])
@some_inputs
@given(fragments=FRAGMENTS, seed=st.integers(0, 2**32))
def test_pushed_bodies_are_read_or_refused(
    form: PushFormat, fragments: list[str], seed: int, sqlite_catalog: Catalog
) -> None:
    chance = random.Random(seed)
    texts = mutated(fragments, chance)
    names = ("store_id", "observed_at", "status")
    rows = [{name: next(texts) for name in names} for _ in range(ROWS)]
    if form is PushFormat.CSV:
        lines = [",".join(row.values()) for row in rows]
        body = "\n".join([",".join(names), *lines]).encode(errors="surrogatepass")
    elif form is PushFormat.JSON:
        body = json.dumps(rows).encode()
    else:
        body = "\n".join(json.dumps(row) for row in rows).encode()
    if chance.random() < 0.2:
        body = body.replace(chance.choice([b'"', b":", b"1", b","]), as_text(fragments[0]).encode(), 3)
    try:
        good, results = check_pushed([read_pushed(body, form)], NOW, sqlite_catalog.stores.filter_ids)
    except StorewatchError:
        return
    assert results[0].accepted == good.height


PARSERS: list[Callable[[str], object]] = [
    parse_instant,
    parse_duration,
    parse_local_date,
    timezone_named,
    check_id,
    lambda text: check_fields(text, {"timezone": text, "labels": {text: text}}),
    lambda text: read_request({"windows": [text]}),
    lambda text: read_request({"max_gap": text, "timezone": text, "store_ids": [text], "labels": {text: text}}),
    lambda text: read_request({"zone": text}),
]


@pytest.mark.parametrize("parser", PARSERS, ids=range(len(PARSERS)))
@settings(some_inputs, max_examples=INPUTS // 4_000)
@given(fragments=FRAGMENTS, seed=st.integers(0, 2**32))
def test_single_texts_are_read_or_refused(parser: Callable[[str], object], fragments: list[str], seed: int) -> None:
    texts = mutated(fragments, random.Random(seed))
    for _ in range(20):
        text = next(texts)
        try:
            parser(text)
        except StorewatchError:
            continue


@settings(some_inputs, max_examples=INPUTS // 4_000)
@given(fragments=FRAGMENTS, seed=st.integers(0, 2**32))
def test_bulk_bodies_are_read_or_refused(fragments: list[str], seed: int, sqlite_catalog: Catalog) -> None:
    texts = mutated(fragments, random.Random(seed))
    names = ("store_id", "day", "date", "start_time_local", "end_time_local", "objective", "sales_per_hour", "weekday")
    rows = [{name: next(texts) for name in names} | {"labels": {next(texts): next(texts)}} for _ in range(20)]
    body = json.dumps(rows).encode()
    for replace in (
        lambda: replace_hours(body, BulkFormat.JSON, catalog=sqlite_catalog, now=NOW),
        lambda: replace_labels(body, BulkFormat.JSON, catalog=sqlite_catalog, now=NOW),
        *(
            lambda kind=kind: replace_entries(EntryKind(kind), body, BulkFormat.JSON, catalog=sqlite_catalog, now=NOW)
            for kind in ("special_hours", "targets", "sales")
        ),
    ):
        try:
            change = replace()
        except InvalidInputError:
            continue
        assert change.accepted + change.rejected == 20
