"""Create the options for the parameters of a report, named as in the API, and read their values."""

import inspect
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import typer
import typer.main
from typer.core import TyperCommand

from storewatch.cli.values import read_label
from storewatch.domain.errors import InvalidParameterError
from storewatch.reports.request.parameters import parameters_of
from storewatch.reports.request.request import ReportRequest, read_request

OptionValues = dict[str, Any]

DEFINITION: Final = "definition"
_SUFFIXES: Final = (".json", ".ndjson", ".parquet", ".xlsx", ".pdf")
_CSV_FORMATS: Final = ("csv", "wide_csv")


class ReportCommand(TyperCommand):
    """A command with options for the parameters of a report, in addition to its own.

    The options are derived from the fields of `ReportRequest` when the command is used.
    """

    only: ClassVar[Collection[str] | None] = None  # None: all
    without: ClassVar[Collection[str]] = ()
    texts: ClassVar[Mapping[str, str]] = {}

    def get_params(self, ctx: Any) -> list[Any]:
        return [*self._report_params, *super().get_params(ctx)]

    def invoke(self, ctx: Any) -> Any:
        """Run the command; `context.obj` holds the options of the report, in the form that `read_request` reads."""
        given = {param.name: ctx.params.pop(param.name) for param in self._report_params}
        ctx.obj = {name: _value(name, value) for name, value in given.items() if value is not None and value != ()}
        return super().invoke(ctx)

    @cached_property
    def _report_params(self) -> list[Any]:
        options = {
            name: option
            for name, option in options_of(ReportRequest, self.texts).items()
            if (self.only is None or name in self.only) and name not in self.without
        }
        return _click_params(options)


def report_command(
    *only: str, without: Collection[str] = (), texts: Mapping[str, str] | None = None
) -> type[ReportCommand]:
    """Return the class of a command with options for these parameters of a report, or for all of them.

    texts: the defaults in words, where they differ from those of a report.
    """
    return type("ReportCommand", (ReportCommand,), {"only": only or None, "without": without, "texts": texts or {}})


def options_of(model: type[ReportRequest], texts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the options for the parameters of a request: an annotation of each."""
    texts = {"format": "by the name of --output"} | dict(texts or {})
    options = {
        DEFINITION: Annotated[
            str | None, typer.Option(help="A saved report; other options replace its parameters.", metavar="NAME")
        ]
    }
    for each in parameters_of(model):
        parameter = each.parameter
        if each.is_flag:
            options[each.name] = Annotated[bool | None, typer.Option(*parameter.flags, help=each.text)]
            continue
        kind = each.kind if each.kind in (int, float) else str
        many = "; several with commas" if parameter.commas else " (repeatable)" if each.is_list else ""
        values = f" One of {', '.join(each.values)}{many}." if each.values else ""
        text = f"{each.text}{values}" if each.values else f"{each.text.removesuffix('.')}{many}."
        default = texts.get(each.name, each.default_words)
        options[each.name] = Annotated[
            list[kind] | None if each.is_list else kind | None,  # type: ignore[valid-type]
            typer.Option(
                *parameter.flags, help=f"{text} [default: {default}]" if default else text, metavar=parameter.metavar
            ),
        ]
    return options


def _click_params(options: Mapping[str, Any]) -> list[Any]:
    """Return the options as parameters of a command, taken from a command that has no others."""

    def nothing(**_: Any) -> None:
        pass

    nothing.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
            for name, option in options.items()
        ]
    )
    app = typer.Typer(add_completion=False)
    app.command()(nothing)
    return list(typer.main.get_command(app).params)


def with_format(parameters: OptionValues, output: str = "-") -> OptionValues:
    """Return the parameters with a format: by the name of the output, as requested, or else classic or wide CSV.

    Raises InvalidParameterError for the name of a file whose suffix is that of no format.
    """
    suffix = Path(output).suffix.lower()
    if suffix in _SUFFIXES:
        return parameters | {"format": suffix[1:]}
    if suffix not in ("", ".csv") and not output.endswith("/") and not Path(output).is_dir():
        raise InvalidParameterError(
            "output",
            f"There is no format for {suffix} files; use {', '.join(('.csv', *_SUFFIXES))}, or name a --format too.",
        )
    requested = parameters.get("format")
    if requested is not None and (suffix != ".csv" or requested in _CSV_FORMATS):
        return parameters
    classic = parameters | {"format": "csv"}
    try:
        read_request(classic)
    except InvalidParameterError:
        return parameters | {"format": "wide_csv"}
    return classic


def _with_commas() -> set[str]:
    return {each.name for each in parameters_of(ReportRequest) if each.parameter.commas}


def _value(name: str, given: Any) -> Any:
    if name in _with_commas():
        return [each.strip() for text in given for each in text.split(",")]
    if name != "labels":
        return given
    pairs = [read_label(text, name) for text in given]
    if len(dict(pairs)) < len(set(pairs)):
        raise InvalidParameterError(name, "A store has one value for each label; name each label once.")
    return dict(pairs)
