"""Delete wrong observations over HTTP, by store and range or by a list."""

from dataclasses import replace

import polars as pl
from fastapi import APIRouter, Request

from storewatch.lake import Keys, TimeRange
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
    sent = body.store_ids
    choice = body.choice()
    choice = _of_stores(choice, sent, installation.catalog.names.require_stores(sent, caller.scope))
    if body.dry_run:
        request.state.audit = None
        return DeletionModel.of(preview_deletion(installation.lake, choice), caller, dry_run=True)
    done = delete_observations(installation.lake, choice)
    request.state.audit_object = body.store_id
    request.state.audit_detail = {"observations": done.observations, "lake_version": done.lake_version}
    return DeletionModel.of(done, caller, dry_run=False)


def _of_stores(choice: Keys | TimeRange, sent: list[str], known: list[str]) -> Keys | TimeRange:
    """Return the choice with the ids of the stores that the sent ids name."""
    if isinstance(choice, TimeRange):
        return replace(choice, store_ids=tuple(known))
    return Keys(keys=choice.keys.with_columns(pl.col("store_id").replace(sent, known)).unique())
