"""Changes of the fields of one store, as stores and weekly hours take them."""

from dataclasses import replace

from storewatch.access import Principal
from storewatch.ingest.store_fields import check_fields
from storewatch.installation import Installation
from storewatch.stores import changes
from storewatch.web.api.stores.models import StoreChangeRequest
from storewatch.web.parameters import invalid, invalid_fields, local_date, members


def change_fields(installation: Installation, store_id: str, caller: Principal, body: StoreChangeRequest) -> None:
    """Check the fields that a body has, and change them.

    Raises UnknownStoreError, or a 422 that names every field that cannot be used; then nothing is changed.
    """
    sent = body.sent()
    hours_from = local_date(body.valid_from, "body", "valid_from")
    if hours_from is not None and "weekly_hours" not in sent:
        raise invalid("only weekly hours are valid from a date; send them too", "body", "valid_from")
    installation.stores.read(store_id, caller.scope)  # a store that is unknown goes before fields that are wrong
    fields, problems = check_fields(store_id, sent, caller.scope)
    if problems:
        raise invalid_fields((("body", *path), reason) for path, reason in problems)
    with members("body"):
        changes.change_store(
            store_id,
            replace(fields, hours_from=hours_from),
            catalog=installation.catalog,
            scope=caller.scope,
            now=installation.clock(),
        )
