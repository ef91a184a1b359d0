"""Wrong observations are deleted over HTTP, by store and range or by a list."""

from fastapi import APIRouter, Request

from storewatch.access import Principal
from storewatch.catalog import Catalog
from storewatch.domain.errors import UnknownStoreError
from storewatch.stores.observations import delete_observations, preview_deletion
from storewatch.web.api.observations.models import DeletionBody, DeletionModel
from storewatch.web.api.targeting import NO_STORE
from storewatch.web.audit import audited
from storewatch.web.body_limits import BodyLimit, body_limit
from storewatch.web.dependencies import Installed
from storewatch.web.problems import problem_responses
from storewatch.web.security import Operator

router = APIRouter(tags=["observations"])


@router.post(
    "/v1/observations/deletions",
    operation_id="deleteObservations",
    responses=problem_responses(422, s404=NO_STORE),
    dependencies=[audited("observations.delete", "observations")],
)
@body_limit(BodyLimit.DATA)
def delete_wrong_observations(
    body: DeletionBody, caller: Operator, installation: Installed, request: Request
) -> DeletionModel:
    """Delete observations that are wrong, all of them in one version of the lake. Send `dry_run` first to count them.

    Hours, zones, labels and annotations stay. Older versions of the lake still have the observations, until retention
    deletes those versions. Deleting again finds nothing and changes nothing.
    """
    choice = body.choice()
    _check_stores(body.store_ids, caller, installation.catalog)
    if body.dry_run:
        request.state.audit = None
        return DeletionModel.of(preview_deletion(installation.lake, choice), dry_run=True)
    done = delete_observations(installation.lake, choice)
    request.state.audit_object = body.store_id
    request.state.audit_detail = {"observations": done.observations, "lake_version": done.lake_version}
    return DeletionModel.of(done, dry_run=False)


def _check_stores(store_ids: list[str], caller: Principal, catalog: Catalog) -> None:
    found = set(catalog.stores.select(store_ids, caller.scope).frame["store_id"])
    for store_id in store_ids:
        if store_id not in found:
            raise UnknownStoreError(store_id)
