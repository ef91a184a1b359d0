"""The texts of forms that people read: the subject of the report, its rules, how to read it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from storewatch.domain.clock_words import duration_words
from storewatch.domain.enums import AnnotationMode, ClosureMode, ReportTable, Section
from storewatch.domain.instants import DAY_US, HOUR_US, MINUTE_US, SECOND_US, format_instant, instant_of
from storewatch.domain.plurals import counted
from storewatch.domain.policies import FILL
from storewatch.reports.compute.content import Content
from storewatch.reports.request.parameters import parameters_of
from storewatch.reports.request.request import ReportRequest
from storewatch.reports.sections.contradictions import FEWEST_DAYS, MOST_DAYS
from storewatch.reports.sections.doctor import EXAMINED_US

_CLOSURES_BRIEFLY: Final = {
    ClosureMode.HONOUR: "honoured: shown as planned",
    ClosureMode.EXCLUDE: "excluded: no business time",
    ClosureMode.IGNORE: "ignored",
}
_ANNOTATIONS_BRIEFLY: Final = {AnnotationMode.APPLY: "applied", AnnotationMode.IGNORE: "ignored"}

_BUSINESS: Final = (
    "Only the time in which a store is open counts. Its weekly hours on the date, or the special hours of the date, "
    "decide this, on the clock of the store. A store without hours counts as open day and night. Business time is up, "
    "down, unknown or planned; these add up to it exactly."
)
_AVAILABILITY: Final = (
    "Availability is up time as a share of up and down time, that is, of the known time. Coverage is the share of the "
    "business time without planned time that is known: the lower it is, the less certain is the availability. The "
    "bounds, at least and at most, are the availability if all unknown time had been down, or all of it up. For many "
    "stores these are ratios of sums, never means of percentages. A ratio with nothing to divide by is empty."
)
_CLOSURES: Final = {
    ClosureMode.HONOUR: "Business time in planned closures, entered before or after they happened, is shown as "
    "planned: neither up nor down, and outside availability and coverage.",
    ClosureMode.EXCLUDE: "Planned closures are cut out of the business hours and counted nowhere.",
    ClosureMode.IGNORE: "Planned closures were ignored: the time in them counts like any other.",
}
_ANNOTATIONS: Final = {
    AnnotationMode.APPLY: "An annotation can state that the down time of a store in a stretch was planned, is unknown, "
    "or was no outage (then it counts as up). Up and unknown time stay the same, and polls never change.",
    AnnotationMode.IGNORE: "Annotations were ignored: the figures are those of the polls alone.",
}
_SALES: Final = (
    "Sales per business hour times the hours down. Unknown time counts as up for the lower bound and as down for the "
    "upper bound; the estimate takes it to be down as often as the known time."
)
_NO_CURRENCY: Final = " Amounts are in the currency of the imported sales, which the report was not given."

# Parameters that the texts, the tables or the file name show already.
_IN_WORDS: Final = frozenset(
    {
        *("as_of", "policy", "max_gap", "closures", "annotations", "windows", "timezone", "rolling", "by"),
        *("store_ids", "labels", "zone", "with_outages", "worst", "group_by", "compare_before", "peers", "target"),
        *("include", "currency", "min_duration", "format", "table", "paper", "raw_text", "allow_unknown"),
    }
)


def title(content: Content) -> str:
    """Return the title of the report: the name of its only store, or a general title."""
    if content.stores != 1:
        return "Store availability"
    stores = next(content.tables[ReportTable.STORES].frames())
    return str(stores["name"][0] or stores["store_id"][0])


def span(duration_us: int) -> str:
    """Return a duration in its largest whole unit: 7 days, 3 hours, 90 minutes."""
    for unit, unit_us in (("day", DAY_US), ("hour", HOUR_US), ("minute", MINUTE_US)):
        if duration_us % unit_us == 0:
            return counted(duration_us // unit_us, unit)
    return f"{duration_us / SECOND_US:,} seconds"


def objective(target_percent: float) -> str:
    """Return a target in percent, with the digits that were entered."""
    return f"{Decimal(repr(target_percent)).normalize():f}\N{NO-BREAK SPACE}%"


def share(part: int, whole: int) -> str:
    """Return a part of a count as a whole percentage, 100 % or 0 % only if it is exactly that."""
    rounded = (200 * part + whole) // (2 * whole)
    if 0 < part < whole:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded}\N{NO-BREAK SPACE}%"


def met_of(met: int, judged: int) -> str:
    """Return how many of the stores with a target met it, such as `274 of 498 (55 %)`."""
    return f"{met:,} of {judged:,} ({share(met, judged)})" if judged else "no store has a target and known time"


def briefly(asked: ReportRequest) -> dict[str, str]:
    """Return short texts about how the report counts, and the parameters that no other text shows."""
    others = {
        each.name.replace("_", " ").capitalize(): ", ".join(value) if isinstance(value, tuple) else str(value)
        for each in parameters_of(type(asked))
        for value in [getattr(asked, each.name)]
        if each.name not in _IN_WORDS and value != each.default
    }
    return {
        "Policy": f"{asked.policy.value}: a poll counts for up to {span(asked.chosen_policy.max_gap_us)}",
        "Planned closures": _CLOSURES_BRIEFLY[asked.closures],
        "Annotations": _ANNOTATIONS_BRIEFLY[asked.annotations],
    } | others


def in_words(content: Content) -> list[str]:
    """Return a few lines about what the report covers and how it counts."""
    request = content.request
    clock = f"in the time zone {request.timezone}" if request.timezone else "on each store's own clock"
    stores = counted(content.stores, "store")
    lines = [
        f"{stores}, as of {instant_of(content.as_of_us):%Y-%m-%d %H:%M:%S} UTC; local times are {clock}.",
        " ".join(f"{name} {words}." for name, words in briefly(request).items()),
    ]
    if content.clock_warning is not None:
        lines.append(f"Warning: {content.clock_warning.text}")
    if content.input_gaps is not None:
        lines += [f"Inputs: {sentence}." for sentence in content.input_gaps.lines()]
    if request.target is not None:
        lines.append(
            f"Target: an availability of {objective(request.target)}, for stores without a target of their own."
        )
    return lines


def rules(content: Content) -> dict[str, str]:
    """Return the counting rules that this report needs, each under its name."""
    asked = content.request
    as_of = format_instant(instant_of(content.as_of_us))
    gaps = list(content.input_gaps.lines()) if content.input_gaps else []
    return {
        "Business hours": _BUSINESS,
        "Polls": _polls(asked),
        "Availability": _AVAILABILITY,
        "Planned time": _CLOSURES[asked.closures],
        "Annotations": _ANNOTATIONS[asked.annotations],
        **dict(_asked_for(asked, content.facts.get("sampling", {}))),
        "As of": f"The report uses the polls up to {as_of} and no later ones. The same data, parameters and "
        "versions result in the same report."
        + (f" Warning: {content.clock_warning.text}" if content.clock_warning else ""),
        **({"Inputs": " ".join(f"{line}." for line in gaps)} if gaps else {}),
    }


def doctor_rule() -> str:
    """Return which polls the doctor examines and when it reports a finding."""
    return (
        f"The polls of the {span(EXAMINED_US)} before as_of are examined, whatever the windows are. A finding needs at "
        f"least {FEWEST_DAYS} openings or closings that polls decide, and more than {MOST_DAYS:.0%} of them contrary."
    )


def _polls(asked: ReportRequest) -> str:
    if asked.policy.value == FILL.name:
        caution = "This policy leaves little time unknown, so coverage does not show how often stores were polled."
    else:
        caution = "This policy leaves time without a near poll unknown, so read each availability with its coverage."
    return (
        "A poll shows that a store was active or inactive at an instant. It counts for the time until the next poll, "
        "and the first poll of a session also for the time since opening, up to "
        f"{span(asked.chosen_policy.max_gap_us)} away (policy “{asked.policy.value}”). Time for which no poll counts "
        f"is unknown. {caution} Polls outside the business hours do not count."
    )


def _asked_for(asked: ReportRequest, sampling: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if asked.target is not None:
        met = (
            f"{objective(asked.target)} for stores without a target of their own. A target is met when the "
            "availability reaches it. The error budget is the down time that the target allows."
        )
        yield "Target", met
    if Section.OUTAGES in asked.include:
        least = f" Outages shorter than {asked.min_duration} are left out." if asked.min_duration else ""
        outage = (
            "An outage is down time that no up or unknown time interrupts. Closed or planned time does not end it and "
            "is not part of its length. Outages are cut to the window. An outage may have begun before the first "
            f"inactive poll.{least}"
        )
        yield "Outages", outage
    if Section.LOST_SALES in asked.include:
        yield "Lost sales", _SALES + (f" Amounts are in {asked.currency}." if asked.currency else _NO_CURRENCY)
    if Section.DOCTOR in asked.include:
        yield "Hours doctor", f"{doctor_rule()} Figures with a correction are those of the first window."
    if Section.SAMPLING in asked.sections:
        yield "How sure a figure is", _sampling(sampling)


def _sampling(sampling: Mapping[str, Any]) -> str:
    if "missing" in sampling:
        return f"No intervals: {sampling['missing']}"
    outage = duration_words(round(HOUR_US / sampling["up_per_hour"] / MINUTE_US) * MINUTE_US)
    return (
        "Between two polls a store may have gone down and come back. The interval is where the availability of the "
        "known time lies 95 times of 100, if stores go down and come back as those of the last 31 days did: every "
        f"{1 / sampling['down_per_hour']:.0f} business hours, for {outage} on average ({sampling['changes']:,} changes "
        f"of {counted(sampling['stores'], 'store')}). Unknown time is outside of it. The interval of many stores "
        f"is {sampling['widening'] ** 0.5:.2f} times as wide as for stores that fail independently. A target is met or "
        "missed, and a change or a difference is certain, only if the interval decides it."
    )
