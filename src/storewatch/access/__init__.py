"""Who may do what, and which stores they may see."""

from storewatch.access.principal import ANYONE, Principal, Role, Scope

__all__ = ["ANYONE", "Principal", "Role", "Scope"]
