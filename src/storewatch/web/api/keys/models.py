"""API keys in requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from storewatch.access.keys import MAX_NAME_LENGTH, NewKey
from storewatch.catalog import ApiKey
from storewatch.domain.enums import KeyState, Role
from storewatch.domain.instants import format_instant, format_optional_instant
from storewatch.web.api.me.models import ScopeModel
from storewatch.web.api.targeting import AllowUnknown


class KeyRequest(BaseModel):
    """The key to create."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH, examples=["dashboard of acme"])]
    role: Annotated[Role, Field(examples=["viewer"])]
    scope: Annotated[
        ScopeModel | None, Field(description="The stores that the key sees. An admin key cannot have a scope.")
    ] = None
    allow_unknown: AllowUnknown = False
    expires_at: Annotated[AwareDatetime | None, Field(examples=["2027-01-01T00:00:00Z"])] = None


class KeyModel(BaseModel):
    """A key without its secret, which only its owner has."""

    key_id: Annotated[str, Field(examples=["7hV2kQ9xLw"])]
    name: Annotated[str, Field(examples=["dashboard of acme"])]
    role: Annotated[Role, Field(examples=["viewer"])]
    scope: ScopeModel | None
    state: KeyState
    created_at: Annotated[str, Field(examples=["2026-03-01T09:30:00Z"])]
    created_by: Annotated[
        str | None, Field(description="The key_id of the creator; null for a command, or if there was no key.")
    ]
    expires_at: str | None
    last_used_at: Annotated[str | None, Field(description="The last use, exact to about a minute.")]
    revoked_at: str | None

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> Self:
        """Return a key as the API shows it."""
        return cls(**_key_values(key, now))


class NewKeyModel(KeyModel):
    """The key that was created."""

    key: Annotated[
        str, Field(description="The key itself. Only this answer shows it.", examples=["sw_7hV2kQ9xLw_0Jx..."])
    ]

    @classmethod
    def of_new(cls, new: NewKey, now: datetime) -> Self:
        """Return a new key with its text."""
        return cls(**_key_values(new.key, now), key=new.text)


def _key_values(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "role": key.role,
        "scope": ScopeModel(label=key.scope_label, value=key.scope_value or "") if key.scope_label else None,
        "state": key.state(now),
        "created_at": format_instant(key.created_at),
        "created_by": key.created_by,
        "expires_at": format_optional_instant(key.expires_at),
        "last_used_at": format_optional_instant(key.last_used_at),
        "revoked_at": format_optional_instant(key.revoked_at),
    }
