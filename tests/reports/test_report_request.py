from datetime import UTC, datetime, timedelta

import pytest

from storewatch.engine.availability import FILL, OBSERVED, Policy
from storewatch.errors import InvalidInputError
from storewatch.reports.request import (
    ReportFormat,
    ReportRequest,
    choose_policy,
    format_instant,
    parse_duration,
    parse_instant,
)

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
def test_instant_that_is_none_says_what_to_write(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not an instant; write it as 2023-01-25T18:13:22Z"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "duration"), [("90m", timedelta(minutes=90)), ("3h", timedelta(hours=3)), (" 7 D ", timedelta(days=7))]
)
def test_duration_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "3", "h", "-3h", "3 fortnights", "999999999w"])
def test_duration_that_is_none_says_what_to_write(text: str) -> None:
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
    request = ReportRequest(as_of=MOMENT, policy=choose_policy("observed", "2h"), format=ReportFormat.JSON)
    assert ReportRequest.from_parameters(request.parameters()) == request


def test_request_outside_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="1970 and 9000"):
        ReportRequest(as_of=datetime(1, 1, 2, tzinfo=UTC))
