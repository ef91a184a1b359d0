"""Checks of whether a service is alive and ready, also when its database or lake is missing or hangs."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from fastapi.testclient import TestClient
from support.scene import settings_in
from support.services import service_of
from support.waiting import wait_for

from storewatch.domain.columns import OBSERVATIONS
from storewatch.installation import Installation, open_installation, prepare_service
from storewatch.web.api.health.checks import readiness_checks
from storewatch.web.service import create_service


def probe(parts: Installation) -> tuple[int, dict[str, Any]]:
    """Read /readyz without starting the worker."""
    response = TestClient(service_of(parts)).get("/readyz")
    return response.status_code, response.json()


def passed(answer: tuple[int, dict[str, Any]]) -> dict[str, bool]:
    status, body = answer
    outcomes = {name: check["ok"] for name, check in body["checks"].items()}
    assert (status, body["status"]) == ((200, "ready") if all(outcomes.values()) else (503, "not ready"))
    assert all(check["ms"] < 10_000 for check in body["checks"].values())
    return outcomes


def test_service_with_everything_it_needs_is_ready(app: Installation) -> None:
    with TestClient(service_of(prepare_service(app))) as client:
        assert client.get("/healthz").json() == {"status": "alive"}
        answer = client.get("/readyz")
        assert passed((answer.status_code, answer.json())) == {
            "catalog": True,
            "lake": True,
            "stores": True,
            "disk": True,
            "worker": True,
        }
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["checks"]["lake"]["detail"] == "reachable"


def test_service_without_a_worker_does_not_check_one(app: Installation) -> None:
    assert passed(probe(prepare_service(app, with_worker=False))) == {
        "catalog": True,
        "lake": True,
        "stores": True,
        "disk": True,
    }


def test_worker_that_does_not_beat_is_not_ready(app: Installation) -> None:
    status, body = probe(prepare_service(app))  # never started
    assert (status, body["checks"]["worker"]["ok"]) == (503, False)
    assert body["checks"]["worker"]["detail"] == "no heartbeat of the worker in this process"


def test_head_has_the_status_of_get_and_no_body(app: Installation) -> None:
    client = TestClient(service_of(prepare_service(app)))
    for path, status in (("/readyz", 503), ("/healthz", 200)):  # the worker is never started
        answers = [client.request(method, path) for method in ("GET", "HEAD")]
        assert [(answer.status_code, len(answer.content) > 0) for answer in answers] == [
            (status, True),
            (status, False),
        ]


def append_poll(parts: Installation, store_id: str) -> None:
    """Commit to the lake as a process does that is killed before it registers the store."""
    at = parts.clock()
    parts.lake.append([pl.DataFrame([(store_id, at, True, at)], OBSERVATIONS, orient="row")])


def test_service_registers_the_stores_of_the_lake_before_it_is_ready(app: Installation) -> None:
    append_poll(app, "left-behind")
    with TestClient(service_of(prepare_service(app, with_worker=False))) as client:
        assert client.get("/v1/stores/left-behind").status_code == 200
        assert client.get("/readyz").status_code == 200


def test_service_that_starts_without_a_lake_registers_its_stores_when_the_lake_is_back(
    app: Installation, tmp_path: Path
) -> None:
    append_poll(app, "left-behind")
    log = tmp_path / "home" / "lake" / "_delta_log"
    log.rename(tmp_path / "moved")
    with TestClient(service_of(prepare_service(app, with_worker=False))) as client:
        assert passed((client.get("/readyz").status_code, client.get("/readyz").json()))["stores"] is False
        (tmp_path / "moved").rename(log)
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/stores/left-behind").status_code == 200


def test_full_disk_is_not_ready(app: Installation) -> None:
    parts = prepare_service(app, with_worker=False)
    hungry = replace(parts, settings=replace(app.settings, min_free_mb=10**12))
    status, body = probe(hungry)
    assert (status, body["checks"]["disk"]["ok"]) == (503, False)
    assert body["checks"]["disk"]["detail"].endswith("MB free, fewer than 1,000,000,000,000")


def test_missing_lake_is_not_ready_and_no_path_is_shown(app: Installation, tmp_path: Path) -> None:
    parts = prepare_service(app, with_worker=False)
    (tmp_path / "home" / "lake" / "_delta_log").rename(tmp_path / "moved")
    status, body = probe(parts)
    assert passed((status, body)) == {"catalog": True, "lake": False, "stores": False, "disk": True}
    assert str(tmp_path) not in str(body)


def test_database_of_another_version_is_not_ready(app: Installation) -> None:
    with app.catalog.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert passed(probe(prepare_service(app, with_worker=False)))["catalog"] is False


def test_database_that_hangs_is_answered_in_time_and_asked_once(tmp_path: Path, postgres_url: str) -> None:
    with open_installation(settings_in(tmp_path, postgres_url)) as app, psycopg.connect(postgres_url) as locking:
        parts = prepare_service(app, with_worker=False)
        service = create_service(parts)
        checks = readiness_checks(parts, seconds=0.2)
        service.state.service_state = replace(service.state.service_state, readiness=checks)
        with TestClient(service) as client:
            locking.execute("LOCK TABLE alembic_version")
            before = threading.active_count()
            for _ in range(3):
                body = client.get("/readyz").json()
                assert body["checks"]["catalog"] == {
                    "ok": False,
                    "ms": body["checks"]["catalog"]["ms"],
                    "detail": "no answer within 0.2 s",
                }
                assert client.get("/healthz").json() == {"status": "alive"}
            assert threading.active_count() <= before + 1
            locking.rollback()
            wait_for(lambda: client.get("/readyz").status_code == 200)
