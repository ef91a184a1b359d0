"""Who may do what, and which stores they may see."""

from storewatch.access.principal import ANYONE, Principal
from storewatch.access.rules import AccessRules, KeyRule

__all__ = ["ANYONE", "AccessRules", "KeyRule", "Principal"]
