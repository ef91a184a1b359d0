"""The header of a report: the requested parameters and the versions of the data. Each form has its own layout."""

from typing import Any, Final

import polars as pl

from storewatch.catalog import shown_number
from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import SECOND_US, format_instant, instant_of
from storewatch.reports.compute.content import STORE_FIGURES, TARGET_FIGURES, Content
from storewatch.reports.exports.columns import in_seconds
from storewatch.reports.request.parameters import Described, HeaderPart, parameters_of
from storewatch.reports.request.request import ReportRequest

OWN_ZONES: Final = "each store's own"
VERSIONS: Final = pl.Schema(
    {
        "lake_version": pl.Int64(),
        "catalog_version": pl.Int64(),
        "tzdata_version": pl.String(),
        "software_version": pl.String(),
    }
)


def stamps(model: type[ReportRequest]) -> pl.Schema:
    """Return the columns that repeat the header on every row of a form with one table.

    A parameter whose name a table uses for a column of its own is named report_timezone and the like.
    """
    taken = {*STORE_FIGURES, *TARGET_FIGURES}
    parameters = {
        f"report_{each.name}" if each.name in taken else "max_gap_seconds" if each.name == "max_gap" else each.name: (
            pl.Float64() if each.name == "max_gap" else _column_type(each)
        )
        for each in parameters_of(model)
        if each.parameter.stamped
    }
    return pl.Schema({**parameters, "selection": pl.String(), **VERSIONS})


_RATES: Final = ("stores", "changes", "from", "to", "missing", "down_per_hour", "up_per_hour", "widening")


def header(content: Content) -> dict[str, Any]:
    """Return the requested parameters and the versions of the data, as JSON.

    Parameters that were not set are null, false or empty; versions that the caller must not see are null. as_of_warning
    is there only where as_of does not fit, input_gaps only with the doctor.
    """
    request, versions = content.request, content.versions
    parts = _parts(request)
    counting = parts[HeaderPart.COUNTING] | {"as_of": format_instant(instant_of(content.as_of_us))}
    windows = {
        row["window"]: {"from": format_instant(row["from_at"]), "to": format_instant(row["to_at"])}
        for row in summary(content).to_dicts()
    }
    return {
        **counting,
        **parts[HeaderPart.WINDOWS],
        "windows": windows,
        "stores": content.stores,
        "selection": parts[HeaderPart.STORES],
        **parts[HeaderPart.CONTENT],
        **parts[HeaderPart.GOAL],
        "lake_version": shown_number(versions.lake, content.scope),
        "catalog_version": shown_number(versions.catalog, content.scope),
        "tzdata_version": versions.tzdata,
        "software_version": versions.software,
        **content.facts,
        **({"as_of_warning": content.clock_warning.as_json()} if content.clock_warning else {}),
        **({"input_gaps": content.input_gaps.as_json()} if content.input_gaps else {}),
    }


def totals(content: Content) -> dict[str, dict[str, Any]]:
    """Return the figures of each window over all stores, coverage among them, in seconds and unrounded ratios."""
    rows = in_seconds(summary(content).drop("from_at", "to_at", "stores")).to_dicts()
    return {row.pop("window"): row for row in rows}


def rates(content: Content) -> dict[str, Any] | None:
    """Return the rates of failure that the intervals were computed with; None without intervals."""
    sampling = content.facts.get("sampling")
    return None if sampling is None else {name: sampling[name] for name in _RATES if name in sampling}


def summary(content: Content) -> pl.DataFrame:
    return content.tables[ReportTable.SUMMARY].read()


def stamp(rows: pl.LazyFrame, content: Content, windows: pl.DataFrame) -> pl.LazyFrame:
    """Add the header to every row: `stamps` and, of the row's window, window_from_at, window_to_at, window_coverage.

    windows: the summary in the form of the rows. Rows of the summary have these themselves; rows without a window get
    those of the first one.
    """
    values = header(content)
    if content.request.only_table is not ReportTable.SUMMARY:
        ends = windows.lazy().select(
            "window", window_from_at="from_at", window_to_at="to_at", window_coverage="coverage"
        )
        if "window" not in rows.collect_schema():
            rows = rows.with_columns(window=pl.lit(next(iter(values["windows"]), None), pl.String))
        rows = rows.join(ends, on="window", how="left", maintain_order="left")
    values |= {"selection": selection(content.request)}
    return rows.with_columns(
        pl.lit(values[name.removeprefix("report_")], dtype).alias(name)
        for name, dtype in stamps(type(content.request)).items()
    )


def selection(request: ReportRequest) -> str | None:
    """Return in one line which stores the report covers, None for all stores."""
    chosen = []
    for each in parameters_of(type(request)):
        value = getattr(request, each.name)
        if each.parameter.part is not HeaderPart.STORES or value == each.default:
            continue
        if each.name == "store_ids":
            chosen.append(f"{len(value)} store_ids")
        elif each.name == "labels":
            chosen.append(f"labels {', '.join(f'{label}={of}' for label, of in value)}")
        elif isinstance(value, tuple):
            chosen.append(f"{each.name} {', '.join(value)}")
        else:
            chosen.append(each.name if each.is_flag else f"{each.name} {value}")
    return "; ".join(chosen) or None


def _parts(request: ReportRequest) -> dict[HeaderPart, dict[str, Any]]:
    """Return the parameters by the part of the header that shows them, as JSON."""
    values = request.model_dump(mode="json")
    values["timezone"] = request.timezone or OWN_ZONES
    values["store_ids"] = None if request.store_ids is None else len(request.store_ids)
    parts: dict[HeaderPart, dict[str, Any]] = {part: {} for part in HeaderPart}
    for each in parameters_of(type(request)):
        if each.name == "max_gap":
            parts[each.parameter.part]["max_gap_seconds"] = request.chosen_policy.max_gap_us / SECOND_US
        elif each.name != "windows":  # the header has their ends
            parts[each.parameter.part][each.name] = values[each.name]
    return parts


def _column_type(described: Described) -> pl.DataType:
    kinds = {bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64()}
    return kinds.get(described.kind, pl.String())
