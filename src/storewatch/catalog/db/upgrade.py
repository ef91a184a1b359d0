"""Run the migrations. Only this module imports Alembic (0.26 s)."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from storewatch.catalog.db.schema import HEAD
from storewatch.domain.errors import CatalogVersionError

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str | None, *, database: str) -> None:
    """Bring the database from `revision` to HEAD within the transaction of `connection`.

    Raises CatalogVersionError, which names `database`, when the revision is not one of these migrations.
    """
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise CatalogVersionError(
            f"The database {database} was written by a newer storewatch: it is at revision {revision!r}, and this one "
            f"supports none after {HEAD!r}. Install the newer storewatch, or use another STOREWATCH_DATABASE_URL."
        )
    command.upgrade(config, "head")
