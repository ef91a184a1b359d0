"""Read files of poll keys (store_id and timestamp_utc), in any format that can be imported."""

from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.enums import ImportTable
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.plurals import counted
from storewatch.ingest.cells import CheckedRows
from storewatch.ingest.formats import open_reader
from storewatch.ingest.headers import recognise_one
from storewatch.ingest.rejects import Rejects
from storewatch.ingest.tables import OBSERVATIONS_TABLE, TableSchema, check_observations


def read_keys(path: Path, now: datetime) -> pl.DataFrame:
    """Return the distinct store_id and observed_at of a file. Other columns are ignored. now: the time of the import.

    Raises InvalidInputError if any row has no valid key, because a deletion must be exact.
    """
    keys = [pl.DataFrame(schema=_KEYS)]
    rejects = Rejects()
    with open_reader(path) as reader:
        header = recognise_one(str(path), reader.names, [_TABLE])
        for block in reader.blocks(header.positions()):
            checked = _TABLE.check(block.columns, now)
            rejects.add_block(block, checked.bad, str(path))
            keys.append(checked.good)
        if rejects.count:
            first = rejects.first[0]
            raise InvalidInputError(
                f"{path}: {counted(rejects.count, 'row')} without a valid key of a poll, so nothing is done. "
                f"Line {first.line}: {first.reason}: {first.row}"
            )
    return pl.concat(keys).unique()


def check_keys(columns: pl.DataFrame, now: datetime) -> CheckedRows:
    """Check keys of polls. columns: texts of store_id and observed_at. Return the good rows with both columns."""
    checked = check_observations(columns.with_columns(status=pl.lit("active")), now)
    return CheckedRows(good=checked.good.select(_KEYS.names()), bad=checked.bad)


_KEYS: Final = pl.Schema({name: OBSERVATIONS[name] for name in ("store_id", "observed_at")})
_TABLE: Final = TableSchema(
    name=ImportTable.OBSERVATIONS,
    title="keys of polls",
    columns={name: OBSERVATIONS_TABLE.columns[name] for name in _KEYS},
    check=check_keys,
)
