"""Check that the stores, labels and sources that a request names exist."""

from typing import Final

from storewatch.catalog import Catalog
from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.lake import Snapshot
from storewatch.reports.request.request import ReportRequest
from storewatch.stores.sources import check_sources

# Values of group_by that are no labels.
BY_TIMEZONE: Final = "timezone"
BY_HOURS: Final = "hours"


def check_names(request: ReportRequest, catalog: Catalog, scope: Scope = ALL_STORES) -> None:
    """Raise UnknownStoreError or InvalidParameterError for a store or a label of the request that does not exist.

    The error has the nearest names. A request with allow_unknown is not checked. A store that is deleted
    between this check and the run is left out of the report.
    """
    if request.allow_unknown:
        return
    if request.store_ids:
        catalog.names.require_stores(request.store_ids, scope)
    check_labels(request, catalog, scope)


def check_polls(request: ReportRequest, snapshot: Snapshot, catalog: Catalog, scope: Scope = ALL_STORES) -> None:
    """Raise InvalidParameterError, with the nearest names, for a source of the request that no poll has."""
    if request.allow_unknown:
        return
    try:
        check_sources(snapshot, catalog, request.sources, scope)
    except InvalidInputError as error:
        raise InvalidParameterError("sources", str(error)) from None


def check_labels(request: ReportRequest, catalog: Catalog, scope: Scope) -> None:
    """Raise InvalidParameterError, with the nearest names, for a label of the request that no store carries."""
    try:
        member = "labels"
        for label in request.labels:
            catalog.names.check_label(label, scope)
        for member, name in (("group_by", request.group_by), ("peers", request.peers)):
            if name is not None and not (member == "group_by" and name in (BY_TIMEZONE, BY_HOURS)):
                catalog.names.check_label_name(name, scope)
    except InvalidInputError as error:
        raise InvalidParameterError(member, str(error)) from None
