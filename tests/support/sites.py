"""A service in processes of its own, and the polls that it acknowledged."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2 as httpx

from storewatch.installation import Installation
from storewatch.integrity import check_installation
from storewatch.lake.overwritten import counting
from storewatch.stores.status import read_status
from support.real_processes import answers

Poll = tuple[str, datetime, bool]  # store_id, observed_at, whether it was active

UNLIMITED: Final = {"STOREWATCH_RATE_PER_ADDRESS": "1000000 per 1 second"}


class Ledger:
    """The polls that were acknowledged, from any number of threads."""

    def __init__(self) -> None:
        self._polls: dict[tuple[str, datetime], bool] = {}
        self._lock = threading.Lock()

    def add(self, polls: list[Poll]) -> None:
        with self._lock:
            self._polls |= {(store_id, at): active for store_id, at, active in polls}

    def remove(self, polls: list[Poll]) -> None:
        with self._lock:
            for store_id, at, _ in polls:
                del self._polls[store_id, at]

    def polls(self) -> dict[tuple[str, datetime], bool]:
        with self._lock:
            return dict(self._polls)

    def stores(self) -> set[str]:
        return {store_id for store_id, _ in self.polls()}


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running service, and the same installation opened by the test past everything that disturbs the service.

    urls: of the processes of the service. secrets: texts that no answer may show.
    """

    app: Installation
    urls: tuple[str, ...]
    secrets: tuple[str, ...]
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def home(self) -> Path:
        return self.app.settings.home

    def is_ready(self) -> bool:
        """Return whether every process of the service is ready."""
        return all(self._answers(url) for url in self.urls)

    @staticmethod
    def _answers(url: str) -> bool:
        with httpx.Client(base_url=url, timeout=10) as client:
            return answers(client, "/readyz")


def check_acknowledged(app: Installation, acknowledged: dict[tuple[str, datetime], bool]) -> None:
    """Check that a lake has these polls, that their stores are known, and that nothing is damaged."""
    assert check_installation(app).problems == ()
    found = polls_in(app)
    assert acknowledged.keys() - found.keys() == set()
    assert {key: found[key] for key in acknowledged} == acknowledged
    known = set(app.catalog.stores.read_all().frame["store_id"])
    assert {store_id for store_id, _ in acknowledged} - known == set()


def check_whole(app: Installation, expected: dict[tuple[str, datetime], bool]) -> None:
    """Check that a lake has exactly these polls, each once, and that nothing in the installation is damaged."""
    check_acknowledged(app, expected)
    assert polls_in(app).keys() - expected.keys() == set()
    assert read_status(app.catalog, app.lake.snapshot(), app.settings.home).polls == len(expected)
    app.lake.optimize(now=datetime.now(UTC))
    assert app.lake.snapshot().rows == len(expected)
    assert polls_in(app) == expected


def polls_in(app: Installation) -> dict[tuple[str, datetime], bool]:
    """Return of each store and instant whether it is active."""
    rows = counting(app.lake.snapshot().read(-(2**62), 2**62))["store_id", "observed_at", "active"]
    return {(store_id, at): active for store_id, at, active in rows.iter_rows()}
