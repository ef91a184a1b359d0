"""The report in plain words, for forms that people read: what it is about, how it counts, how to read it."""

from storewatch.engine.availability import FILL
from storewatch.engine.columns import instant_of
from storewatch.engine.opening import Closures
from storewatch.reports.content import Content
from storewatch.reports.request import Annotations, TableName

_CLOSURES = {
    Closures.HONOUR: "Planned closures have a figure of their own and are no part of the availability.",
    Closures.EXCLUDE: "Planned closures are taken out of the business time and counted nowhere.",
    Closures.IGNORE: "Planned closures are ignored: what was seen inside them counts.",
}
_ANNOTATIONS = {
    Annotations.APPLY: "What operators said of outages counts.",
    Annotations.IGNORE: "What operators said of outages is left aside.",
}


def title(content: Content) -> str:
    """Name what the report is about: its one store, or stores."""
    if content.stores != 1:
        return "Store availability"
    stores = next(content.tables[TableName.STORES].frames())
    return str(stores["name"][0] or stores["store_id"][0])


def spoken(window: str) -> str:
    """Write the name of a window as words; an interval stays as it is."""
    return window.replace("_", " ").capitalize() if window.replace("_", "").isalnum() else window


def in_words(content: Content) -> list[str]:
    """Say in a few lines how much the report covers and how it counts."""
    request = content.request
    whose = f"in the time of {request.timezone}" if request.timezone else "on each store's own clock"
    stores = "1 store" if content.stores == 1 else f"{content.stores:,} stores"
    lines = [
        f"{stores}, as of {instant_of(content.as_of_us):%Y-%m-%d %H:%M:%S} UTC; local times are {whose}.",
        _policy(content),
        f"{_CLOSURES[request.closures]} {_ANNOTATIONS[request.annotations]}",
    ]
    if request.target is not None:
        lines.append(f"Target: an availability of {request.target:g} %, where a store has none of its own.")
    return lines


def _policy(content: Content) -> str:
    policy = content.request.policy
    limit = f"A poll speaks for the time around it, up to {_length(policy.max_gap_us)}"
    if policy.name == FILL.name:
        return f"Policy fill: {limit[0].lower()}{limit[1:]}, so gaps between polls are filled."
    return f"Policy {policy.name}: {limit[0].lower()}{limit[1:]}; what is further away is unknown."


def _length(duration_us: int) -> str:
    seconds = duration_us // 1_000_000
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}{'s' if seconds != length else ''}"
    return "no time"


def how_to_read(content: Content) -> dict[str, str]:
    """Explain the figures, each under its name."""
    return {
        "Business time": "The time inside the opening hours: up + down + unknown + planned, exactly.",
        "Unknown": f"Business time that no poll speaks for. {_policy(content)}",
        "Planned": _CLOSURES[content.request.closures],
        "Availability": "up / (up + down): of the time that is known. Empty where nothing is known. Over many stores "
        "it is the ratio of the sums; median and percentiles are over stores.",
        "Coverage": "(up + down) / (business - planned): how much of the time is known.",
        "At least, at most": "The availability if all unknown time was down, and if all of it was up.",
        "Outage": "An unbroken stretch of down time. Closed and planned time does not end it and is not counted in its "
        "length; the length by the clock has it.",
        "Poll that opened it": "The first poll that saw the store down. The outage may begin earlier: at the opening, "
        "or where the poll before ceased to hold.",
        "Instants": "Times headed (UTC) are UTC; those headed (local) are what the store's own clock read.",
        "Numbers": "Cells hold unrounded numbers; their format rounds. Durations are in minutes or hours, as headed.",
        "Stores without downtime": "Of the stores that had business time, those without any down time.",
    }
