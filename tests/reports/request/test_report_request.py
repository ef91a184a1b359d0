import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storewatch.domain.enums import (
    AnnotationMode,
    Breakdown,
    ClosureMode,
    Paper,
    PolicyName,
    ReportFormat,
    ReportTable,
    Section,
)
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.instants import format_instant, parse_duration, parse_instant
from storewatch.domain.policies import FILL, OBSERVED, Policy, choose_policy
from storewatch.reports.request.request import ReportRequest, read_request

MOMENT = datetime(2023, 1, 25, 18, 13, 22, 479220, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2023-01-25 18:13:22.47922 UTC",
        "2023-01-25T18:13:22.479220Z",
        "2023-01-25T19:13:22.479220+01:00",
        "2023-01-25 18:13:22.479220",
    ],
)
def test_instant_in_each_spelling_is_the_same(text: str) -> None:
    assert parse_instant(text) == MOMENT


def test_instant_survives_writing_and_reading() -> None:
    assert (format_instant(MOMENT), parse_instant(format_instant(MOMENT))) == ("2023-01-25T18:13:22.479220Z", MOMENT)


@pytest.mark.parametrize("text", ["", "yesterday", "2023-02-30", "0001-01-01T00:00+14:00"])
def test_text_that_is_no_instant_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not an instant; write it as 2023-01-25T18:13:22Z"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "duration"), [("90m", timedelta(minutes=90)), ("3h", timedelta(hours=3)), (" 7 D ", timedelta(days=7))]
)
def test_duration_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "3", "h", "-3h", "3 fortnights", "999999999w"])
def test_text_that_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInputError, match="3h or 7d"):
        parse_duration(text)


def test_policy_is_chosen_by_name_with_its_own_or_another_gap() -> None:
    assert choose_policy("fill") == FILL
    assert choose_policy("observed") == OBSERVED
    assert choose_policy("observed", "90m") == Policy(name="observed", max_gap_us=90 * 60_000_000)


@pytest.mark.parametrize(("name", "max_gap"), [("guess", None), ("fill", "0s"), ("fill", "367d")])
def test_policy_that_cannot_be_is_refused(name: str, max_gap: str | None) -> None:
    with pytest.raises(InvalidInputError):
        choose_policy(name, max_gap)


def test_request_survives_the_catalog() -> None:
    request = ReportRequest(as_of=MOMENT, policy=PolicyName.OBSERVED, max_gap="2h", format=ReportFormat.JSON)
    assert ReportRequest.from_parameters(request.parameters()) == request


def test_request_outside_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="1970 and 9000"):
        ReportRequest(as_of=datetime(1, 1, 2, tzinfo=UTC))


EVERYTHING = {
    "policy": "observed",
    "max_gap": "2h",
    "store_ids": ["b", "a", "b"],
    "labels": {"owner": "acme", "brand": "x"},
    "zone": "Europe/Berlin",
    "with_outages": True,
    "worst": 5,
    "windows": ["last_week", "2023-01-01/2023-02-01", "last_week"],
    "rolling": True,
    "timezone": "Asia/Tokyo",
    "by": "day",
    "group_by": "owner",
    "compare_before": True,
    "peers": "brand",
    "target": 99.5,
    "include": ["outages", "doctor"],
    "currency": "eur",
    "min_duration": "5m",
    "closures": "exclude",
    "annotations": "ignore",
    "format": "wide_csv",
    "table": "buckets",
    "paper": "letter",
}


def test_request_with_everything_survives_the_catalog() -> None:
    request = read_request(EVERYTHING, as_of=MOMENT)
    assert request == ReportRequest(
        as_of=MOMENT,
        policy=PolicyName.OBSERVED,
        max_gap="2h",
        format=ReportFormat.WIDE_CSV,
        store_ids=("b", "a"),
        labels=(("brand", "x"), ("owner", "acme")),
        zone="Europe/Berlin",
        with_outages=True,
        worst=5,
        windows=("rolling_7_days", "2023-01-01/2023-02-01"),
        timezone="Asia/Tokyo",
        by=Breakdown.DAY,
        group_by="owner",
        compare_before=True,
        peers="brand",
        target=99.5,
        include=(Section.OUTAGES, Section.DOCTOR),
        currency="EUR",
        min_duration="5m",
        closures=ClosureMode.EXCLUDE,
        annotations=AnnotationMode.IGNORE,
        table=ReportTable.BUCKETS,
        paper=Paper.LETTER,
    )
    kept = json.loads(json.dumps(request.parameters()))
    assert ReportRequest.from_parameters(kept) == request
    assert request.min_duration_us == 300_000_000
    assert request.chosen_policy == Policy(name="observed", max_gap_us=7_200_000_000)


def test_request_of_nulls_is_the_classic_one() -> None:
    assert read_request(dict.fromkeys(EVERYTHING)) == read_request({}) == ReportRequest()


def test_tables_are_those_that_were_asked_for() -> None:
    assert ReportRequest().tables == (ReportTable.SUMMARY, ReportTable.STORES)
    assert read_request(EVERYTHING).tables == (
        *(ReportTable.SUMMARY, ReportTable.STORES, ReportTable.GROUPS, ReportTable.BUCKETS, ReportTable.TREND),
        *(ReportTable.OUTAGES, ReportTable.MASS_OUTAGES, ReportTable.BLIND_SPOTS, ReportTable.DOCTOR),
    )


@pytest.mark.parametrize(
    ("asked", "member", "sentence"),
    [
        ({"window": ["today"]}, "window", "A report does not take window; it takes policy, max_gap"),
        ({"as_of": "2023-01-01"}, "as_of", "A report does not take as_of"),
        ({"policy": "guess"}, "policy", "'guess' is not a value of policy"),
        ({"policy": "fill", "max_gap": "0s"}, "max_gap", "max_gap must be longer than 0"),
        ({"max_gap": 7}, "max_gap", "max_gap must be a text"),
        ({"store_ids": []}, "store_ids", "must be a list with at least one text"),
        ({"store_ids": ["a", 7]}, "store_ids", "must be a text"),
        ({"store_ids": "cafe"}, "store_ids", "must be a list"),
        ({"labels": ["a"]}, "labels", "must be an object"),
        ({"labels": {"a": "nul\0"}}, "labels", "must be a text"),
        ({"zone": "Berlin"}, "zone", "'Berlin' is not a time zone"),
        ({"timezone": 7}, "timezone", "must be a text"),
        ({"with_outages": 1}, "with_outages", "must be true or false"),
        ({"worst": 0}, "worst", "at least 1"),
        ({"worst": True}, "worst", "at least 1"),
        ({"windows": ["soon"]}, "windows", "There is no window 'soon'"),
        ({"windows": ["today"] + [f"2023-01-{day:02}/2023-02-01" for day in range(1, 11)]}, "windows", "at most 10"),
        ({"rolling": True}, "rolling", "add at least one window"),
        ({"by": "year"}, "by", "use one of hour, day, week, month"),
        ({"by": ["day"]}, "by", "is not a value of by"),
        ({"target": 0.995}, "target", "write 99.5 for 99.5 %"),
        ({"target": 1}, "target", "write 99.5 for 99.5 %"),
        ({"target": 100.5}, "target", "write 99.5 for 99.5 %"),
        ({"include": "outages"}, "include", "must be a list of outages, patterns"),
        ({"include": ["gossip"]}, "include", "'gossip' is not a value of include"),
        ({"currency": "EURO"}, "currency", "'EURO' is not a currency; write a code of ISO 4217 such as EUR or USD."),
        ({"currency": "XAU"}, "currency", "'XAU' is not a currency"),
        ({"currency": ""}, "currency", "must be a text that is not empty"),
        ({"currency": 978}, "currency", "must be a text"),
        ({"min_duration": "5"}, "min_duration", "'5' is not a duration"),
        ({"closures": "forget"}, "closures", "use one of honour, ignore, exclude"),
        ({"format": "csv", "by": "day"}, "format", "use wide_csv"),
        ({"format": "json", "table": "summary"}, "table", "json holds every table"),
        ({"format": "parquet", "table": "groups"}, "table", "groups is not among this report's: summary, stores"),
    ],
    ids=str,
)
def test_request_that_cannot_be_names_its_member(asked: dict[str, Any], member: str, sentence: str) -> None:
    with pytest.raises(InvalidParameterError, match=re.escape(sentence)) as raised:
        read_request(asked)
    assert raised.value.name == member
