"""Report definitions: the parameters of a report, saved under a name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import INSERTS
from storewatch.catalog.db.schema import report_definitions


@dataclass(frozen=True, kw_only=True)
class Definition:
    """The parameters of a report under a name."""

    name: str
    parameters: dict[str, Any]
    created_at: datetime
    created_by: str | None = None


class DefinitionRepository(Repository):
    """The report definitions."""

    def create(self, definition: Definition) -> bool:
        """Add a definition. Return False when there is a definition with this name."""
        with self._database.writing() as connection:
            adding = INSERTS[connection.dialect.name](report_definitions).values({**vars(definition)})
            kept = {"preserve_rowcount": True}
            return connection.execute(adding.on_conflict_do_nothing(), execution_options=kept).rowcount == 1

    def replace(self, definition: Definition) -> bool:
        """Store a definition. It replaces an earlier one of the same name. Return whether the name is new."""
        row = {**vars(definition)}
        with self._database.writing() as connection:
            adding = INSERTS[connection.dialect.name](report_definitions).values(row)
            name = report_definitions.c.name
            known = connection.execute(select(name).where(name == definition.name)).first()
            connection.execute(adding.on_conflict_do_update(index_elements=[name], set_=row))
            return known is None

    def list_(self) -> list[Definition]:
        """List all definitions by name."""
        with self._database.reading() as connection:
            found = connection.execute(select(report_definitions).order_by(report_definitions.c.name)).mappings()
            return [Definition(**row) for row in found]

    def find(self, name: str) -> Definition | None:
        with self._database.reading() as connection:
            query = select(report_definitions).where(report_definitions.c.name == name)
            row = connection.execute(query).mappings().first()
            return Definition(**row) if row else None

    def delete(self, name: str) -> bool:
        with self._database.writing() as connection:
            removing = delete(report_definitions).where(report_definitions.c.name == name)
            return connection.execute(removing).rowcount == 1
