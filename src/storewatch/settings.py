"""The settings of one installation, read from the environment once (in `app`) and handed down."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

DEFAULT_HOME = Path("storewatch-data")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where an installation keeps what it knows and what was seen.

    home: folder of everything that has no address of its own (created when missing).
    database_url: SQLAlchemy URL of the catalog; SQLite inside `home` by default.
    lake_url: folder or object-store URL of the Delta table; a folder inside `home` by default.
    """

    home: Path
    database_url: str
    lake_url: str

    @property
    def reports_dir(self) -> Path:
        return self.home / "reports"

    @classmethod
    def from_environment(cls, home: Path | None = None, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read STOREWATCH_HOME, STOREWATCH_DATABASE_URL and STOREWATCH_LAKE_URL; an explicit `home` wins."""
        folder = (home or Path(environment.get("STOREWATCH_HOME") or DEFAULT_HOME)).expanduser().absolute()
        own_database = f"sqlite:///{quote(str(folder / 'catalog.sqlite3'))}"
        return cls(
            home=folder,
            database_url=environment.get("STOREWATCH_DATABASE_URL") or own_database,
            lake_url=environment.get("STOREWATCH_LAKE_URL") or str(folder / "lake"),
        )
