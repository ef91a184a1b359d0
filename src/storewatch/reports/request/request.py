"""The request of a report: one class for the command line, HTTP, saved reports, schedules and manifests.

A new parameter is one more field of `ReportRequest`, plus the code that uses it (see `parameters`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from storewatch.domain.currencies import CURRENCIES
from storewatch.domain.enums import (
    AnnotationMode,
    Breakdown,
    ClosureMode,
    Paper,
    PolicyName,
    ReportFormat,
    ReportTable,
    Section,
)
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.instants import (
    EARLIEST,
    LATEST,
    format_duration,
    format_instant,
    parse_duration,
    parse_duration_us,
    parse_instant,
)
from storewatch.domain.labels import Label, clean_label
from storewatch.domain.policies import POLICIES, Policy
from storewatch.domain.timezones import timezone_named
from storewatch.reports.request.parameters import (
    MAX_STORES,
    MAX_WINDOWS,
    Currency,
    Duration,
    Flag,
    HeaderPart,
    InstantText,
    LabelName,
    Labels,
    Parameter,
    Source,
    StoreId,
    Window,
    Zone,
    sentence,
)
from storewatch.reports.request.window_names import CLASSIC_WINDOWS, OTHERS, PRESETS, check_window, rolling_form
from storewatch.stores.poll_texts import MAX_SOURCES, requested_sources

# The stored form of a request has these members even where they are the default.
_ALWAYS_STORED: Final = frozenset({"as_of", "policy", "format", "store_ids", "labels"})


def _read_labels(value: Any) -> Any:
    """Return the pairs of a JSON object, in order; leave anything but an object as it is."""
    if not isinstance(value, Mapping):
        if isinstance(value, tuple):
            return value
        raise InvalidParameterError("labels", "labels must be an object of labels and their values.")
    for text in (*value.keys(), *value.values()):
        if not isinstance(text, str) or not text or "\0" in text:
            raise InvalidParameterError("labels", "labels must be a text.")
    return tuple(sorted(clean_label(name, of) for name, of in value.items()))


class ReportRequest(BaseModel, frozen=True, extra="forbid"):
    """The request of a report. The default is the classic report on the present data."""

    as_of: Annotated[
        datetime | None,
        PlainSerializer(lambda at: at and format_instant(at), when_used="json"),
        Field(
            description="The report's now. Later polls are not used. Where few stores were polled on its last day, as "
            "when the newest poll has a wrong time, a warning says so and which as_of would fit.",
            examples=["2023-01-25T18:13:22Z"],
        ),
        Parameter(
            part=HeaderPart.COUNTING,
            metavar="T",
            default="the newest poll",
            stamped=True,
            wire=InstantText | None,
            in_definitions=False,
        ),
    ] = None
    policy: Annotated[
        PolicyName,
        Field(description="How far a poll counts for the time around it."),
        Parameter(part=HeaderPart.COUNTING, metavar="POLICY", stamped=True),
    ] = PolicyName.FILL
    max_gap: Annotated[
        Duration,
        Field(description="The longest time that one poll counts for, such as 90m."),
        Parameter(part=HeaderPart.COUNTING, metavar="3h", default="7d with fill, 3h with observed", stamped=True),
    ] = Field(default_factory=lambda known: format_duration(POLICIES[known["policy"]].max_gap_us))
    closures: Annotated[
        ClosureMode,
        Field(
            description="How planned closures count: honour as planned time, exclude as no business time, ignore not "
            "at all."
        ),
        Parameter(part=HeaderPart.COUNTING, metavar="MODE", stamped=True),
    ] = ClosureMode.HONOUR
    annotations: Annotated[
        AnnotationMode,
        Field(description="Whether down time counts as what an annotation reclassifies it as."),
        Parameter(part=HeaderPart.COUNTING, metavar="MODE", stamped=True),
    ] = AnnotationMode.APPLY
    sources: Annotated[
        tuple[Source, ...],
        Field(
            max_length=MAX_SOURCES,
            description="Count only polls of these sources; polls without a source are left out.",
        ),
        Parameter(part=HeaderPart.STORES, metavar="SOURCE", flags=("--sources", "--source")),
    ] = ()
    windows: Annotated[
        tuple[Window, ...],
        Field(
            max_length=MAX_WINDOWS,
            description=f"{', '.join(PRESETS)}, {OTHERS}.",
            examples=[["last_week", "2023-Q1", "2023-01-01/2023-02-01"]],
        ),
        Parameter(part=HeaderPart.WINDOWS, metavar="WINDOW", default=", ".join(CLASSIC_WINDOWS), commas=True),
    ] = ()
    timezone: Annotated[
        Zone | None,
        Field(description="The time zone in whose days windows begin and end, for every store."),
        Parameter(part=HeaderPart.WINDOWS, metavar="ZONE", default="each store's own", stamped=True),
    ] = None
    rolling: Annotated[
        Flag,
        Field(
            description="An older way to write rolling windows: last_week and last_7_days become rolling_7_days, "
            "last_30_days becomes rolling_30_days, last_90_days becomes rolling_90_days."
        ),
        Parameter(part=HeaderPart.FORM),
    ] = False
    by: Annotated[
        Breakdown | None,
        Field(description="Break the windows down by local time."),
        Parameter(part=HeaderPart.WINDOWS, metavar="UNIT"),
    ] = None
    store_ids: Annotated[
        tuple[StoreId, ...] | None,
        Field(min_length=1, max_length=MAX_STORES, description="Only these stores."),
        Parameter(part=HeaderPart.STORES, metavar="ID", flags=("--store-ids", "--store-id")),
    ] = None
    labels: Annotated[
        tuple[Label, ...],
        BeforeValidator(_read_labels),
        PlainSerializer(dict, when_used="json"),
        Field(description="Only stores that carry all of these labels."),
        Parameter(part=HeaderPart.STORES, metavar="L=V", flags=("--labels", "--label"), wire=Labels),
    ] = ()
    zone: Annotated[
        Zone | None,
        Field(description="Only stores in this IANA time zone."),
        Parameter(part=HeaderPart.STORES, metavar="ZONE"),
    ] = None
    with_outages: Annotated[
        Flag,
        Field(description="Only stores with down time in a window."),
        Parameter(part=HeaderPart.STORES),
    ] = False
    worst: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=10_000_000,
            description="Only the N stores with the lowest availability in the first window.",
        ),
        Parameter(part=HeaderPart.STORES, metavar="N"),
    ] = None
    allow_unknown: Annotated[
        Flag,
        Field(
            description="Accept stores, labels, values and sources that do not exist yet, and a report of no stores."
        ),
        Parameter(part=HeaderPart.FORM),
    ] = False
    group_by: Annotated[
        LabelName | None,
        Field(description="Add the figures of groups of stores: by a label, by timezone or by hours."),
        Parameter(part=HeaderPart.CONTENT, metavar="LABEL"),
    ] = None
    compare_before: Annotated[
        Flag,
        Field(description="Compare each window with the period before it."),
        Parameter(part=HeaderPart.CONTENT),
    ] = False
    peers: Annotated[
        LabelName | None,
        Field(description="Compare each store with the stores that have the same value of this label."),
        Parameter(part=HeaderPart.CONTENT, metavar="LABEL"),
    ] = None
    target: Annotated[
        float | None,
        Field(
            strict=True,
            le=100,
            description="Wanted availability in percent, for stores without a target of their own; 99.5 for 99.5 %.",
            examples=[99.5],
            json_schema_extra={"exclusiveMinimum": 1},  # checked below, with a better sentence than Pydantic's
        ),
        Parameter(part=HeaderPart.GOAL, metavar="99.5", stamped=True),
    ] = None
    include: Annotated[
        tuple[Section, ...],
        Field(max_length=20, description="Sections to add to the figures. A PDF always has sampling."),
        Parameter(part=HeaderPart.CONTENT, metavar="SECTION", commas=True),
    ] = ()
    currency: Annotated[
        Currency | None,
        Field(
            description="The currency of the sales, such as EUR (ISO 4217). Lost sales are shown with it.",
            examples=["EUR"],
        ),
        Parameter(part=HeaderPart.CONTENT, metavar="EUR", stamped=True),
    ] = None
    min_duration: Annotated[
        Duration | None,
        Field(description="Leave out outages that are shorter, such as 5m."),
        Parameter(part=HeaderPart.CONTENT, metavar="5m", stamped=True),
    ] = None
    format: Annotated[
        ReportFormat,
        Field(description="The form of the file. csv holds the classic seven columns."),
        Parameter(part=HeaderPart.FORM, metavar="FORMAT"),
    ] = ReportFormat.CSV
    table: Annotated[
        ReportTable | None,
        Field(description="The table of a wide_csv, parquet or ndjson file."),
        Parameter(part=HeaderPart.FORM, metavar="TABLE", default="stores in wide_csv and parquet, all in ndjson"),
    ] = None
    paper: Annotated[
        Paper,
        Field(description="The paper size of a PDF."),
        Parameter(part=HeaderPart.FORM, metavar="PAPER"),
    ] = Paper.A4
    raw_text: Annotated[
        Flag,
        Field(
            description="For programs: csv and wide_csv without the apostrophe before texts that a spreadsheet would "
            "run as a formula."
        ),
        Parameter(part=HeaderPart.FORM),
    ] = False

    @property
    def chosen_policy(self) -> Policy:
        """The policy with the max_gap of this request."""
        return Policy(name=self.policy.value, max_gap_us=parse_duration_us(self.max_gap))

    @property
    def trend_by(self) -> Breakdown | None:
        """The unit of the trend; a PDF always has one."""
        return Breakdown.DAY if self.by is None and self.format is ReportFormat.PDF else self.by

    @property
    def sections(self) -> tuple[Section, ...]:
        """The sections beyond the figures; a PDF always says how sure its figures are."""
        if self.format is not ReportFormat.PDF:
            return self.include
        return tuple(dict.fromkeys((*self.include, Section.SAMPLING)))

    @property
    def tables(self) -> tuple[ReportTable, ...]:
        """The tables that this report has."""
        wanted = {
            ReportTable.GROUPS: self.group_by is not None,
            ReportTable.BUCKETS: self.by is not None,
            ReportTable.TREND: self.trend_by is not None,
            ReportTable.OUTAGES: Section.OUTAGES in self.include,
            ReportTable.MASS_OUTAGES: Section.OUTAGES in self.include,
            ReportTable.PATTERN: Section.PATTERNS in self.include,
            ReportTable.BLIND_SPOTS: not {Section.OUTAGES, Section.QUALITY}.isdisjoint(self.include),
            ReportTable.DOCTOR: Section.DOCTOR in self.include,
            ReportTable.REASONS: Section.REASONS in self.include,
            ReportTable.RATES: Section.SAMPLING in self.sections,
        }
        return ReportTable.SUMMARY, ReportTable.STORES, *(table for table, is_wanted in wanted.items() if is_wanted)

    @property
    def only_table(self) -> ReportTable | None:
        """The table of a file that holds one table; None for a file that holds all."""
        return self.table or ReportTable.STORES if self.format.holds_one_table else self.table

    @property
    def min_duration_us(self) -> int:
        return 0 if self.min_duration is None else parse_duration_us(self.min_duration)

    def at(self, as_of: datetime) -> "ReportRequest":
        """Return the same request with another now."""
        return self.model_copy(update={"as_of": as_of})

    def parameters(self) -> dict[str, Any]:
        """Return the request as JSON that `from_parameters` reads; parameters at their default are left out."""
        texts = self.model_dump(mode="json", exclude={"max_gap"})
        fields = type(self).model_fields
        stored = {
            name: text
            for name, text in texts.items()
            if name in _ALWAYS_STORED or getattr(self, name) != fields[name].default
        }
        # The gap is stored even where it is the policy's own: a later release may have another one.
        return stored | {"max_gap_us": parse_duration_us(self.max_gap)}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "ReportRequest":
        """Read the stored form of a request, of this release or an earlier one."""
        as_of = parameters["as_of"]
        asked = {name: value for name, value in parameters.items() if name not in ("as_of", "max_gap_us")}
        asked["max_gap"] = format_duration(parameters["max_gap_us"])
        return read_request(asked, as_of=parse_instant(as_of) if as_of else None, model=cls)

    @model_validator(mode="before")
    @classmethod
    def _name_rolling_windows(cls, asked: Any) -> Any:
        """Write rolling windows by their own names, so that a name means one window everywhere."""
        windows = asked.get("windows") if isinstance(asked, Mapping) and asked.get("rolling") is True else None
        if not windows or not isinstance(windows, list | tuple):
            return asked
        return {**asked, "windows": [rolling_form(each) if isinstance(each, str) else each for each in windows]} | {
            "rolling": False
        }

    @field_validator("as_of")
    @classmethod
    def _check_as_of(cls, as_of: datetime | None) -> datetime | None:
        if as_of is not None and not EARLIEST <= as_of <= LATEST:
            raise InvalidParameterError("as_of", "as_of must lie between the years 1970 and 9000.")
        return as_of

    @field_validator("max_gap")
    @classmethod
    def _check_max_gap(cls, text: str) -> str:
        """Write equal gaps in the same way, so that equal requests are equal."""
        try:
            gap_us = parse_duration_us(text)
            return format_duration(Policy(name="", max_gap_us=gap_us).max_gap_us)
        except InvalidInputError as error:
            raise InvalidParameterError("max_gap", str(error)) from None

    @field_validator("min_duration")
    @classmethod
    def _check_min_duration(cls, text: str | None) -> str | None:
        try:
            if text is not None:
                parse_duration(text)
        except InvalidInputError as error:
            raise InvalidParameterError("min_duration", str(error)) from None
        return text

    @field_validator("currency")
    @classmethod
    def _check_currency(cls, text: str | None) -> str | None:
        if text is None:
            return None
        if text.upper() not in CURRENCIES:
            raise InvalidParameterError(
                "currency", f"{text!r} is not a currency; write a code of ISO 4217 such as EUR or USD."
            )
        return text.upper()

    @field_validator("zone", "timezone")
    @classmethod
    def _check_zone(cls, text: str | None, info: ValidationInfo) -> str | None:
        named = None if text is None else timezone_named(text)
        if text is not None and named is None:
            raise InvalidParameterError(
                info.field_name or "", f"{text!r} is not a time zone; write an IANA name such as Europe/Berlin."
            )
        return named

    @field_validator("sources")
    @classmethod
    def _check_sources(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return requested_sources(sources)
        except InvalidInputError as error:
            raise InvalidParameterError("sources", str(error)) from None

    @field_validator("store_ids", "windows", "include")
    @classmethod
    def _once_each(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if values is None else tuple(dict.fromkeys(values))

    @field_validator("windows")
    @classmethod
    def _check_windows(cls, windows: tuple[str, ...]) -> tuple[str, ...]:
        for window in windows:
            check_window(window)
        return windows

    @field_validator("target", mode="before")
    @classmethod
    def _check_target(cls, value: Any) -> Any:
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not 1 < value <= 100
        ):
            raise InvalidParameterError(
                "target", "target must be a percentage over 1 and up to 100; write 99.5 for 99.5 %."
            )
        return value

    @model_validator(mode="after")
    def _check_together(self) -> "ReportRequest":
        if self.format is ReportFormat.CSV and self._exceeds_classic():
            raise InvalidParameterError(
                "format", "csv is the classic seven columns of the classic windows; for more use wide_csv."
            )
        if self.table not in (None, ReportTable.STORES) and not self.format.can_hold_one_table:
            raise InvalidParameterError(
                "table", f"{self.format} holds every table; table is for wide_csv, parquet and ndjson."
            )
        if self.table not in (None, *self.tables):
            raise InvalidParameterError("table", f"{self.table} is not among this report's: {', '.join(self.tables)}.")
        if self.rolling and not self.windows:
            raise InvalidParameterError("rolling", "rolling changes the meaning of windows; add at least one window.")
        return self

    def _exceeds_classic(self) -> bool:
        more = self.windows, self.by, self.group_by, self.compare_before, self.peers, self.target, self.include
        return any(more)


def read_request(
    asked: Mapping[str, Any], *, as_of: datetime | None = None, model: type[ReportRequest] = ReportRequest
) -> ReportRequest:
    """Read a request as people write it. A member that is missing or null has its default.

    Raises InvalidParameterError, which names the member.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    if "as_of" in given:  # it is an argument, because a saved report has none
        raise InvalidParameterError("as_of", "A report does not take as_of where it is saved or scheduled.")
    if as_of is not None:
        given["as_of"] = as_of
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidParameterError(*sentence(model, error.errors()[0])) from None
