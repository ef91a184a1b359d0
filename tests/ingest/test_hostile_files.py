"""Files that unpack to far more than their size are refused by the limit that they break; others are read."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import polars as pl
import pytest
from support.hostile_files import HOSTILE_FILES, constant_zones, csv_gzip, parquet_of, zip_of, zones

from storewatch.domain.errors import InvalidInputError
from storewatch.ingest import Imported

Import = Callable[..., Imported]
Write = Callable[..., list[Path]]


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_hostile_file_is_refused_by_its_limit(name: str, write: Write, import_paths: Import) -> None:
    make, reason = HOSTILE_FILES[name]
    content = make()
    (path,) = write(**{name.replace(".", "__"): content})
    with pytest.raises(InvalidInputError) as refused:
        import_paths(path)
    assert str(refused.value) == f"{path}{reason.replace('{size}', f'{len(content):,}')}"


def test_files_within_the_limits_are_read(write: Write, import_paths: Import) -> None:
    rows = b"store_id,status,timestamp_utc\na,active,2023-01-23 10:00:00 UTC\n"
    inside = zip_of(a__csv__gz=csv_gzip(20), b__csv=rows, c__parquet=zones(["b", "c"]), d__parquet=zones(["x" * 999]))
    done = import_paths(*write(all__zip=inside, many__parquet=constant_zones(3_000_000)))
    counts = {table.table.value: (table.accepted, table.rejected) for table in done.tables}
    assert counts == {"observations": (1, 20_480), "timezones": (3_000_002, 1)}


def test_damaged_parquet_file_is_refused_or_read(write: Write, import_paths: Import) -> None:
    """Whatever a byte of its headers says, a file ends an import neither by another error nor by its memory."""
    content = parquet_of(
        pl.DataFrame({"store_id": [f"s{n}" for n in range(300)], "timezone": "UTC"}), row_group_size=50
    )
    random = Random(5)
    outcomes = set()
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(random.randint(1, 3)):
            changed[
                random.choice((random.randrange(4, 60), random.randrange(len(content)), -random.randrange(1, 400)))
            ] = random.randrange(256)
        (path,) = write(f__parquet=bytes(changed))
        try:
            import_paths(path)
            outcomes.add("read")
        except InvalidInputError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
