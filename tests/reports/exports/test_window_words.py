import pytest

from storewatch.reports.exports.window_words import spoken
from storewatch.reports.request.window_names import PRESETS


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("last_week", "Last week"),
        ("last_7_days", "Last 7 days"),
        ("last_hour", "Last hour"),
        ("last_day", "Last 24 hours"),
        ("rolling_7_days", "Last 7 × 24 hours"),  # noqa: RUF001
        ("2023", "2023"),
        ("2026-Q2", "Quarter 2 of 2026"),
        ("2023-02", "February 2023"),
        ("2023-W03", "Week 3 of 2023, 16–22 January 2023"),  # noqa: RUF001
        ("2026-W01", "Week 1 of 2026, 29 December 2025 – 4 January 2026"),  # noqa: RUF001
        ("2023-01-16", "16 January 2023"),
        ("2023-01-16/2023-01-23", "16–22 January 2023"),  # noqa: RUF001
        ("2023-01-16/2023-03-01", "16 January – 28 February 2023"),  # noqa: RUF001
        ("2023-01-16/2023-01-17", "16 January 2023"),
        ("2023-01-01T00:00Z/2023-01-02T01:30:05+01:00", "1 January 2023, 00:00 to 2 January 2023, 00:30:05 UTC"),
        ("2023-01-01/2023-01-02T00:00Z", "2023-01-01 to 2023-01-02T00:00Z"),
    ],
)
def test_window_in_words(window: str, words: str) -> None:
    assert spoken(window) == words


def test_no_two_named_windows_have_the_same_words() -> None:
    assert len({spoken(window) for window in PRESETS}) == len(PRESETS)
