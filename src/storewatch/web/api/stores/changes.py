"""Change the fields of one store, for the routes of stores and of weekly hours."""

from dataclasses import replace

from storewatch.access import Principal
from storewatch.domain.enums import WeekdayCounting
from storewatch.domain.errors import ScopedLabelsError
from storewatch.ingest.store_fields import check_fields
from storewatch.installation import Installation
from storewatch.stores import changes
from storewatch.web.api.stores.models import StoreChangeRequest
from storewatch.web.parameters import invalid, invalid_fields, local_date, members


def change_fields(
    installation: Installation,
    store_id: str,
    caller: Principal,
    body: StoreChangeRequest,
    weekdays: WeekdayCounting | None,
) -> tuple[str, ...]:
    """Check the fields of a body, and change them. Return sentences about how weekdays were read.

    Raises UnknownStoreError, ScopedLabelsError, or a 422 that names every wrong field. Then nothing is changed.
    """
    sent = body.sent()
    hours_from = local_date(body.valid_from, "body", "valid_from")
    if hours_from is not None and "weekly_hours" not in sent:
        raise invalid("only weekly hours can have a date; send weekly_hours too", "body", "valid_from")
    installation.stores.read(store_id, caller.scope)  # an unknown store is reported before wrong fields
    if sent.get("labels") and caller.scope.is_limited:
        raise ScopedLabelsError
    checked = check_fields(store_id, sent, weekdays)
    if checked.problems:
        raise invalid_fields((("body", *path), reason) for path, reason in checked.problems)
    with members("body"):
        changes.change_store(
            store_id,
            replace(checked.fields, hours_from=hours_from),
            catalog=installation.catalog,
            scope=caller.scope,
            now=installation.clock(),
        )
    return checked.assumed
