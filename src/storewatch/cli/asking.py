"""The options that say what a report is asked for, named as over HTTP, and how what they say is read."""

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.labels import Label

if TYPE_CHECKING:
    from storewatch.catalog import Catalog
    from storewatch.reports.request.request import ReportRequest

Asked = dict[str, Any]
Command = Callable[..., None]

_Text = str | None
_Texts = list[str] | None
_Flag = bool | None

_WINDOWS: Final = (
    "today, yesterday, this_week, last_week, this_month, last_month, last_7_days, last_30_days, last_90_days, "
    "last_hour, last_day, or from/to; several with commas"
)

OPTIONS: Final[dict[str, Any]] = {
    "definition": Annotated[
        _Text, typer.Option(help="A saved report; what else is said here goes first.", metavar="NAME")
    ],
    "as_of": Annotated[_Text, typer.Option(help="The report's now [default: the newest poll].", metavar="T")],
    "policy": Annotated[
        _Text, typer.Option(help="How far a poll speaks: fill or observed [default: fill].", metavar="POLICY")
    ],
    "max_gap": Annotated[
        _Text, typer.Option(help="Longest reach of a poll [default: fill 7d, observed 3h].", metavar="3h")
    ],
    "windows": Annotated[_Texts, typer.Option(help=f"{_WINDOWS} [default: the classic three].", metavar="WINDOW")],
    "rolling": Annotated[_Flag, typer.Option(help="Let last_* end at the report's now, not at a local midnight.")],
    "timezone": Annotated[
        _Text, typer.Option(help="On whose clock days begin [default: each store's own].", metavar="ZONE")
    ],
    "by": Annotated[_Text, typer.Option(help="Break windows down by hour, day, week or month.", metavar="UNIT")],
    "store_ids": Annotated[
        _Texts, typer.Option("--store-ids", "--store-id", help="Only this store (repeatable).", metavar="ID")
    ],
    "labels": Annotated[
        _Texts,
        typer.Option("--labels", "--label", help="Only stores with this label (repeatable: all).", metavar="L=V"),
    ],
    "zone": Annotated[_Text, typer.Option(help="Only stores in this time zone.", metavar="ZONE")],
    "with_outages": Annotated[_Flag, typer.Option(help="Only stores with down time.")],
    "worst": Annotated[
        int | None, typer.Option(help="Only the N with the lowest availability in the first window.", metavar="N")
    ],
    "group_by": Annotated[_Text, typer.Option(help="Sum up by a label, timezone or hours.", metavar="LABEL")],
    "compare_before": Annotated[_Flag, typer.Option(help="Compare with the period before.")],
    "peers": Annotated[_Text, typer.Option(help="Compare with the stores of the same label.", metavar="LABEL")],
    "target": Annotated[
        float | None, typer.Option(help="Wanted availability of stores without a target of their own.", metavar="99.5")
    ],
    "include": Annotated[
        _Texts,
        typer.Option(help="outages, patterns, quality, lost_sales, doctor; several with commas.", metavar="SECTION"),
    ],
    "min_duration": Annotated[_Text, typer.Option(help="Leave shorter blips out of the outages.", metavar="5m")],
    "closures": Annotated[
        _Text, typer.Option(help="Planned closures: honour, exclude or ignore [default: honour].", metavar="MODE")
    ],
    "annotations": Annotated[
        _Text, typer.Option(help="What was said of outages: apply or ignore [default: apply].", metavar="MODE")
    ],
    "format": Annotated[
        _Text,
        typer.Option(
            help="csv (classic), wide_csv, json, ndjson, parquet, xlsx, pdf [default: by the name of --output].",
            metavar="FORMAT",
        ),
    ],
    "table": Annotated[
        _Text, typer.Option(help="The table that wide_csv or parquet holds [default: stores].", metavar="TABLE")
    ],
    "paper": Annotated[_Text, typer.Option(help="Of a PDF: a4 or letter [default: a4].", metavar="PAPER")],
}
# Of commands that print what they found.
OF_FINDINGS: Final[dict[str, Any]] = OPTIONS | {
    "windows": Annotated[_Texts, typer.Option(help=f"{_WINDOWS} [default: see above].", metavar="WINDOW")],
    "format": Annotated[
        _Text, typer.Option(help="As data: json, ndjson or wide_csv [default: in words].", metavar="FORMAT")
    ],
}
_WITH_COMMAS: Final = ("windows", "include")
_SUFFIXES: Final = (".json", ".ndjson", ".parquet", ".xlsx", ".pdf")
_CSV_FORMATS: Final = ("csv", "wide_csv")


def takes(options: Mapping[str, Any], *names: str) -> Callable[[Command], Command]:
    """Give a command these of the options; it gets what was said with them, as people send it over HTTP, as `asked`."""

    def decorate(command: Command) -> Command:
        own = [each for name, each in inspect.signature(command).parameters.items() if name != "asked"]
        asked = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=options[name])
            for name in names
        ]

        def run(**given: Any) -> None:
            said = {name: given.pop(name) for name in names}
            command(asked={name: _value(name, value) for name, value in said.items() if value is not None}, **given)

        run.__doc__ = command.__doc__
        own = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
        run.__signature__ = inspect.Signature([*asked, *own])  # type: ignore[attr-defined]
        return run

    return decorate


def read_asked(asked: Mapping[str, Any], catalog: "Catalog", output: str = "-") -> "ReportRequest":
    """Read what a report is asked for with options.

    Without a format it follows the name of the output; of a CSV it is the classic one, as long as that can say it all.
    Raises UnknownStoreError for a store that is not there.
    """
    from storewatch.reports.archive.runs import check_stores
    from storewatch.reports.request.definitions import resolve_definition
    from storewatch.reports.request.request import read_request

    given = dict(asked)
    said = given.pop("as_of", None)
    as_of = None if said is None else read_instant(said, "as_of")
    parameters = resolve_definition(given, catalog)
    if "format" not in given:
        parameters = with_format(parameters, output)
    request = read_request(parameters, as_of=as_of)
    check_stores(request, catalog)
    return request


def with_format(parameters: Asked, output: str = "-") -> Asked:
    """Choose the format for what is asked: by the name of the output, as it says itself, classic or wide CSV."""
    from storewatch.reports.request.request import read_request

    suffix = Path(output).suffix.lower()
    if suffix in _SUFFIXES:
        return parameters | {"format": suffix[1:]}
    said = parameters.get("format")
    if said is not None and (suffix != ".csv" or said in _CSV_FORMATS):
        return parameters
    classic = parameters | {"format": "csv"}
    try:
        read_request(classic)
    except InvalidParameterError:
        return parameters | {"format": "wide_csv"}
    return classic


def read_label(text: str, option: str) -> Label:
    """Read `label=value`."""
    label, equals, value = text.partition("=")
    if not equals or not label or not value:
        raise InvalidParameterError(option, f"{text!r} is no label; write it as label=value, such as owner=acme.")
    return Label(label, value)


def read_instant(text: str, option: str) -> datetime:
    from storewatch.domain.instants import parse_instant

    try:
        return parse_instant(text)
    except InvalidInputError as error:
        raise InvalidParameterError(option, str(error)) from None


def _value(name: str, given: Any) -> Any:
    if name in _WITH_COMMAS:
        return [each.strip() for text in given for each in text.split(",")]
    if name != "labels":
        return given
    pairs = [read_label(text, name) for text in given]
    if len(dict(pairs)) < len(set(pairs)):
        raise InvalidParameterError(name, "A store has one value of a label; name each label once.")
    return dict(pairs)
