"""Keep the observations that imports replace, so that an import can be undone after its rows were merged.

`optimize` drops repeated observations. So before an import is committed, the observations that it replaces are written
to separate files beside the table. The files are deleted when the import can no longer be undone.
"""

import re
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Final

import polars as pl
from deltalake.transaction import AddAction

from storewatch.domain.columns import DETAILED_OBSERVATIONS
from storewatch.domain.errors import InvalidInputError
from storewatch.lake.snapshot import Snapshot
from storewatch.lake.storage import Storage

KEY: Final = ("store_id", "observed_at")
_FOLDER: Final = "_overwritten"  # Delta ignores folders that begin with an underscore
_NO_FILES: Final = "expanded paths were empty"  # the message of Polars
_NAME: Final = re.compile(rf"{_FOLDER}/(-?[0-9]+)-[0-9a-f]+-[0-9]+\.parquet$")


def counting(observations: pl.DataFrame) -> pl.DataFrame:
    """Return the observation that counts for each store and instant, ordered by store and instant."""
    return observations.sort("loaded_at", maintain_order=True).unique(KEY, keep="last", maintain_order=True).sort(KEY)


class Overwritten:
    """The observations that imports have replaced."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def keep(self, before: Snapshot, added: Iterable[AddAction], write: str, import_key: int) -> None:
        """Write durably the observations that the added files of an import replace.

        before: the lake without the added files. write: 32 hex digits of the append.
        """
        days: dict[str, list[str]] = {}
        for file in added:
            days.setdefault(str(file.partition_values["day"]), []).append(file.path)
        for number, (day, new) in enumerate(sorted(days.items())):
            known = before.listing.filter(pl.col("day").cast(pl.String) == day)
            if known.is_empty():
                continue
            keys = before.collect(before.scan(pl.DataFrame({"path": new})).select(KEY)).unique()
            rows = counting(self._rows_with(before, known, keys))
            # A repeated attempt of the same import finds its own rows. The rows that those replaced are kept already.
            rows = rows.filter(pl.col("import_key").ne_missing(import_key))
            if not rows.is_empty():
                data = BytesIO()
                rows.write_parquet(data, compression="zstd")
                self._storage.put(f"{_FOLDER}/{import_key}-{write}-{number}.parquet", data.getvalue())

    def restoring(
        self, import_key: int, is_undone: Callable[[int], bool]
    ) -> Callable[[Snapshot, pl.DataFrame], tuple[int, pl.DataFrame]]:
        """Return the function that finds the observations to restore for deleted observations of an import.

        The function takes a day of the lake and the deleted observations. It returns the number of restored
        observations, and those of them that the day does not hold: until `optimize` it still holds most of them.
        is_undone: whether another import, by its key, was undone or never finished; then the observations that it
        replaced are restored instead of its own.
        """
        kept: dict[int, pl.DataFrame] = {}

        def find(key: int, keys: pl.DataFrame) -> pl.DataFrame:
            if key not in kept:
                kept[key] = self._read(key)
            rows = kept[key].join(keys, on=KEY, how="semi")
            others = [each for each in rows["import_key"].drop_nulls().unique() if is_undone(each)]
            undone = rows.filter(pl.col("import_key").is_in(others))
            stays = rows.join(undone, on=KEY, how="anti")
            deeper = [
                find(other, of_other.select(KEY))
                for other in others
                if other != key
                for of_other in [undone.filter(import_key=other)]
            ]
            return pl.concat([stays, *deeper])

        def missing(day: Snapshot, gone: pl.DataFrame) -> tuple[int, pl.DataFrame]:
            back = find(import_key, gone.select(KEY).unique())
            present = self._rows_with(day, day.listing, back.select(KEY))
            return back.height, back.join(present, on=back.columns, how="anti", nulls_equal=True, maintain_order="left")

        return missing

    def forget(self, is_kept: Callable[[int], bool]) -> int:
        """Delete the files of the imports that are not kept. Return how many files were deleted."""
        gone = [path for path in self._paths() if not is_kept(_import_of(path))]
        self._storage.remove(gone)
        return len(gone)

    @staticmethod
    def _rows_with(before: Snapshot, files: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
        found = [
            before.collect(
                before.scan(file, detailed=True).join(keys.lazy(), on=KEY, how="semi", maintain_order="left")
            )
            for file in files.iter_slices(1)
        ]
        return pl.concat([DETAILED_OBSERVATIONS.to_frame(), *found])

    def _read(self, import_key: int) -> pl.DataFrame:
        frames = [
            pl.read_parquet(self._storage.scannable(path), storage_options=self._storage.options, glob=False)
            for path in self._paths()
            if _import_of(path) == import_key
        ]
        return counting(pl.concat([DETAILED_OBSERVATIONS.to_frame(), *frames]))

    def _paths(self) -> list[str]:
        if self._storage.folder is not None:
            found = [f"{_FOLDER}/{file.name}" for file in Path(self._storage.folder, _FOLDER).glob("*.parquet")]
        else:
            found = [f"{_FOLDER}/{path.rpartition('/')[2]}" for path in self._listed()]
        return sorted(path for path in found if _NAME.search(path))

    def _listed(self) -> list[str]:
        """List the files in an object store. Only Polars, of the libraries used here, can list a folder of one."""
        every = pl.scan_parquet(
            self._storage.scannable(f"{_FOLDER}/*.parquet"),
            storage_options=self._storage.options,
            hive_partitioning=False,
            include_file_paths="path",
        )
        try:
            return every.select(pl.col("path").unique()).collect()["path"].to_list()
        except pl.exceptions.ComputeError as error:
            if _NO_FILES in str(error):
                return []
            raise self._storage.unusable(error) from error


def _import_of(path: str) -> int:
    match = _NAME.search(path)
    if match is None:
        raise InvalidInputError(f"{path} is no file of overwritten observations.")
    return int(match[1])
