"""Shared parts of the routes about one store over time: parameters, scope, ETag and range."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel

from storewatch.access import Principal
from storewatch.catalog import StoreRows
from storewatch.domain.enums import AnnotationMode, ClosureMode
from storewatch.domain.instants import SECOND_US, instant_of, instant_us
from storewatch.domain.policies import Policy, choose_policy
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.installation import Installation
from storewatch.stores.poll_texts import MAX_SOURCES, requested_sources
from storewatch.stores.sources import check_sources
from storewatch.stores.states import Moment
from storewatch.stores.timeline import DEFAULT_DAYS, MAX_DAYS, HistoryQuery, choose_range
from storewatch.web.etags import etag_of, etag_of_answer, headers, not_modified
from storewatch.web.parameters import field, instant
from storewatch.web.problems import problem_responses

From = Annotated[
    str | None,
    Query(alias="from", max_length=64, description=f"RFC 3339; default: {DEFAULT_DAYS} days before `to`.", examples=[]),
]
To = Annotated[
    str | None, Query(max_length=64, description="RFC 3339, not included; default: as_of, the newest observation.")
]
PolicyName = Annotated[str, Query(max_length=64, json_schema_extra={"enum": ["fill", "observed"]})]
MaxGap = Annotated[
    str | None,
    Query(
        max_length=64,
        description="The longest time that one poll counts for, such as `90m`; default: that of the policy.",
    ),
]
ClosuresMode = Annotated[
    ClosureMode,
    Query(
        description=(
            "Planned closures: honour counts their time as planned, exclude does not count it, ignore computes as if "
            "there were none."
        )
    ),
]
AnnotationsMode = Annotated[
    AnnotationMode,
    Query(description="Whether down time in an annotation counts as the annotation's `reclassify_as`."),
]

Sources = Annotated[
    list[str],
    Query(
        max_length=MAX_SOURCES,
        description="Count only polls of these sources; polls without a source are left out. Repeat it for several.",
        examples=[],
    ),
]
AllowUnknownSource = Annotated[bool, Query(description="Accept sources that no poll has yet.")]

# Builds the answer from the rows of the store, the moment, the query and the members of StoreRange.
AnswerBuilder = Callable[[StoreRows, Moment, HistoryQuery, dict[str, Any]], BaseModel]


def history_responses(no_store: str) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of the answers of these routes, except 200."""
    return problem_responses(422, s404=no_store) | {
        304: {"description": "The answer has not changed since it had the ETag that was sent."}
    }


@dataclass(frozen=True, kw_only=True)
class HistoryParameters:
    """The query parameters that timeline, availability and outages share. begin, end: None if not sent."""

    begin: datetime | None
    end: datetime | None
    policy: Policy
    closures: ClosureMode
    annotations: AnnotationMode
    sources: tuple[str, ...]
    allow_unknown: bool

    def etag_inputs(self) -> tuple[str | int | None, ...]:
        """Return the parameters as the ETag is computed from them."""
        ends = (None if end is None else instant_us(end) for end in (self.begin, self.end))
        policy = self.policy
        return (*ends, policy.name, policy.max_gap_us, self.closures, self.annotations, str(self.sources))


def history_parameters(default: Policy) -> Callable[..., HistoryParameters]:
    """Return the dependency that reads the parameters. default: the policy if none is sent."""

    def read(
        begin: From = None,
        to: To = None,
        policy: PolicyName = default.name,
        max_gap: MaxGap = None,
        closures: ClosuresMode = ClosureMode.HONOUR,
        annotations: AnnotationsMode = AnnotationMode.APPLY,
        sources: Sources = [],  # noqa: B006 - FastAPI copies it
        allow_unknown: AllowUnknownSource = False,
    ) -> HistoryParameters:
        with field("query", "sources"):
            chosen_sources = requested_sources(sources)
        with field("query", "policy" if max_gap is None else "max_gap"):
            chosen = choose_policy(policy, max_gap)
        return HistoryParameters(
            begin=instant(begin, "query", "from"),
            end=instant(to, "query", "to"),
            policy=chosen,
            closures=closures,
            annotations=annotations,
            sources=chosen_sources,
            allow_unknown=allow_unknown,
        )

    return read


@dataclass(frozen=True, kw_only=True)
class HistoryRequest:
    """One request about a store over time. name, parameters: further inputs of the ETag."""

    request: Request
    installation: Installation
    caller: Principal
    store_id: str
    shared: HistoryParameters
    name: str
    parameters: tuple[str | int | None, ...] = ()
    max_days: int = MAX_DAYS

    def answer(self, build: AnswerBuilder) -> Response:
        """Return the answer with its ETag, or a 304 if the client already has the answer. Raises UnknownStoreError."""
        store, moment = self.installation.stores.read(self.store_id, self.caller.scope)
        etag = None
        if not self.caller.scope.is_limited:
            etag = etag_of(moment, (self.name, self.store_id, *self.parameters, *self.shared.etag_inputs()))
            if (unchanged := not_modified(self.request, etag)) is not None:
                return unchanged
        shared = self.shared
        with field("query", "from"):
            chosen = choose_range(shared.begin, shared.end, moment.as_of_us, max_days=self.max_days)
        if not shared.allow_unknown:
            with field("query", "sources"):
                check_sources(moment.snapshot, self.installation.catalog, shared.sources, self.caller.scope)
        query = HistoryQuery(
            range=chosen,
            policy=shared.policy,
            closures=shared.closures,
            annotations=shared.annotations,
            sources=shared.sources,
        )
        text = build(store, moment, query, _about(store, moment, query)).model_dump_json(
            by_alias=True, exclude_unset=True
        )
        if etag is None:
            etag = etag_of_answer(text)
            if (unchanged := not_modified(self.request, etag)) is not None:
                return unchanged
        return Response(text, media_type="application/json", headers=headers(etag))


def _about(store: StoreRows, moment: Moment, query: HistoryQuery) -> dict[str, Any]:
    """Return the members of StoreRange."""
    return {
        "store_id": store.frame["store_id"][0],
        "timezone": store.frame["timezone"][0] or DEFAULT_TIMEZONE,
        "from_": instant_of(query.range.from_us),
        "to": instant_of(query.range.to_us),
        "as_of": None if moment.as_of_us is None else instant_of(moment.as_of_us),
        "policy": query.policy.name,
        "max_gap_seconds": query.policy.max_gap_us / SECOND_US,
        "closures": query.closures,
        "annotations": query.annotations,
        "sources": list(query.sources),
    }
