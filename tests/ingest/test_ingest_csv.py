"""Read CSV: every dialect has the same rows, and a bad row does not affect other rows."""

import csv
import gzip
import io
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest.formats import open_reader

Parse = Callable[..., tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]]

AT = "2023-01-22 12:09:39.388884 UTC"
INSTANT = datetime(2023, 1, 22, 12, 9, 39, 388884, tzinfo=UTC)
HEADER = "store_id,status,timestamp_utc"
TWO_GOOD = [("1", INSTANT, True), ("2", INSTANT, False)]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes, name: str = "any_name.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n1,active,{AT}\n2,inactive,{AT}\n",
        f"{HEADER}\n1,active,{AT}\n2,inactive,{AT}",
        f"\ufeff{HEADER}\n1,active,{AT}\n2,inactive,{AT}\n",
        f'\ufeff"store_id","status","timestamp_utc"\n1,active,{AT}\n2,inactive,{AT}\n',
        f"{HEADER}\r\n1,active,{AT}\r\n2,inactive,{AT}\r\n",
        f"\n\n{HEADER}\n\n1,active,{AT}\n   \n,,\n2,inactive,{AT}\n\n\n",
        f"\r\n{HEADER}\r\n\r\n1,active,{AT}\r\n\r\n2,inactive,{AT}\r\n\r\n",
        f'{HEADER}\n"1","active","{AT}"\n"2","inactive","{AT}"\n',
        f'{HEADER}\r\n"1","active","{AT}"\r\n"2","inactive","{AT}"\r\n',
        f"{HEADER}\n 1 , active,{AT} \n\t2\t,inactive , {AT}\n",
        f'{HEADER}\n "1" , "active","{AT}" \n2, "inactive" , {AT}\n',
        f'{HEADER}\n "1", "active","{AT}"\n2, "inactive",{AT}\n',
        f" Store_ID , STATUS,Timestamp_UTC\n1,ACTIVE,{AT}\n2,Inactive,{AT}\n",
        f"timestamp;store_id;status\n{AT};1;active\n{AT};2;inactive\n",
        f"observed_at\tstore_id\tstatus\n{AT}\t1\tactive\n{AT}\t2\tinactive\n",
        f'note,{HEADER}\n"a, ""b""\nc",1,active,{AT}\nd,2,inactive,{AT}\n',
        f'note,{HEADER}\n5" pizza,1,active,{AT}\nd,2,inactive,{AT}\n',
        f"{HEADER}\n1,active,{AT},\n2,inactive,{AT},,\n",
        f"{HEADER},note\n1,active,{AT}\n2,inactive,{AT},n\n",
    ],
)
def test_csv_has_the_same_rows_in_every_dialect(text: str, file: Callable[..., Path], parse: Parse) -> None:
    assert parse(file(text)) == (TWO_GOOD, [])


def test_csv_invalid_utf8_in_ignored_columns_is_accepted(file: Callable[..., Path], parse: Parse) -> None:
    assert parse(file(f"note,{HEADER}\nCaf\xe9,1,active,{AT}\nx,2,inactive,{AT}\n".encode("latin-1"))) == (TWO_GOOD, [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"3,active,{AT},x", "it has 4 fields where the header has 3"),
        ("3,active", "the time is empty: write e.g. 2023-01-22 12:09:39.388884 UTC"),
        ("3", "the time is empty: write e.g. 2023-01-22 12:09:39.388884 UTC"),
        (f'"3,active,{AT}', "a quote in it is not closed, or is not at the beginning or end of a field"),
        (f'"3"x,active,{AT}', "a quote in it is not closed, or is not at the beginning or end of a field"),
        (f"3,open,{AT}", "status 'open' is neither active nor inactive"),
        (f"3,,{AT}", "status is empty: write active or inactive"),
        (f" ,active,{AT}", "store_id is empty"),
        (
            "3,active,yesterday",
            "time 'yesterday' cannot be read: write e.g. 2023-01-22 12:09:39.388884 UTC or ISO 8601",
        ),
    ],
)
def test_csv_bad_row_does_not_affect_other_rows(row: str, reason: str, file: Callable[..., Path], parse: Parse) -> None:
    text = f"\n{HEADER}\n1,active,{AT}\n\n{row}\n2,inactive,{AT}\n"
    assert parse(file(text)) == (TWO_GOOD, [(5, row, reason)])
    assert parse(file(text.replace("\n", "\r\n")))[0] == TWO_GOOD
    quoted = text.replace(",inactive,", ',"inactive",')
    assert parse(file(quoted)) == (TWO_GOOD, [(5, row, reason)])


def test_csv_of_too_many_columns_is_refused(file: Callable[..., Path], parse: Parse) -> None:
    for delimiter in ",;\t":
        names = delimiter.join([*HEADER.split(","), *(f"c{number}" for number in range(997))])
        with pytest.raises(InvalidInputError, match="its header has more than 1,000 columns"):
            parse(file(f"{names}{delimiter}more\n1,active,{AT}\n"))
        rows = f"\n1,active,{AT}\n2,inactive,{AT}\n".replace(",", delimiter)
        assert parse(file(names + rows)) == (TWO_GOOD, [])


def test_csv_short_rows_of_many_columns_are_read_in_small_blocks(file: Callable[..., Path]) -> None:
    path = file(HEADER + "".join(f",c{number}" for number in range(997)) + "\n" + "x\n" * 50_000)
    with open_reader(path) as reader:
        heights = [block.columns.height for block in reader.blocks({"store_id": 0})]
    assert heights == [20_000, 20_000, 10_000]


def test_csv_empty_fields_after_the_last_column_are_ignored(file: Callable[..., Path], parse: Parse) -> None:
    rows = [f"1,active,{AT}," + ", " * 5_000, f"2,inactive,{AT},,", f"3,active,{AT}" + "," * 999 + "x"]
    problem = "it has 1,002 fields where the header has 3"
    assert parse(file("\n".join([HEADER, *rows]))) == (TWO_GOOD, [(4, rows[2], problem)])


def test_csv_rejects_count_the_lines_of_quoted_fields(file: Callable[..., Path], parse: Parse) -> None:
    text = f'note,{HEADER}\n"a\nb\n\nc",1,active,{AT}\n"d\ne",9,open,{AT}\nx,2,inactive,{AT}\nx,8,open,{AT}\n'
    reason = "status 'open' is neither active nor inactive"
    rejects = [(6, rf'"d\ne",9,open,{AT}', reason), (9, f"x,8,open,{AT}", reason)]
    assert parse(file(text)) == (TWO_GOOD, rejects)
    # A row with too few or many fields makes the whole block be read row by row. The line numbers stay the same.
    ragged = (10, f"x,8,open,{AT},y", "it has 5 fields where the header has 4")
    assert parse(file(text + ragged[1] + "\n")) == (TWO_GOOD, [*rejects, ragged])


def test_csv_unclosed_quote_rejects_only_its_row(file: Callable[..., Path], parse: Parse) -> None:
    good = [f'"{number}","active","{AT}"' for number in range(300)]
    lines = [*good[:5], f'"x,active,{AT}', *good[5:]]
    found, rejects = parse(file("\n".join([HEADER, *lines])))
    assert [row[0] for row in found] == [str(number) for number in range(300)]
    assert [line for line, *_ in rejects] == [7]


def test_csv_bytes_that_are_not_utf8_are_rejected_by_row(file: Callable[..., Path], parse: Parse) -> None:
    content = f"{HEADER}\n1,active,{AT}\n".encode() + b"\xff\xfe,active,x\n" + f"2,inactive,{AT}\n".encode()
    assert parse(file(content)) == (TWO_GOOD, [(3, "��,active,x", "it is not valid UTF-8 text")])


def test_csv_control_characters_are_rejected_and_not_stored(file: Callable[..., Path], parse: Parse) -> None:
    content = f"{HEADER}\n1,active,{AT}\n3\0,active,{AT}\n4\x1b[31m,active,{AT}\n2,inactive,{AT}\n"
    reason = "store_id has control characters in it"
    assert parse(file(content)) == (TWO_GOOD, [(3, f"3�,active,{AT}", reason), (4, f"4�[31m,active,{AT}", reason)])


def test_csv_long_row_is_shortened_in_its_reject(file: Callable[..., Path], parse: Parse) -> None:
    long = "x" * 5_000
    good, rejects = parse(file(f"{HEADER}\n{long},active,{AT}\n1,active,{AT}\n2,inactive,{AT}\n"))
    length = len(f"{long},active,{AT}")
    shown = f"{long[:2000]}… (shortened, {length} characters in all)"
    assert (good, rejects) == (TWO_GOOD, [(2, shown, "store_id has 5000 characters: at most 255 are allowed")])


@pytest.mark.parametrize("block_bytes", [200, 333, 5_000])
def test_csv_is_the_same_in_blocks_of_any_size(block_bytes: int, file: Callable[..., Path], parse: Parse) -> None:
    rng = random.Random(7)
    lines = [f"note,{HEADER}"]
    for number in range(400):
        note = rng.choice(["", "plain", '"quo""ted"', '"two\nlines"', '"a, b"'])
        lines.append(f"{note},{number},{rng.choice(['active', 'inactive', 'open'])},{AT}{rng.choice(['', '', ',x'])}")
    path = file("\n".join(lines))
    good, rejects = parse(path)
    assert (len(good) > 100, len(rejects) > 100) == (True, True)
    assert parse(path, block_bytes=block_bytes) == (good, rejects)


def test_csv_line_longer_than_a_block_is_refused(file: Callable[..., Path], parse: Parse) -> None:
    path = file(f"{HEADER}\n1,active,{AT}\n{'x' * 9_000}\n2,inactive,{AT}\n")
    message = r"any_name\.txt: line 3 is longer than 5,000 bytes; check that this is a table\."
    with pytest.raises(InvalidInputError, match=message):
        parse(path, block_bytes=5_000)


def test_csv_row_by_row_only_around_a_bad_row(file: Callable[..., Path], parse: Parse) -> None:
    lines = [f"{number},active,{AT}" for number in range(30_000)]
    for number in (7, 15_000, 29_998):
        lines[number] += ",x"
    good, rejects = parse(file("\n".join([HEADER, *lines])))
    problem = "it has 4 fields where the header has 3"
    assert rejects == [(number + 2, f"{number},active,{AT},x", problem) for number in (7, 15_000, 29_998)]
    assert [row[0] for row in good] == [str(number) for number in range(30_000) if number not in (7, 15_000, 29_998)]


def test_csv_of_very_many_short_lines_is_cut_by_rows(file: Callable[..., Path], parse: Parse) -> None:
    path = file(f"{HEADER}\n1,active,{AT}\n" + "\n" * 1_100_000 + f"2,inactive,{AT}\n2,open,{AT}\n")
    reason = "status 'open' is neither active nor inactive"
    assert parse(path) == (TWO_GOOD, [(1_100_004, f"2,open,{AT}", reason)])


def test_csv_header_with_an_endless_field_is_refused(file: Callable[..., Path], parse: Parse) -> None:
    with pytest.raises(InvalidInputError, match=r"any_name\.txt: its header cannot be read as CSV"):
        parse(file(f"{'x' * 200_000},store_id\n"))


def test_csv_header_alone_is_a_file_without_rows(file: Callable[..., Path], parse: Parse) -> None:
    assert parse(file(HEADER)) == ([], [])


def fate(rows: list[str], around: list[str], header: str, file: Callable[..., Path], parse: Parse) -> object:
    """Return the good rows and the rejects of a file with `around` before, between and after the rows."""
    lines = [header, *around]
    for row in rows:
        lines += [row, *around]
    good, bad = parse(file("\n".join(lines) + "\n"))
    of_around = {"good", "also good", "ragged"}
    return [row for row in good if row[0] not in of_around], [reject[1:] for reject in bad if "ragged" not in reject[1]]


# Rows of one line with quotes, backslashes, blanks and carriage returns as faulty programs write them.
ODD_FIELDS = [
    '"12"3"4"',
    '"Joe "Big" Pizza"',
    r'"Joe \"Big\" Pizza"',
    '"a" ',
    ' "a"',
    r'"a\"',
    '""',
    '"',
    '5" x',
    "7\r",
]
ODD_FIELD = st.one_of(st.sampled_from(ODD_FIELDS), st.text(st.sampled_from('1a"\\ \t\r\u00a0\ufeff'), max_size=6))
TABLES = [(HEADER, ",active," + AT), ("store_id,name,owner", ",Plain,acme")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.lists(ODD_FIELD, min_size=1, max_size=8), places=st.lists(st.integers(0, 2), min_size=8, max_size=8))
@pytest.mark.parametrize(("header", "rest"), TABLES, ids=["polls", "stores"])
def test_csv_row_has_the_same_result_beside_any_other_row(
    header: str, rest: str, fields: list[str], places: list[int], file: Callable[..., Path], parse: Parse
) -> None:
    rows = [row_with(field, place, rest) for field, place in zip(fields, places, strict=False)]
    alone = [fate([row], [], header, file, parse) for row in rows]
    expected = ([row for good, _ in alone for row in good], [reject for _, bad in alone for reject in bad])
    plain, quoted = good_rows(rest)
    # So many rows that an unclosed quote does not reach the next unusual row.
    for around in ([*[plain] * 100, f"ragged{rest},x,y"], [quoted] * 101):
        assert fate(rows, around, header, file, parse) == expected


@pytest.mark.parametrize(("header", "rest"), TABLES, ids=["polls", "stores"])
def test_csv_row_has_the_same_result_among_a_hundred_thousand(
    header: str, rest: str, file: Callable[..., Path], parse: Parse
) -> None:
    rows = [row_with(field, place, rest) for field in ODD_FIELDS for place in range(2)]
    alone = [fate([row], [], header, file, parse) for row in rows]
    expected = ([row for good, _ in alone for row in good], [reject for _, bad in alone for reject in bad])
    around = [good_rows(rest)[1]] * (100_000 // len(rows))
    assert fate(rows, around, header, file, parse) == expected


def row_with(field: str, place: int, rest: str) -> str:
    cells = ["7", *rest.split(",")[1:]]
    cells[place] = field
    return ",".join(cells)


def good_rows(rest: str) -> tuple[str, str]:
    """Return a row without quotes, and the same row with all fields in quotes."""
    return f"good{rest}", '"also good","' + '","'.join(rest.split(",")[1:]) + '"'


@pytest.mark.parametrize("field", ['"12"3"4"', r'"12\"34"', '"12" 3', '"a""b"c"'])
def test_csv_broken_quotes_are_rejected_and_never_another_id(
    field: str, file: Callable[..., Path], parse: Parse
) -> None:
    reason = "a quote in it is not closed, or is not at the beginning or end of a field"
    row = f"{field},active,{AT}"
    assert parse(file(f"{HEADER}\n{row}\n1,active,{AT}\n2,inactive,{AT}\n")) == (TWO_GOOD, [(2, row, reason)])


def test_csv_two_unclosed_quotes_do_not_hide_the_rows_between_them(file: Callable[..., Path], parse: Parse) -> None:
    lines = [f'"a,active,{AT}', *[f"{number},active,{AT}" for number in range(200)], f'7,"active",{AT},"']
    found, rejects = parse(file("\n".join([HEADER, *lines])))
    assert ([row[0] for row in found], len(rejects)) == ([str(number) for number in range(200)], 2)


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=8
)


@st.composite
def written_csv(draw: st.DrawFn) -> tuple[list[tuple[str, bool]], bytes]:
    """Rows (store_id, active) with distinct times, and a file of them in some dialect."""
    rows = draw(st.lists(st.tuples(CELLS, st.booleans()), max_size=8))
    order = draw(st.permutations(["store_id", "status", "timestamp_utc", "note"]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=draw(st.sampled_from(",;\t")),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        lineterminator=newline,
    )
    writer.writerow([draw(st.sampled_from([name, name.upper(), f" {name} "])) for name in order])
    for number, (store_id, active) in enumerate(rows):
        text.write(newline * draw(st.integers(0, 2)))
        note = draw(st.text(st.sampled_from('ab,;"\n\té'), max_size=6))
        status = draw(st.sampled_from(["active", "Active"] if active else ["inactive", "INACTIVE"]))
        cells = {"store_id": store_id, "status": status, "timestamp_utc": _at(number), "note": note}
        writer.writerow([cells[name] for name in order])
    content = (draw(st.sampled_from(["", "\ufeff"])) + text.getvalue()).encode()
    if draw(st.booleans()):
        content = content.removesuffix(newline.encode())
    return rows, gzip.compress(content, mtime=0) if draw(st.booleans()) else content


def _at(number: int) -> str:
    return f"2023-01-22 12:00:{number:02}.000000 UTC"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=written_csv(), block_bytes=st.sampled_from([300, 1 << 20]))
def test_csv_round_trip(
    written: tuple[list[tuple[str, bool]], bytes], block_bytes: int, tmp_path: Path, parse: Parse
) -> None:
    rows, content = written
    path = tmp_path / "file"
    path.write_bytes(content)
    expected = [
        (store_id, datetime(2023, 1, 22, 12, 0, number, tzinfo=UTC), active)
        for number, (store_id, active) in enumerate(rows)
    ]
    assert parse(path, block_bytes=block_bytes) == (expected, [])
