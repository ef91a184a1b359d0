"""Labels of stores, and scopes: the stores that a caller can see."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from storewatch.domain.texts import clean_id, clean_value


class Label(NamedTuple):
    """A label of a store and its value, such as owner=acme."""

    name: str
    value: str


def clean_label(name: str, value: str) -> Label:
    """Return a label in the form in which it is stored: the name in lower case, name and value cleaned."""
    return Label(clean_id(name).lower(), clean_value(value))


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The stores that a caller can see: those that carry `label`, or every store where it is None."""

    label: Label | None = None

    @property
    def is_limited(self) -> bool:
        """Whether some stores may be outside the scope."""
        return self.label is not None

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels that a store must carry to be in the scope."""
        return () if self.label is None else (self.label,)


ALL_STORES: Final = Scope()
