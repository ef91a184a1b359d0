"""Labels of many stores at once."""

from functools import partial
from typing import Final

from fastapi import APIRouter, Request

from storewatch.ingest import bulk
from storewatch.web.api.bulk import BULK_RESPONSES, BulkAnswer, bulk_body, replace_rows
from storewatch.web.api.mappings.parameters import MappedColumns
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import Installed
from storewatch.web.security import Operator

router = APIRouter(tags=["stores"])

_BODY: Final = bulk_body(
    {
        "store_id": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    },
    {"store_id": "cafe", "labels": {"name": "Café Central", "owner": "acme"}},
    "store_id,name,owner\ncafe,Café Central,acme\n",
)


@router.put(
    "/v1/labels",
    operation_id="replaceLabels",
    dependencies=[audited("labels.replace", "stores")],
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=BULK_RESPONSES,
)
@router.post(
    "/v1/labels",
    operation_id="replaceLabelsByPost",
    deprecated=True,
    dependencies=[audited("labels.replace", "stores")],
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=BULK_RESPONSES,
)
@body_limit(BodyLimit.DATA)
async def replace_labels(
    request: Request, caller: Operator, installation: Installed, columns: MappedColumns
) -> BulkAnswer:
    """Replace the labels of many stores.

    All labels of every store that a good row names are replaced; other stores keep their labels. Good rows are stored,
    the others are returned with their position and reason. The body is JSON, or CSV with store_id, name and a column
    for each label.
    """
    return await replace_rows(request, caller, installation, partial(bulk.replace_labels, columns=columns))
