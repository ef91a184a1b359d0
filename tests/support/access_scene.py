"""A service with keys: real parts in one process, called through its real layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi.testclient import TestClient

from storewatch.access import AccessRules, KeyRule
from storewatch.access.keys import create_key
from storewatch.domain.enums import Role
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.installation import Installation, prepare_service, utc_now
from support.services import service_of

REQUIRED = AccessRules(keys=KeyRule.REQUIRED)


def key_of(app: Installation, role: Role = Role.ADMIN, scope: Scope = ALL_STORES, **changes: Any) -> str:
    """Create a key and return its text."""
    words = {"name": role.name.lower(), "role": role, "scope": scope, "now": utc_now()} | changes
    return create_key(app.catalog, **words).text


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def serving(
    app: Installation, access: AccessRules = REQUIRED, *, with_worker: bool = False, **options: Any
) -> Iterator[TestClient]:
    """Run the service and yield a client. options: those of TestClient."""
    wanted: dict[str, Any] = {"base_url": "http://127.0.0.1:8000", "raise_server_exceptions": False} | options
    parts = prepare_service(app, with_worker=with_worker, access=access)
    with TestClient(service_of(parts), **wanted) as client:
        yield client
