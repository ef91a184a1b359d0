from datetime import UTC, datetime, timedelta, timezone

import pytest

from storewatch.domain.enums import Breakdown, PolicyName, ReportFormat, ReportTable, Section
from storewatch.reports.request.file_names import file_name
from storewatch.reports.request.request import ReportRequest

AS_OF = datetime(2023, 1, 25, 18, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (ReportRequest(), "storewatch_2023-01-25_classic.csv"),
        (ReportRequest(format=ReportFormat.XLSX, windows=("last_week",)), "storewatch_2023-01-25_last-week.xlsx"),
        (
            ReportRequest(format=ReportFormat.PDF, windows=("2023-01-01/2023-02-01",), by=Breakdown.DAY),
            "storewatch_2023-01-25_2023-01-01-to-2023-02-01_by-day.pdf",
        ),
        (
            ReportRequest(format=ReportFormat.JSON, windows=("today", "yesterday"), store_ids=("../é 7",)),
            "storewatch_2023-01-25_2-windows_7.json",
        ),
        (ReportRequest(store_ids=("...",)), "storewatch_2023-01-25_classic_x.csv"),
        (ReportRequest(store_ids=("a" * 200,)), f"storewatch_2023-01-25_classic_{'a' * 40}.csv"),
        (ReportRequest(store_ids=("a", "b")), "storewatch_2023-01-25_classic.csv"),
        (
            ReportRequest(
                format=ReportFormat.WIDE_CSV,
                include=(Section.OUTAGES,),
                table=ReportTable.MASS_OUTAGES,
                windows=("today",),
            ),
            "storewatch_2023-01-25_today_mass-outages.csv",
        ),
        (ReportRequest(format=ReportFormat.PARQUET), "storewatch_2023-01-25_classic.parquet"),
        (ReportRequest(format=ReportFormat.WIDE_CSV), "storewatch_2023-01-25_classic_wide.csv"),
        (
            ReportRequest(
                labels=(("brand", "Acme & Co"), ("region", "north")),
                zone="Europe/Berlin",
                worst=10,
                with_outages=True,
                policy=PolicyName.OBSERVED,
            ),
            "storewatch_2023-01-25_classic_Acme-Co_north_Europe-Berlin_worst-10_with-outages_observed.csv",
        ),
    ],
)
def test_file_name_describes_the_content(request_: ReportRequest, name: str) -> None:
    assert file_name(request_, AS_OF) == name


def test_file_name_has_the_date_of_utc() -> None:
    kiritimati = AS_OF.astimezone(timezone(timedelta(hours=14)))
    assert file_name(ReportRequest(), kiritimati) == "storewatch_2023-01-25_classic.csv"
