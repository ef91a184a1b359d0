"""Bodies of many rows: the good ones go in, the others come back with their place and reason."""

from collections.abc import Callable

from anyio.to_thread import run_sync
from fastapi import Request

from storewatch.access import Principal
from storewatch.ingest.bulk import BulkChange, BulkFormat
from storewatch.installation import Installation
from storewatch.web.api.store_models import BulkAnswer
from storewatch.web.parameters import field, invalid_fields, media_type


async def replace_rows(
    request: Request, caller: Principal, parts: Installation, replace: Callable[..., BulkChange]
) -> BulkAnswer:
    """Read the body of a request and have it put in by `replace`, one of ingest.stores."""
    form = media_type(request.headers.get("content-type", ""), {form.value: form for form in BulkFormat})
    body = await request.body()

    def run() -> BulkChange:
        with field("body"):
            return replace(body, form, catalog=parts.catalog, scope=caller.scope, now=parts.clock())

    changed = await run_sync(run)
    request.state.audit_detail = {"accepted": changed.accepted, "rejected": changed.rejected}
    if not changed.accepted:
        raise invalid_fields((("body", reject.index), reject.reason) for reject in changed.rejects)
    return BulkAnswer.of(changed)
