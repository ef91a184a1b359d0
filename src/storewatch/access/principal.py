"""The caller of the service: a key's role and scope, or anyone where no key is asked for."""

from dataclasses import dataclass
from typing import Final

from storewatch.domain.enums import Role
from storewatch.domain.labels import Label


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Only stores that carry this label with this value exist for the caller."""

    label: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A caller. key_id is None where no key is asked for; scope None means every store."""

    key_id: str | None
    name: str
    role: Role
    scope: Scope | None = None

    @property
    def label(self) -> Label | None:
        """The scope as the catalog takes it: label and value."""
        return Label(self.scope.label, self.scope.value) if self.scope else None


ANYONE: Final = Principal(key_id=None, name="anyone", role=Role.ADMIN)
