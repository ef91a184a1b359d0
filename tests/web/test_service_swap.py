"""A service is built once and serves one installation after the other, by the rules of each."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from support.access_scene import REQUIRED, bearer, key_of
from support.scene import import_scene, settings_in

from storewatch.access import AccessRules
from storewatch.installation import open_installation, prepare_service
from storewatch.web.service import build_service, install


def test_service_works_on_the_installation_that_was_installed_last(tmp_path: Path) -> None:
    service = build_service()
    with (
        open_installation(settings_in(tmp_path / "one")) as one,
        open_installation(settings_in(tmp_path / "two")) as two,
    ):
        import_scene(two, tmp_path / "files")
        install(service, prepare_service(one, with_worker=False, access=REQUIRED))
        with TestClient(service) as client:
            assert client.get("/v1/reports").status_code == 401
            key = key_of(one)
            assert client.get("/v1/status", headers=bearer(key)).json()["stores"] == 0
            assert client.get("/readyz").json()["checks"].keys() == {"catalog", "lake", "stores", "disk"}
        cramped = replace(two.settings, max_body_mb=1, metrics_open=True)
        parts = prepare_service(two, access=AccessRules(cors_origins=("https://example.org",)))
        install(service, replace(parts, settings=cramped))
        with TestClient(service, base_url="http://127.0.0.1:8000") as client:
            status = client.get("/v1/status", headers={"Origin": "https://example.org"})
            assert status.json()["stores"] == 3
            assert status.headers["access-control-allow-origin"] == "https://example.org"
            assert client.get("/readyz").json()["checks"]["worker"]["ok"]
            assert client.put("/v1/labels", content=bytes(1_000_001)).status_code == 413
            assert client.get("/v1/me", headers=bearer(key)).status_code == 401  # a key of the other installation


def test_running_service_keeps_its_installation(tmp_path: Path) -> None:
    service = build_service()
    with open_installation(settings_in(tmp_path)) as app:
        parts = prepare_service(app, with_worker=False)
        install(service, parts)
        with TestClient(service), pytest.raises(RuntimeError, match="stop it first"):
            install(service, parts)
        install(service, parts)
