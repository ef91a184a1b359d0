"""A key appears only in the answer that creates it."""

import logging
from pathlib import Path

import pytest
from support.access_scene import REQUIRED, bearer, key_of, serving
from support.scene import settings_in

from storewatch.catalog import AuditFilter
from storewatch.domain.enums import Role
from storewatch.installation import open_installation


def test_key_is_in_no_log_no_audit_row_and_no_problem(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with open_installation(settings_in(tmp_path, database_url)) as app:
        admin, viewer = key_of(app), key_of(app, Role.VIEWER)
        wrong = admin[:-1] + ("a" if admin[-1] != "a" else "b")
        with serving(app, REQUIRED) as client:
            made = client.post("/v1/keys", json={"name": "made", "role": "viewer"}, headers=bearer(admin)).json()["key"]
            answers = [
                client.get("/v1/me", headers=bearer(admin)),
                client.get("/v1/keys", headers={"X-API-Key": admin}),
                client.get("/v1/keys", headers=bearer(viewer)),
                client.get("/v1/me", headers=bearer(wrong)),
                client.get("/v1/me", headers={"Authorization": f"Bearer {made}", "X-API-Key": wrong}),
                client.get("/nothing", headers=bearer(made)),
                client.get("/get_report", headers=bearer(viewer)),
                client.post("/v1/keys", content=b"{", headers=bearer(admin)),
                client.delete(f"/v1/keys/{made[3:13]}", headers=bearer(admin)),
                client.get("/v1/audit", headers=bearer(admin)),
            ]
        rows = app.catalog.audit.list_(AuditFilter(), limit=100)
    assert {row.action for row in rows} >= {"key.create", "key.revoke"}
    seen = caplog.text + str([vars(record) for record in caplog.records]) + str(rows)
    seen += "".join(f"{answer.text}{answer.headers}" for answer in answers)
    secrets = [key[14:] for key in (admin, viewer, made, wrong)]
    assert [secret for secret in secrets if secret in seen] == []
