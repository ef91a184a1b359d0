import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from storewatch.domain.enums import PushFormat
from storewatch.domain.errors import InvalidInputError, TooManyRowsError
from storewatch.domain.labels import Label, Scope
from storewatch.ingest.pushed import MAX_ROWS, CheckedRequest, PushReject, check_pushed, read_pushed

GOOD = {"store_id": "cafe", "observed_at": "2023-01-25T18:00:00Z", "status": "active"}
ROW = ("cafe", "2023-01-25T18:00:00+00:00", True)


def no_store(ids: pl.Series, label: tuple[str, str]) -> pl.Series:
    raise AssertionError((ids, label))


@pytest.fixture
def push(now: datetime) -> Callable[..., tuple[list[tuple[str, str, bool]], CheckedRequest]]:
    """Read and check one body; return the good rows and the result."""

    def run(
        body: bytes | object, form: PushFormat = PushFormat.JSON
    ) -> tuple[list[tuple[str, str, bool]], CheckedRequest]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        good, [checked] = check_pushed([read_pushed(data, form)], now, no_store)
        return [(store_id, at.isoformat(), active) for store_id, at, active in good.rows()], checked

    return run


def parquet(frame: pl.DataFrame, **options: Any) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, **options)
    return file.getvalue()


def arrow(frame: pl.DataFrame, **options: Any) -> bytes:
    file = io.BytesIO()
    frame.write_ipc_stream(file, **options)
    return file.getvalue()


def accepted(rows: int) -> CheckedRequest:
    return CheckedRequest(accepted=rows, rejected=0, rejects=())


def rejected(reason: str, accepted: int = 0, index: int = 0) -> CheckedRequest:
    return CheckedRequest(accepted=accepted, rejected=1, rejects=(PushReject(index=index, reason=reason),))


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        [GOOD],
        {"observations": [GOOD]},
        [{**GOOD, "note": {"any": ["thing"]}}],
        [{"status": " ACTIVE ", "timestamp_utc": "2023-01-25 18:00:00.000000 UTC", "store_id": "cafe"}],
        [{**GOOD, "observed_at": "2023-01-25T13:00:00-05:00"}],
    ],
)
def test_json_is_one_or_many_objects(push: Callable[..., Any], body: object) -> None:
    ignored = ("note",) if "note" in str(body) else ()
    assert push(body) == ([ROW], replace(accepted(1), ignored=ignored))


def test_whole_number_is_an_id_and_other_types_are_rejected(push: Callable[..., Any]) -> None:
    body = [{**GOOD, "store_id": value} for value in (8, 1.5, True, ["a"], {"a": 1}, None)]
    good, checked = push(body)
    assert good == [("8", *ROW[1:])]
    assert [reject.reason for reject in checked.rejects] == [
        "store_id must be text or a whole number, not 1.5",
        "store_id must be text or a whole number, not true",
        'store_id must be text or a whole number, not ["a"]',
        'store_id must be text or a whole number, not {"a": 1}',
        "store_id is empty",
    ]
    assert [reject.index for reject in checked.rejects] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'{"store_id":"a","store_id":"b"}', 'it has the key "store_id" twice'),
        (b'{"observations":[],"observations":[]}', 'it has the key "observations" twice'),
        (b"5", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b'{"store_id":NaN}', "store_id must be text or a whole number, not NaN"),
        (b'{"store_id":"\\ud800","status":"active"}', "it is not valid UTF-8 text"),
        (
            b'{"store_id":"a\\u0000","observed_at":"2023-01-25","status":"active"}',
            "store_id has control characters in it",
        ),
        (b"{}", "store_id is empty"),
        (b'{"store_id":"a","status":"active"}', "the time is empty: write e.g. 2023-01-22 12:09:39.388884 UTC"),
        (
            b'{"store_id":"a","observed_at":"2023-01-25T19:06:00Z","status":"active"}',
            "time '2023-01-25T19:06:00Z' is later than the clock of this import, 2023-01-25 19:00:00 UTC",
        ),
    ],
)
def test_only_the_invalid_row_is_rejected(push: Callable[..., Any], row: bytes, reason: str) -> None:
    assert push(row) == ([], rejected(reason))
    good = json.dumps(GOOD).encode()
    assert push(b"[" + good + b"," + row + b"," + good + b"]") == ([ROW, ROW], rejected(reason, accepted=2, index=1))
    assert push(good + b"\n" + row + b"\n", PushFormat.NDJSON) == ([ROW], rejected(reason, accepted=1, index=1))


def test_only_the_ndjson_line_that_is_not_json_is_rejected(push: Callable[..., Any]) -> None:
    good, checked = push(
        b'\n{"store_id"\n' + json.dumps(GOOD).encode() + b"\r\n\n\xff\n" + b"[" * 5_000, PushFormat.NDJSON
    )
    assert (good, checked.rejected) == ([ROW], 3)
    assert [(reject.index, reject.reason[:14]) for reject in checked.rejects] == [
        (1, "it is not JSON"),
        (4, "it is not vali"),
        (5, "it is not JSON"),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"[]", "holds no observation"),
        (b'{"observations":[]}', "holds no observation"),
        (b"{", "not JSON"),
        (b"\x00", "not JSON"),
        (b"\xff\xfe{\x00", "not UTF-8"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b"[" + b"9" * 5_000 + b"]", "not JSON"),
    ],
)
def test_body_that_is_not_json_is_refused(push: Callable[..., Any], body: bytes, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        push(body)


def test_csv_is_read_like_a_file(push: Callable[..., Any]) -> None:
    good, checked = push(
        b"\xef\xbb\xbfstatus;Store_ID;observed_at\r\n"
        b"active;cafe;2023-01-25 18:00:00 UTC\r\nopen;cafe;2023-01-25T18:00\r\n",
        PushFormat.CSV,
    )
    assert good == [ROW]
    assert checked == rejected("status 'open' is neither active nor inactive", accepted=1, index=1)


@pytest.mark.parametrize(
    "body",
    [b"store_id,day\n1,2\n", b"store_id,status,status,observed_at\n", b"\x1f\x8b\x08", b"PAR1", b"\xff\xfes\x00", b"a"],
)
def test_csv_without_the_columns_of_polls_is_refused(push: Callable[..., Any], body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        push(body, PushFormat.CSV)


@pytest.mark.parametrize("write", [parquet, arrow])
@pytest.mark.parametrize("compression", ["zstd", "lz4", "uncompressed"])
def test_typed_columns_are_read_as_text_or_instants(
    push: Callable[..., Any], write: Callable[..., bytes], compression: str
) -> None:
    form = PushFormat.PARQUET if write is parquet else PushFormat.ARROW
    text = pl.DataFrame([GOOD])
    instants = text.with_columns(pl.col("observed_at").str.to_datetime(time_unit="ns", time_zone="UTC"))
    coded = instants.with_columns(pl.col("store_id", "status").cast(pl.Categorical))
    for frame in (text, instants, coded):
        assert push(write(frame, compression=compression), form) == ([ROW], accepted(1))
    numbers = instants.with_columns(store_id=pl.lit(8))
    assert push(write(numbers, compression=compression), form) == ([("8", *ROW[1:])], accepted(1))


@pytest.mark.parametrize("write", [parquet, arrow])
def test_typed_columns_that_are_damaged_or_not_polls_are_refused(
    push: Callable[..., Any], write: Callable[..., bytes]
) -> None:
    form = PushFormat.PARQUET if write is parquet else PushFormat.ARROW
    whole = write(pl.DataFrame([GOOD]))
    broken = [
        b"x",
        b"PAR1",
        b"\xff" * 64,
        b"PAR1" * 8,
        whole[: len(whole) // 2],
        whole[:40] + b"\xff" * (len(whole) - 40),
    ]
    floats = write(pl.DataFrame([GOOD]).with_columns(status=pl.lit(1.5)))
    other = write(pl.DataFrame({"a": [1]}))
    for body in (*broken, floats, other):
        with pytest.raises(InvalidInputError):
            push(body, form)


def test_bombs_are_refused_before_they_are_unpacked(push: Callable[..., Any]) -> None:
    long = pl.DataFrame({**GOOD, "store_id": "x" * 40_000_000, "row": range(10)})
    coded = pl.DataFrame({**GOOD, "store_id": "x" * 100_000, "row": range(10_000)}).with_columns(
        pl.col("store_id").cast(pl.Categorical)
    )
    for frame in (long, coded):
        for body, form in (
            (parquet(frame, compression="zstd"), PushFormat.PARQUET),
            (arrow(frame, compression="zstd"), PushFormat.ARROW),
        ):
            assert len(body) < 1_000_000
            with pytest.raises(TooManyRowsError):
                push(body, form)


def test_constant_columns_of_parquet_are_not_unpacked(push: Callable[..., Any]) -> None:
    frame = pl.DataFrame({**GOOD, **{f"c{number}": "x" for number in range(50)}})
    body = parquet(frame.select(pl.all().gather([0] * 50_000)))
    assert len(body) < 100_000
    request = read_pushed(body, PushFormat.PARQUET)
    assert [set(block.columns.columns) for block in request.blocks] == [set(GOOD)]
    assert request.ignored[:2] == ("c0", "c1")
    with pytest.raises(TooManyRowsError):
        push(parquet(frame.select(pl.all().gather([0] * (MAX_ROWS + 1)))), PushFormat.PARQUET)


def test_parquet_with_long_lists_beside_polls_is_accepted(push: Callable[..., Any]) -> None:
    frame = pl.DataFrame([GOOD]).with_columns(note=pl.lit(0).repeat_by(MAX_ROWS + 1))
    assert push(parquet(frame), PushFormat.PARQUET) == ([ROW], replace(accepted(1), ignored=("note",)))


def test_too_many_rows_are_refused(push: Callable[..., Any]) -> None:
    header = b"store_id,status,observed_at\n"
    rows = pl.DataFrame({"store_id": ["a"], "status": ["active"], "observed_at": ["2023-01-25"]})
    many = pl.concat([rows] * 1_000)
    many = pl.concat([many] * (MAX_ROWS // 1_000 + 1))
    for body, form in (
        (b"[" + b"{}," * (MAX_ROWS + 2) + b"{}]", PushFormat.JSON),
        (b"[]\n" * (MAX_ROWS + 1), PushFormat.NDJSON),
        (header + b"\n" * (MAX_ROWS + 1), PushFormat.CSV),
        (parquet(many), PushFormat.PARQUET),
        (arrow(many, compression="zstd"), PushFormat.ARROW),
    ):
        with pytest.raises(TooManyRowsError):
            push(body, form)


def test_requests_checked_together_keep_their_order_and_their_rejects(now: datetime) -> None:
    typed = pl.DataFrame([GOOD]).with_columns(pl.col("observed_at").str.to_datetime(time_unit="us", time_zone="UTC"))
    bodies = [
        (json.dumps([GOOD, {**GOOD, "status": "x"}]).encode(), PushFormat.JSON),
        (parquet(typed.with_columns(status=pl.lit("inactive"))), PushFormat.PARQUET),
        (json.dumps([{**GOOD, "status": "y"}, {**GOOD, "store_id": "last"}]).encode(), PushFormat.JSON),
    ]
    good, checked = check_pushed([read_pushed(body, form) for body, form in bodies], now, no_store)
    assert [(store_id, active) for store_id, _, active in good.rows()] == [
        ("cafe", True),
        ("cafe", False),
        ("last", True),
    ]
    assert checked == [
        rejected("status 'x' is neither active nor inactive", accepted=1, index=1),
        accepted(1),
        rejected("status 'y' is neither active nor inactive", accepted=1, index=0),
    ]


def test_each_of_requests_checked_together_states_its_own_units_of_times(now: datetime) -> None:
    times = [["1674486840"], ["1674486840000", "2023-01-23T15:14:00Z", "1674486841"], ["2023-01-23T15:14:00Z"]]
    bodies = [[{"store_id": "a", "observed_at": at, "status": "active"} for at in each] for each in times]
    requests = [read_pushed(json.dumps(body).encode(), PushFormat.JSON) for body in bodies]
    good, results = check_pushed(requests, now, no_store)
    seconds, milliseconds = (
        f"times that are numbers were read as {unit} since 1970" for unit in ("seconds", "milliseconds")
    )
    assert [each.assumed for each in results] == [(seconds,), (seconds, milliseconds), ()]
    assert (good.height, [each.accepted for each in results]) == (5, [1, 3, 1])


def test_scope_accepts_only_its_stores_and_does_not_reveal_others(now: datetime) -> None:
    stores = {"acme": ["in-scope", "also"], "other": ["outside"]}
    rows = [{**GOOD, "store_id": store_id} for store_id in ("in-scope", "outside", "unknown's", " also ")]
    body = json.dumps([*rows, {**GOOD, "store_id": "outside", "status": "x"}]).encode()
    requests = [
        read_pushed(body, PushFormat.JSON, Scope(label=Label("owner", owner))) for owner in ("acme", "other", "none")
    ]
    good, checked = check_pushed(
        requests, now, lambda ids, scope: ids.filter(ids.is_in(stores.get(scope.label.value, [])))
    )
    assert good["store_id"].to_list() == ["in-scope", "also", "outside"]
    assert [each.accepted for each in checked] == [2, 1, 0]
    assert checked[0].rejects == (
        PushReject(index=1, reason="there is no store 'outside' for this key"),
        PushReject(index=2, reason="there is no store 'unknown's' for this key"),
        PushReject(index=4, reason="status 'x' is neither active nor inactive"),
    )


def test_of_many_rejects_the_first_are_shown_and_all_are_counted(push: Callable[..., Any]) -> None:
    _, checked = push([{**GOOD, "status": "x"}] * 250 + [GOOD])
    assert (checked.accepted, checked.rejected, len(checked.rejects)) == (1, 250, 100)
