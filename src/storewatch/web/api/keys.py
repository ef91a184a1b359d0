"""API keys over HTTP, for admins."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from storewatch.access.keys import MAX_NAME_LENGTH, NewKey, create_key, find_key, revoke_key
from storewatch.catalog import ApiKey
from storewatch.domain.enums import Role
from storewatch.domain.instants import format_instant, parse_instant
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.installation import Installation
from storewatch.web.api.me import ScopeModel
from storewatch.web.audit import audited
from storewatch.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor
from storewatch.web.parameters import field
from storewatch.web.problems import problem_responses
from storewatch.web.security import Admin


class KeyRequest(BaseModel):
    """The key that is wanted."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH, examples=["dashboard of acme"])]
    role: Annotated[Role, Field(examples=["viewer"])]
    scope: Annotated[ScopeModel | None, Field(description="Only these stores; not for an admin.")] = None
    expires_at: Annotated[AwareDatetime | None, Field(examples=["2027-01-01T00:00:00Z"])] = None


class KeyModel(BaseModel):
    """A key without its secret, which nobody has but its owner."""

    key_id: Annotated[str, Field(examples=["7hV2kQ9xLw"])]
    name: Annotated[str, Field(examples=["dashboard of acme"])]
    role: Annotated[Role, Field(examples=["viewer"])]
    scope: ScopeModel | None
    state: Annotated[Literal["active", "expired", "revoked"], Field(examples=["active"])]
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    created_by: Annotated[str | None, Field(description="key_id; null from the command line or without a key.")]
    expires_at: str | None
    last_used_at: Annotated[str | None, Field(description="Right to about a minute.")]
    revoked_at: str | None


class NewKeyModel(KeyModel):
    """The key just made."""

    key: Annotated[str, Field(description="The key itself, shown this once.", examples=["sw_7hV2kQ9xLw_0Jx..."])]


def keys_routes(parts: Installation) -> APIRouter:
    router = APIRouter(prefix="/v1/keys", tags=["access"])
    catalog = parts.catalog

    @router.post(
        "",
        operation_id="create_key",
        status_code=201,
        responses=problem_responses(422),
        dependencies=[audited("key.create", "key")],
    )
    def create(body: KeyRequest, caller: Admin, request: Request, response: Response) -> NewKeyModel:
        """Make a key. Its text is in this answer and nowhere else."""
        with field("body"):
            new = create_key(
                catalog,
                name=body.name,
                role=body.role,
                scope=Scope(label=Label(body.scope.label, body.scope.value)) if body.scope else ALL_STORES,
                expires_at=body.expires_at,
                created_by=caller.key_id,
                now=parts.clock(),
            )
        request.state.audit_object = new.key.key_id
        request.state.audit_detail = {"name": body.name, "role": body.role, "scope": _words(body.scope)}
        response.headers["Location"] = f"/v1/keys/{new.key.key_id}"
        response.headers["Cache-Control"] = "no-store"
        return _new_model(new, parts.clock())

    @router.get("", operation_id="list_keys", responses=problem_responses(422))
    def list_(_: Admin, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[KeyModel]:
        """List all keys, also the expired and revoked, in the order in which they were made."""
        place = decode_cursor(cursor, str, str)
        after = None
        if place:
            with field("query", "cursor"):
                after = (parse_instant(place[0]), place[1])
        now = parts.clock()
        keys = [_model(key, now) for key in catalog.keys.list_(after=after, limit=limit + 1)]
        return Page[KeyModel].of(keys, limit, lambda key: (key.created_at, key.key_id))

    @router.get("/{key_id}", operation_id="get_key", responses=problem_responses(404, 422))
    def get(key_id: str, _: Admin) -> KeyModel:
        """Give one key."""
        return _model(find_key(catalog, key_id), parts.clock())

    @router.delete(
        "/{key_id}",
        operation_id="revoke_key",
        status_code=204,
        responses=problem_responses(404, 422),
        dependencies=[audited("key.revoke", "key")],
    )
    def revoke(key_id: str, _: Admin, request: Request) -> None:
        """Make a key useless: here at once, in other processes within five seconds."""
        revoke_key(catalog, key_id, parts.clock())
        request.app.state.access.gate.forget(key_id)

    return router


def _model(key: ApiKey, now: datetime) -> KeyModel:
    return KeyModel(**_members(key, now))


def _new_model(new: NewKey, now: datetime) -> NewKeyModel:
    return NewKeyModel(**_members(new.key, now), key=new.text)


def _members(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "role": key.role,
        "scope": ScopeModel(label=key.scope_label, value=key.scope_value or "") if key.scope_label else None,
        "state": "revoked" if key.revoked_at else "active" if key.usable(now) else "expired",
        "created_by": key.created_by,
    } | {
        name: format_instant(value) if (value := getattr(key, name)) else None
        for name in ("created_at", "expires_at", "last_used_at", "revoked_at")
    }


def _words(scope: ScopeModel | None) -> str | None:
    return f"{scope.label}={scope.value}" if scope else None
