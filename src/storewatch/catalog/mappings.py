"""Column mappings: saved under a name, they say which column of a file holds which field."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import INSERTS
from storewatch.catalog.db.schema import column_mappings


@dataclass(frozen=True, kw_only=True)
class ColumnMapping:
    """Which columns of a file hold which fields. columns: name in the header -> name of the field."""

    name: str
    columns: dict[str, str]
    created_at: datetime
    created_by: str | None = None

    def options(self) -> list[str]:
        """List `column=field` for each column."""
        return [f"{column}={field}" for column, field in self.columns.items()]


class ColumnMappingRepository(Repository):
    """The saved column mappings."""

    def replace(self, mapping: ColumnMapping) -> None:
        """Store a mapping. It replaces an earlier mapping of the same name."""
        row = {**vars(mapping)}
        with self._database.writing() as connection:
            adding = INSERTS[connection.dialect.name](column_mappings).values(row)
            connection.execute(adding.on_conflict_do_update(index_elements=[column_mappings.c.name], set_=row))

    def list_(self) -> list[ColumnMapping]:
        """List all mappings by name."""
        with self._database.reading() as connection:
            found = connection.execute(select(column_mappings).order_by(column_mappings.c.name)).mappings()
            return [ColumnMapping(**row) for row in found]

    def find(self, name: str) -> ColumnMapping | None:
        """Return the mapping with this name, or None."""
        with self._database.reading() as connection:
            query = select(column_mappings).where(column_mappings.c.name == name)
            row = connection.execute(query).mappings().first()
            return ColumnMapping(**row) if row else None

    def delete(self, name: str) -> bool:
        """Delete a mapping; return whether there was one."""
        with self._database.writing() as connection:
            removing = delete(column_mappings).where(column_mappings.c.name == name)
            return connection.execute(removing).rowcount == 1
