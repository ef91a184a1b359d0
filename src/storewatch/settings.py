"""The settings of one installation, read from the environment once and passed to `installation`."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from storewatch.domain.errors import InvalidInputError

DEFAULT_HOME = Path("storewatch-data")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Who may call the service, and how often.

    require_key: require an API key on a loopback address too.
    allowed_hosts: host names, besides this machine's own, that requests to a service without keys may use.
    cors_origins: web origins (https://dashboard.example.com) whose pages may call the service; * is all.
    trusted_proxies: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
    rate_per_key, rate_per_address: such as `5000 per 10 second`; None: the default, which depends on the address.
    rate_limit_url: Redis in which several processes count together; None: each process counts alone.
    """

    require_key: bool = False
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    rate_per_key: str | None = None
    rate_per_address: str | None = None
    rate_limit_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "AccessSettings":
        return cls(
            require_key=_switch(environment, "STOREWATCH_REQUIRE_KEY"),
            allowed_hosts=_listed(environment, "STOREWATCH_ALLOWED_HOSTS"),
            cors_origins=_listed(environment, "STOREWATCH_CORS_ORIGINS"),
            trusted_proxies=_listed(environment, "STOREWATCH_TRUSTED_PROXIES"),
            rate_per_key=environment.get("STOREWATCH_RATE_PER_KEY") or None,
            rate_per_address=environment.get("STOREWATCH_RATE_PER_ADDRESS") or None,
            rate_limit_url=environment.get("STOREWATCH_RATE_LIMIT_URL") or None,
        )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where an installation keeps its data, and the limits of its service.

    home: folder of all data without another address (created when missing).
    database_url: SQLAlchemy URL of the catalog; SQLite inside `home` by default.
    lake_url: folder or object-store URL of the Delta table; a folder inside `home` by default.
    log_level: DEBUG, INFO, WARNING or ERROR. metrics_open: /metrics needs no key.
    max_body_mb: of a request with data (observations, hours); max_upload_mb: of a file to import.
    max_connections, max_connections_per_address: open at the same time; a trusted proxy may have all.
    max_queued_jobs_per_key: reports and imports of one API key that may wait at the same time.
    request_seconds: what a request may take until its answer begins. min_free_mb: with less on the disk of `home` the
    service is not ready. access: who may call the service, and how often.
    """

    home: Path
    database_url: str
    lake_url: str
    log_level: str = "INFO"
    metrics_open: bool = False
    max_body_mb: int = 64
    max_upload_mb: int = 4_096
    max_connections: int = 1_000
    max_connections_per_address: int = 250
    max_queued_jobs_per_key: int = 100
    request_seconds: int = 60
    min_free_mb: int = 500
    access: AccessSettings = field(default_factory=AccessSettings)

    @property
    def reports_dir(self) -> Path:
        return self.home / "reports"

    @property
    def uploads_dir(self) -> Path:
        """Files that wait for their import."""
        return self.home / "uploads"

    @property
    def local_folders(self) -> list[Path]:
        """The folders of this machine that hold the data: the home, and the lake if it is a folder elsewhere."""
        is_elsewhere = "://" not in self.lake_url and not Path(self.lake_url).is_relative_to(self.home)
        return [self.home, Path(self.lake_url)] if is_elsewhere else [self.home]

    @property
    def has_database_in_home(self) -> bool:
        """Return whether the catalog is the SQLite database of the home folder."""
        return self.database_url == _database_in(self.home)

    @classmethod
    def from_environment(cls, home: Path | None = None, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables of docs/reference/settings.md; an explicit `home` wins.

        Raises InvalidInputError for a value that its variable does not accept.
        """
        folder = home_folder(home, environment)
        return cls(
            home=folder,
            database_url=environment.get("STOREWATCH_DATABASE_URL") or _database_in(folder),
            lake_url=environment.get("STOREWATCH_LAKE_URL") or str(folder / "lake"),
            log_level=_one_of(environment, "STOREWATCH_LOG_LEVEL", cls.log_level, LOG_LEVELS),
            metrics_open=_switch(environment, "STOREWATCH_METRICS_OPEN"),
            max_body_mb=_positive(environment, "STOREWATCH_MAX_BODY_MB", cls.max_body_mb),
            max_upload_mb=_positive(environment, "STOREWATCH_MAX_UPLOAD_MB", cls.max_upload_mb),
            max_connections=_positive(environment, "STOREWATCH_MAX_CONNECTIONS", cls.max_connections),
            max_connections_per_address=_positive(
                environment, "STOREWATCH_MAX_CONNECTIONS_PER_ADDRESS", cls.max_connections_per_address
            ),
            max_queued_jobs_per_key=_positive(
                environment, "STOREWATCH_MAX_QUEUED_JOBS_PER_KEY", cls.max_queued_jobs_per_key
            ),
            request_seconds=_positive(environment, "STOREWATCH_REQUEST_SECONDS", cls.request_seconds),
            min_free_mb=_positive(environment, "STOREWATCH_MIN_FREE_MB", cls.min_free_mb),
            access=AccessSettings.from_environment(environment),
        )


def home_folder(home: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the home folder that a command uses; an explicit `home` wins."""
    return (home or Path(environment.get("STOREWATCH_HOME") or DEFAULT_HOME)).expanduser().absolute()


def _database_in(home: Path) -> str:
    return f"sqlite:///{quote(str(home / 'catalog.sqlite3'))}"


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not re.fullmatch(r"0*[1-9][0-9]{0,17}", text):
        raise InvalidInputError(f"{name} is {text!r}; it must be a whole number above 0.")
    return int(text)


def _switch(environment: Mapping[str, str], name: str) -> bool:
    return _one_of(environment, name, "0", ("0", "1")) == "1"


def _listed(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, environment.get(name, "").split(","))))


def _one_of(environment: Mapping[str, str], name: str, default: str, values: tuple[str, ...]) -> str:
    text = (environment.get(name) or default).upper()
    if text not in values:
        raise InvalidInputError(f"{name} is {text!r}; it must be one of {', '.join(values)}.")
    return text
