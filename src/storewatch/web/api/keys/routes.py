"""API keys: create, list, revoke; for admins."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from storewatch.access.keys import create_key, find_key, revoke_key
from storewatch.domain.labels import ALL_STORES, Scope, clean_label
from storewatch.web.api.keys.models import KeyModel, KeyRequest, NewKeyModel
from storewatch.web.audit import audited
from storewatch.web.dependencies import Installed, State
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_time_cursor
from storewatch.web.parameters import field, members
from storewatch.web.problems import problem_responses
from storewatch.web.security import Admin

router = APIRouter(prefix="/v1/keys", tags=["access"])

KeyPath = Annotated[str, Path(examples=["7hV2kQ9xLw"])]


@router.post(
    "",
    operation_id="createKey",
    status_code=201,
    responses=problem_responses(422),
    dependencies=[audited("key.create", "key")],
)
def create(
    body: KeyRequest, caller: Admin, request: Request, response: Response, installation: Installed
) -> NewKeyModel:
    """Create a key. Only this answer shows it.

    The scope must be a label and a value that a store carries, unless the request has `allow_unknown`.
    """
    key_scope = Scope(label=clean_label(body.scope.label, body.scope.value)) if body.scope else ALL_STORES
    with field("body"), members("body"):
        new = create_key(
            installation.catalog,
            name=body.name,
            role=body.role,
            scope=key_scope,
            expires_at=body.expires_at,
            created_by=caller.key_id,
            allow_unknown=body.allow_unknown,
            now=installation.clock(),
        )
    scope = f"{body.scope.label}={body.scope.value}" if body.scope else None
    request.state.audit_object = new.key.key_id
    request.state.audit_detail = {"name": body.name, "role": body.role, "scope": scope}
    response.headers["Location"] = f"/v1/keys/{new.key.key_id}"
    response.headers["Cache-Control"] = "no-store"
    return NewKeyModel.of_new(new, installation.clock())


@router.get("", operation_id="listKeys", responses=problem_responses(422))
def list_keys(_: Admin, installation: Installed, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[KeyModel]:
    """List all keys, including expired and revoked ones, the oldest first."""
    now = installation.clock()
    found = installation.catalog.keys.list_(after=decode_time_cursor(cursor), limit=limit + 1)
    keys = [KeyModel.of(key, now) for key in found]
    return Page[KeyModel].of(keys, limit, lambda key: (key.created_at, key.key_id))


@router.get("/{key_id}", operation_id="getKey", responses=problem_responses(404, 422))
def get_key(key_id: KeyPath, _: Admin, installation: Installed) -> KeyModel:
    """Return one key."""
    return KeyModel.of(find_key(installation.catalog, key_id), installation.clock())


@router.delete(
    "/{key_id}",
    operation_id="revokeKey",
    status_code=204,
    responses=problem_responses(404, 422),
    dependencies=[audited("key.revoke", "key")],
)
def revoke(key_id: KeyPath, _: Admin, installation: Installed, state: State) -> None:
    """Revoke a key. This process refuses it at once, other processes within five seconds."""
    revoke_key(installation.catalog, key_id, installation.clock())
    state.authenticator.forget(key_id)
