"""The caller in answers."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from storewatch.access import Principal
from storewatch.domain.labels import Scope


class ScopeModel(BaseModel):
    """The scope of a key: it sees only stores that carry this label with this value."""

    label: Annotated[str, Field(min_length=1, max_length=200, examples=["owner"])]
    value: Annotated[str, Field(max_length=200, examples=["acme"])]

    @classmethod
    def of(cls, scope: Scope) -> Self | None:
        """Return a scope as the API shows it; None for all stores."""
        return cls(label=scope.label.name, value=scope.label.value) if scope.label else None


class Me(BaseModel):
    """The caller."""

    key_id: Annotated[str | None, Field(description="null if no key is required.", examples=["7hV2kQ9xLw"])]
    name: Annotated[str, Field(examples=["dashboard"])]
    role: Annotated[str, Field(examples=["viewer"])]
    scope: Annotated[ScopeModel | None, Field(description="null means all stores.")]

    @classmethod
    def of(cls, caller: Principal) -> Self:
        """Return a caller as the API shows it."""
        return cls(key_id=caller.key_id, name=caller.name, role=caller.role, scope=ScopeModel.of(caller.scope))
