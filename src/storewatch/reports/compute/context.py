"""A report's request with its inputs and windows resolved."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import Int64s
from storewatch.reports.compute.shards import ReportInputs
from storewatch.reports.request.request import ReportRequest
from storewatch.reports.request.windows import Windows, resolve_windows

# Labels of up to so many stores are read by store id; for more stores the whole label is read.
FEW_STORES: Final = 500


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """A report on S stores in W windows.

    folder: where long tables are kept until they are written; None keeps them in memory.
    """

    request: ReportRequest
    inputs: ReportInputs
    windows: Windows
    folder: Path | None

    @classmethod
    def of(cls, request: ReportRequest, inputs: ReportInputs, folder: Path | None) -> "ReportContext":
        windows = resolve_windows(request, inputs.as_of_us, inputs.store_list.calendars.zones)
        return cls(request=request, inputs=inputs, windows=windows, folder=folder)

    @property
    def stores(self) -> int:
        return self.inputs.store_list.frame.height

    @property
    def store_ids(self) -> pl.Series:
        return self.inputs.store_list.store_ids

    @property
    def compared_spans_us(self) -> Int64s:
        """The windows of each zone, and after them the periods before where they are compared: int64[Z,W or 2 W,2]."""
        windows = self.windows
        if not self.request.compare_before:
            return windows.spans_us
        return np.concatenate([windows.spans_us, windows.before_us], axis=1)


def label_values(context: ReportContext, catalog: Catalog, label: str) -> pl.Series:
    """Return the value of a label for each store of a report, in their order; null for stores without the label."""
    if context.stores <= FEW_STORES:
        labels = catalog.stores.select(context.store_ids.to_list()).labels
        values = [labels.get(store_id, {}).get(label) for store_id in context.store_ids]
        return pl.Series("value", values, dtype=pl.String)
    values_of_all = catalog.labels.read_values(label)
    return context.store_ids.to_frame().join(values_of_all, on="store_id", how="left", maintain_order="left")["value"]
