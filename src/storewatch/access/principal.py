"""The caller of the service: the role and scope of a key, or an anonymous caller where no key is needed."""

from dataclasses import dataclass
from typing import Final

from storewatch.domain.enums import Role
from storewatch.domain.labels import ALL_STORES, Scope


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A caller of the service. key_id: None where no key is needed."""

    key_id: str | None
    name: str
    role: Role
    scope: Scope = ALL_STORES


ANYONE: Final = Principal(key_id=None, name="anyone", role=Role.ADMIN)
