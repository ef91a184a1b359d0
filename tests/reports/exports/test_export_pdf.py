import re
import shutil
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pypdf
import pytest
from content_scene import (
    empty_content,
    expected_totals,
    many_content,
    plain_content,
    sheet_content,
    table,
    whole_content,
)

from storewatch.domain.enums import Breakdown, Paper, ReportTable
from storewatch.domain.instants import DAY_US, HOUR_US, MINUTE_US
from storewatch.reports.compute.content import BLIND_SPOTS, Content, StoreHours
from storewatch.reports.exports.pdf import words, write_pdf
from storewatch.reports.exports.pdf.document import document
from storewatch.reports.exports.wording import span

CONTENTS = {
    "whole": whole_content,
    "sheet": sheet_content,
    "plain": plain_content,
    "empty": empty_content,
    "many": lambda: many_content(300),
}
SECONDS = ("business_us", "up_us", "down_us", "unknown_us", "planned_us")
RATIOS = ("availability", "coverage", "availability_lowest", "availability_highest")
HOSTILE = (
    '#panic("x") $a^2$ [b] *bold* _it_ @ref <label> `code` // \\ {c}',
    "\u202eevil\x07\nname",
    "W" * 300,
    "many words " * 40,
    "مطعم البحر الأزرق",
    "מסעדת הים",
    "東京ラーメン 一号店",
    "🍜",
    "\u200b",
    "",
)


def written(content: Content, folder: Path) -> pypdf.PdfReader:
    file = folder / "report.pdf"
    write_pdf(content, file)
    return pypdf.PdfReader(file)


def text_of(pdf: pypdf.PdfReader) -> str:
    return "\n".join(page.extract_text() for page in pdf.pages).replace("\N{NO-BREAK SPACE}", " ").replace("\u200b", "")


def exactly(value: float | None) -> str:
    return "–" if value is None else repr(value)  # noqa: RUF001 - the dash that stands for nothing


@pytest.mark.parametrize("name", CONTENTS)
def test_pdf_has_the_totals_of_every_window_to_the_last_digit(name: str, tmp_path: Path) -> None:
    content = CONTENTS[name]()
    lines = text_of(written(content, tmp_path)).splitlines()

    for window, figures in expected_totals(content).items():
        totals = [f"{figures[name] // 10**6}.{figures[name] % 10**6:06}" for name in SECONDS]  # type: ignore[operator]
        assert " ".join(totals) in [line.removeprefix(f"{words.window(window)} ") for line in lines]
        assert " ".join([words.window(window), *(exactly(figures[name]) for name in RATIOS)]) in lines


@pytest.mark.parametrize("name", CONTENTS)
def test_pdf_cover_rounds_the_figures_of_every_window_once(name: str, tmp_path: Path) -> None:
    content = CONTENTS[name]()
    cover = " ".join(text_of(written(content, tmp_path)).split())

    for figures in content.tables[ReportTable.SUMMARY].read().to_dicts():
        limits = figures.get("availability_from"), figures.get("availability_to")
        row = [
            words.percent(figures["availability"]),
            *([words.between(*limits)] if None not in limits else []),
            *([words.percent(figures["before_availability"])] if "before_availability" in figures else []),
            *([words.points(figures["availability_change"])] if "before_availability" in figures else []),
            words.percent(figures["coverage"]),
            words.between(figures["availability_lowest"], figures["availability_highest"]),
            words.hours(figures["down_us"]),
            words.hours(figures["unknown_us"]),
        ]
        assert " ".join(row).replace("\N{NO-BREAK SPACE}", " ") in cover


def test_pdf_states_what_it_was_computed_from(tmp_path: Path) -> None:
    text = " ".join(text_of(written(plain_content(), tmp_path)).split())

    for sentence in (
        "uses the polls up to 2023-01-25T18:13:22.479220Z and no later ones",
        "observed: a poll counts for up to 3 hours",
        "Planned closures honoured: shown as planned",
        "Annotations applied",
        "Data lake version 12, catalog version 34",
        "Computed by storewatch 1.0.0, tzdata 2026.1",
        "Stores 4, all known stores",
    ):
        assert sentence in text


def test_pdf_of_a_whole_report_has_a_section_for_each_table(tmp_path: Path) -> None:
    pdf = written(whole_content(), tmp_path)

    assert [entry["/Title"] for entry in pdf.outline if not isinstance(entry, list)] == [
        "Over time",
        "Worst stores",
        "By brand",
        "Outages",
        "Down time by reason",
        "Mass outages",
        "Blind spots of the feed",
        "Hours doctor",
        "When it happens",
        "Method and policy",
        "Exact totals, in seconds",
    ]


def test_pdf_of_one_store_is_a_sheet_with_its_days(tmp_path: Path) -> None:
    cover = text_of(written(sheet_content(), tmp_path)).split("1 / ")[0]

    for sentence in (
        "Store cafe-lisboa",
        "Time zone Europe/Lisbon",
        "Brand Ünder",
        "DAY BY DAY",
        "Sun 22 Jan",
        "missed",
    ):
        assert sentence in cover


@pytest.mark.parametrize("asked", [{"by": None, "include": ()}, {"by": Breakdown.MONTH}], ids=["plain", "by month"])
def test_pdf_of_one_store_has_its_days_whatever_else_it_has(asked: dict[str, Any], tmp_path: Path) -> None:
    content = sheet_content()
    request = content.request.model_copy(update=asked)
    tables = {name: content.tables[name] for name in request.tables}

    block = document(replace(content, request=request, tables=tables))["drawing"]

    assert [day["name"] for day in block["days"]][::6] == ["Wed 18 Jan", "Tue 24 Jan"]
    assert [day["alt"] for day in block["days"]][1:5:3] == ["up 10.80 h, down 1.20 h", "planned 12.00 h"]
    assert block["days"][6]["segments"] == [
        (7 / 24, 12.5 / 24, "up"),
        (12.5 / 24, (13 * 60 + 4) / 1440, "down"),
        ((13 * 60 + 4) / 1440, 19 / 24, "up"),
    ]


def test_pdf_of_one_store_draws_the_last_days_of_a_long_window(tmp_path: Path) -> None:
    content = sheet_content()
    first = content.days["last_7_days"][0]
    days = tuple(replace(first, day=first.day + timedelta(days=number)) for number in range(40))
    days = (*days[:-1], replace(days[-1], length_us=23 * HOUR_US, stretches=()))

    long = replace(content, days={"last_7_days": days})

    block = document(long)["drawing"]
    assert (len(block["days"]), block["days"][-1]["alt"]) == (35, "closed")
    text = " ".join(text_of(written(long, tmp_path)).split())
    assert "The last 35 of 40 days. Where clocks change, a skipped hour is white" in text


def test_pdf_marks_bounds_that_go_on_below_the_axis(tmp_path: Path) -> None:
    text = " ".join(text_of(written(whole_content(), tmp_path)).split())
    assert "bounds go on below" in text
    assert "bounds are cut at 90 %; the lowest is 72.50 %" in text

    whole = whole_content()
    trend = whole.tables[ReportTable.TREND]
    known = trend.read().with_columns(availability_lowest="availability")
    chart = document(replace(whole, tables={**whole.tables, ReportTable.TREND: table(trend.schema, known)}))["drawing"]
    assert [(each["cut"], each["note"]) for each in chart["charts"]] == [(False, "")]


def test_pdf_of_no_store_writes_a_dash_and_never_zero_percent(tmp_path: Path) -> None:
    text = text_of(written(empty_content(), tmp_path))

    assert "Nothing is known about this window." in text
    assert "0.00 %" not in text


def test_pdf_lists_the_longest_outages_and_counts_the_others(tmp_path: Path) -> None:
    content = whole_content()
    outages = content.tables[ReportTable.OUTAGES]
    row = outages.read().row(0, named=True)
    rows = [row | {"note": f"outage {number}", "down_us": number * HOUR_US} for number in range(50)]
    tables = {**content.tables, ReportTable.OUTAGES: table(outages.schema, rows)}

    text = text_of(written(replace(content, tables=tables), tmp_path))

    assert [int(number) for number in re.findall(r"outage (\d+)", text)] == list(range(49, 9, -1))
    assert "10 more outages" in text


def test_pdf_ranks_the_stores_of_every_part_of_a_large_table(tmp_path: Path) -> None:
    content = many_content(1_000, folder=tmp_path, rows_at_once=300)
    stores = content.tables[ReportTable.STORES].read()
    worst = stores.filter(pl.col("window") == "last_hour").sort("availability", pl.col("down_us").neg(), "store_id")

    first, *others = (re.findall(r"store-\d{8}", page.extract_text()) for page in written(content, tmp_path).pages)

    assert [store_id for page in others for store_id in page] == worst["store_id"].head(25).to_list()
    assert 3 <= len(first) <= 12
    assert first == worst["store_id"].head(len(first)).to_list()


def test_pdf_first_page_lists_the_longest_outages_and_what_is_not_known() -> None:
    cover = document(whole_content())["cover"]
    unknown = "90.50 of 420.00 business hours are unknown: no poll counts for them."

    worst, outages = cover["panels"]
    assert [row[0]["sub"] for row in worst["rows"]] == ["cafe-lisboa", "tokyo-1", "@corner"]
    assert worst["columns"] == [
        {"head": "Store", "kind": "name"},
        {"head": "Availability", "kind": "bar"},
        {"head": "Down, h", "kind": "number"},
    ]
    assert [(row[0]["sub"], row[1]["text"], row[2]) for row in outages["rows"]][:2] == [
        ("@corner", "Mon 23 Jan, 22:15", "3.42"),
        ("tokyo-1", "Sat 21 Jan, 19:45", "1.25"),
    ]
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in cover["unknowns"]] == [
        f"{unknown} Had all been down, the availability would be 76.12 %; had all been up, 98.30 %.",
        "1 of 4 stores has no known time at all, and no availability.",
        "1 of 4 stores has no usable hours; open day and night is assumed.",
        "1 of 4 stores has no usable time zone; America/Chicago is assumed.",
        "The feed itself was silent once, 3.42 h in all: most open stores were not polled.",
        "Outages that no poll saw, by expectation: 1.2.",
    ]


@pytest.mark.parametrize("currency", ["CHF", None])
def test_pdf_shows_lost_sales_with_their_currency(currency: str | None, tmp_path: Path) -> None:
    title = f"Lost sales, {currency}" if currency else "Lost sales"
    for content in (whole_content(currency=currency), sheet_content(currency=currency)):
        made = document(content)
        assert title in [tile["label"] for tile in made["cover"]["tiles"]]
        text = " ".join(text_of(written(content, tmp_path)).split())
        assert ("Amounts are in CHF." in text) == (currency is not None)
        assert ("which the report was not given" in text) == (currency is None)
    assert title in [block["title"] for block in document(sheet_content(currency=currency))["blocks"]]


def test_pdf_of_one_store_has_its_hours_in_words() -> None:
    hours = StoreHours(
        weekly="Mon-Sun 07:00-19:00",
        changed_on=(date(2023, 1, 20),),
        special=((date(2023, 1, 21), "closed"), (date(2023, 1, 23), "10:00-15:00")),
    )
    about = dict(document(replace(sheet_content(), hours=hours))["cover"]["about"])
    assert about["Hours"] == "Mon-Sun 07:00-19:00 (other hours before Fri 20 Jan)"
    assert about["Special hours"] == "Sat 21 Jan closed, Mon 23 Jan 10:00-15:00"


@pytest.mark.parametrize("name", CONTENTS)
def test_pdf_bars_are_shares_with_a_full_length_of_100_percent(name: str) -> None:
    made = document(CONTENTS[name]())
    tables = [block for block in (*made["blocks"], *made["cover"]["panels"]) if block["kind"] == "table"]

    for each in tables:
        bars = [cell for row in each["rows"] for cell in row if isinstance(cell, dict) and "bar" in cell]
        assert (each["legend"] is not None) == any(column["kind"] == "bar" for column in each["columns"])
        for cell in bars:
            share = None if cell["bar"] is None else 1 - cell["bar"] if cell["fill"] == "down" else cell["bar"]
            assert cell["text"] == words.percent(share)


@pytest.mark.parametrize(
    ("met", "judged", "share"),
    [(274, 498, "55 %"), (1, 1_000, "1 %"), (999, 1_000, "99 %"), (5, 5, "100 %"), (0, 5, "0 %"), (0, 0, "–")],  # noqa: RUF001
)
def test_shares_of_stores_are_whole_percents_and_exact_at_the_ends(met: int, judged: int, share: str) -> None:
    assert words.share(met, judged).replace("\N{NO-BREAK SPACE}", " ") == share


@pytest.mark.parametrize(("paper", "size"), [(Paper.A4, (595, 842)), (Paper.LETTER, (612, 792))])
def test_pdf_has_the_pages_of_its_paper(paper: Paper, size: tuple[int, int], tmp_path: Path) -> None:
    pdf = written(whole_content(paper=paper), tmp_path)

    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in pdf.pages} == {size}


@pytest.mark.parametrize(
    ("judged_us", "sentence"),
    [(0, "Too few stores are open at the same time to find blind spots."), (60_000_000, "No blind spot was found.")],
)
def test_pdf_without_blind_spots_states_whether_stores_were_enough_to_find_them(
    judged_us: int, sentence: str, tmp_path: Path
) -> None:
    content = whole_content()
    summary = content.tables[ReportTable.SUMMARY].read().with_columns(feed_judged_us=pl.lit(judged_us))
    tables = {ReportTable.SUMMARY: table(summary.schema, summary), ReportTable.BLIND_SPOTS: table(BLIND_SPOTS, [])}

    text = text_of(written(replace(content, tables={**content.tables, **tables}), tmp_path))

    assert sentence in text


def test_pdf_shows_part_of_session_and_cause_of_outages_and_effect_of_corrections(tmp_path: Path) -> None:
    text = " ".join(text_of(written(whole_content(), tmp_path)).split())

    assert "in the middle 3 of 4 inactive polls: paused by the restaurant" in text
    assert re.search(r"no polls from the feed for \d+\.\d\d h", text)
    assert "open 84.00 h" in text
    assert "open 75.00 h" in text


@pytest.mark.parametrize("name", CONTENTS)
def test_pdf_numbers_its_pages(name: str, tmp_path: Path) -> None:
    pdf = written(CONTENTS[name](), tmp_path)

    numbers = [page.extract_text().splitlines()[-1].rpartition("storewatch ")[2] for page in pdf.pages]
    assert numbers == [f"{number} / {len(pdf.pages)}" for number in range(1, len(pdf.pages) + 1)]


@pytest.mark.parametrize("name", CONTENTS)
def test_pdf_embeds_every_font(name: str, tmp_path: Path) -> None:
    pdf = written(CONTENTS[name](), tmp_path)

    fonts = [font.get_object() for page in pdf.pages for font in page["/Resources"]["/Font"].values()]
    inner = [each.get_object() for font in fonts for each in font.get("/DescendantFonts", [])]
    described = [font["/FontDescriptor"] for font in (*fonts, *inner) if "/FontDescriptor" in font]
    assert len(described) == len(fonts)
    assert all(any(f"/FontFile{kind}" in found for kind in ("", "2", "3")) for found in described)


def test_pdf_is_accessible_and_names_itself(tmp_path: Path) -> None:
    pdf = written(sheet_content(), tmp_path)

    assert pdf.metadata is not None
    assert pdf.metadata.title == "Café da Graça · nº 7, Last 7 days"
    assert pdf.metadata.creation_date is not None
    assert pdf.metadata.creation_date.isoformat() == "2023-01-25T18:13:22+00:00"
    assert pdf.root_object["/Lang"] == "en"
    assert pdf.root_object["/MarkInfo"]["/Marked"]
    assert b"pdfuaid:part" in pdf.root_object["/Metadata"].get_object().get_data()


@pytest.mark.parametrize("name", CONTENTS)
def test_pdf_of_the_same_content_has_the_same_bytes(name: str, tmp_path: Path) -> None:
    for file in ("first.pdf", "second.pdf"):
        write_pdf(CONTENTS[name](), tmp_path / file)

    assert (tmp_path / "first.pdf").read_bytes() == (tmp_path / "second.pdf").read_bytes()


@pytest.mark.parametrize("paper", Paper)
def test_pdf_is_rendered_page_by_page(paper: Paper, tmp_path: Path) -> None:
    renderer = shutil.which("pdftoppm")
    if renderer is None:
        pytest.skip("pdftoppm is not installed (Debian: poppler-utils)")
    pages = len(written(whole_content(paper=paper), tmp_path).pages)

    subprocess.run([renderer, "-r", "40", "-png", tmp_path / "report.pdf", tmp_path / "page"], check=True)

    assert len([page for page in tmp_path.glob("page-*.png") if page.stat().st_size > 2_000]) == pages


@pytest.mark.parametrize("hostile", HOSTILE)
def test_pdf_takes_every_text_as_text(hostile: str, tmp_path: Path) -> None:
    content = sheet_content()
    tables = dict(content.tables)
    for name in (ReportTable.STORES, ReportTable.OUTAGES):
        frame = tables[name].read().with_columns(name=pl.lit(hostile), store_id=pl.lit(hostile))
        if name is ReportTable.OUTAGES:
            frame = frame.with_columns(cause=pl.lit(hostile), note=pl.lit(hostile))
        tables[name] = table(tables[name].schema, frame)

    text = text_of(written(replace(content, tables=tables, labels={hostile: hostile}), tmp_path))

    if hostile.startswith("#"):
        assert "".join(hostile.split()) in "".join(text.split())


def test_pdf_has_a_note_where_no_font_has_the_letters(tmp_path: Path) -> None:
    content = sheet_content()
    stores = content.tables[ReportTable.STORES]
    unassigned = stores.read().with_columns(name=pl.lit("Café \U00012fff"))
    tables = {**content.tables, ReportTable.STORES: table(stores.schema, unassigned)}

    assert "Boxes letters for which" in text_of(written(replace(content, tables=tables), tmp_path))
    assert "Boxes letters for which" not in text_of(written(content, tmp_path))


@pytest.mark.parametrize(
    ("ratio", "read"),
    [
        (None, "–"),  # noqa: RUF001 - the dash that stands for nothing
        (0.0, "0.00 %"),
        (1e-9, "0.01 %"),
        (0.12345, "12.35 %"),
        (0.5, "50.00 %"),
        (0.99995, "99.99 %"),
        (0.999999, "99.99 %"),
        (1.0, "100.00 %"),
    ],
)
def test_percent_reads_as_hundred_or_zero_only_when_exact(ratio: float | None, read: str) -> None:
    assert words.percent(ratio).replace("\N{NO-BREAK SPACE}", " ") == read


def test_durations_are_rounded_half_up_once() -> None:
    assert [words.hours(us) for us in (0, 17_999_999, 18_000_000, 3_618_000_000, 10**15)] == [
        "0.00",
        "0.00",
        "0.01",
        "1.01",
        "277,777.78",
    ]
    assert [words.minutes(us) for us in (-90 * MINUTE_US, -1, None)] == [
        "\N{MINUS SIGN}90.00",
        "0.00",
        "\N{EN DASH}",
    ]
    assert [span(us) for us in (7 * DAY_US, HOUR_US, 90 * MINUTE_US, 1_500_000)] == [
        "7 days",
        "1 hour",
        "90 minutes",
        "1.5 seconds",
    ]


def test_points_carry_their_sign() -> None:
    assert [words.points(change) for change in (None, 0.0, 0.00125, -0.5)] == [
        "\N{EN DASH}",
        "±0.00",
        "+0.13",
        "\N{MINUS SIGN}50.00",
    ]


def test_texts_of_others_are_one_line_without_controls() -> None:
    assert words.shown(" a\x00b\u202e\n c\t") == "ab c"
    assert words.shown("\u200b") == "\N{EN DASH}"
    assert words.shown("name " * 40) == "name " * 15 + "name…"
    assert words.shown("x" * 20) == "\u200b".join(["x" * 8, "x" * 8, "x" * 4])
    assert words.plain("last_7_days") == "Last 7 days"
    assert words.plain("2023-01-01/2023-02-01") == "2023-01-01/2023-02-01"


def test_pdf_without_known_time_blames_not_the_period_before() -> None:
    content = sheet_content("zz-ghost", compare_before=True)
    cover = document(content)["cover"]
    assert (cover["change"], cover["caution"]) == ("", "Nothing is known about this window.")
    known = document(sheet_content())["cover"]["change"].replace("\N{NO-BREAK SPACE}", " ")
    assert known == "\N{MINUS SIGN}0.45 points; before: 98.00 %"
