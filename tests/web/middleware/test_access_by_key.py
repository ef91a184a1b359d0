"""Access by key, and by the address of the request."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from support.access_scene import REQUIRED, bearer, key_of, serving

from storewatch.access import AccessRules, KeyRule
from storewatch.access.keys import revoke_key
from storewatch.catalog import AuditFilter
from storewatch.domain.enums import Role
from storewatch.domain.labels import Label, Scope
from storewatch.installation import Installation

LOOPBACK = AccessRules(keys=KeyRule.LOOPBACK)


@pytest.fixture
def app(installation: Installation) -> Installation:
    return installation


@pytest.fixture
def client(app: Installation) -> Iterator[TestClient]:
    with serving(app) as client:
        yield client


def refused(response, status: int, name: str) -> bool:
    assert response.headers["content-type"] == "application/problem+json"
    return (response.status_code, response.json()["type"]) == (status, f"urn:storewatch:problem:{name}")


def test_request_without_key_is_refused_before_anything_else(client: TestClient) -> None:
    for response in (client.get("/v1/me"), client.get("/v1/nothing"), client.post("/v1/keys", content=b"{broken")):
        assert refused(response, 401, "missing-key")
        assert response.headers["www-authenticate"] == 'Bearer realm="storewatch"'


@pytest.mark.parametrize(
    "sent", [bearer, lambda key: {"Authorization": f"bearer  {key} "}, lambda key: {"X-API-Key": key}]
)
def test_good_key_is_let_in_by_either_header(app: Installation, client: TestClient, sent) -> None:
    key = key_of(app, Role.VIEWER, Scope(label=Label("owner", "acme")))
    response = client.get("/v1/me", headers=sent(key))
    assert response.json() == {
        "key_id": key[3:13],
        "name": "viewer",
        "role": "viewer",
        "scope": {"label": "owner", "value": "acme"},
    }
    assert response.headers["cache-control"] == "no-store"


def test_basic_credentials_of_a_proxy_do_not_disturb_a_key(app: Installation, client: TestClient) -> None:
    key = key_of(app)
    assert client.get("/v1/me", headers={"Authorization": "Basic eDp5", "X-API-Key": key}).status_code == 200
    assert refused(client.get("/v1/me", headers={"Authorization": "Basic eDp5"}), 401, "missing-key")


@pytest.mark.parametrize(
    "text", ["", "sw_", "nonsense", "sw_0123456789_" + "0" * 49, "x" * 20_000, "sw_\u00e4".encode("latin-1")]
)
def test_wrong_key_is_refused(client: TestClient, text: str | bytes) -> None:
    response = client.get("/v1/me", headers={"X-API-Key": text})
    assert refused(response, 401, "invalid-key")
    assert response.headers["www-authenticate"] == 'Bearer realm="storewatch", error="invalid_token"'


def test_two_different_keys_are_refused(app: Installation, client: TestClient) -> None:
    one, two = key_of(app), key_of(app)
    assert refused(client.get("/v1/me", headers={"X-API-Key": two, **bearer(one)}), 401, "invalid-key")
    assert client.get("/v1/me", headers={"X-API-Key": one, **bearer(one)}).status_code == 200


def test_key_in_the_query_is_not_taken(app: Installation, client: TestClient) -> None:
    assert refused(client.get("/v1/me", params={"api_key": key_of(app)}), 401, "missing-key")


def test_expired_and_revoked_keys_are_refused_alike(app: Installation, client: TestClient) -> None:
    now = datetime.now(UTC)
    expired = key_of(app, expires_at=now - timedelta(days=1), now=now - timedelta(days=2))
    revoked = key_of(app)
    revoke_key(app.catalog, revoked[3:13], now)
    answers = [client.get("/v1/me", headers=bearer(key)) for key in (expired, revoked, "sw_nonsense")]
    assert all(refused(answer, 401, "invalid-key") for answer in answers)
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_what_the_service_is_may_be_read_without_key(client: TestClient) -> None:
    for path in ("/", "/docs", "/redoc", "/openapi.json", "/static-offline-docs/swagger-ui-bundle.js"):
        assert client.get(path).status_code == 200
    for path in ("/static-offline-docs/../v1/me", "//v1/me", "/docs/v1/me", "/metrics"):
        assert client.get(path).status_code in (401, 404)
        assert "role" not in client.get(path).text


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8000", "http://localhost:9", "http://[::1]:8000", "http://LOCALHOST"]
)
def test_loopback_requires_no_key(app: Installation, base_url: str) -> None:
    with serving(app, LOOPBACK, base_url=base_url) as client:
        assert client.get("/v1/me").json() == {"key_id": None, "name": "anyone", "role": "admin", "scope": None}


def test_key_that_is_sent_counts_on_loopback_too(app: Installation) -> None:
    with serving(app, LOOPBACK) as client:
        assert client.get("/v1/me", headers=bearer(key_of(app, Role.VIEWER))).json()["role"] == "viewer"
        assert refused(client.get("/v1/keys", headers=bearer(key_of(app, Role.VIEWER))), 403, "role-too-low")
        assert refused(client.get("/v1/me", headers=bearer("sw_nonsense")), 401, "invalid-key")


@pytest.mark.parametrize(
    "host", ["evil.example.com", "127.0.0.1.evil.example.com:8000", "", "[", "user@evil.example.com"]
)
@pytest.mark.parametrize("path", ["/", "/v1/me", "/docs"])
def test_loopback_answers_to_its_own_names_only(app: Installation, host: str, path: str) -> None:
    with serving(app, LOOPBACK) as client:
        assert refused(client.get(path, headers={"Host": host}), 421, "foreign-host")


def test_loopback_answers_to_names_that_are_allowed(app: Installation) -> None:
    access = AccessRules(keys=KeyRule.LOOPBACK, allowed_hosts=frozenset({"stores.internal"}))
    with serving(app, access) as client:
        assert client.get("/v1/me", headers={"Host": "Stores.Internal:8000"}).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "Via"])
def test_loopback_requires_a_key_of_callers_behind_a_proxy(app: Installation, header: str) -> None:
    with serving(app, LOOPBACK) as client:
        response = client.get("/v1/me", headers={header: "127.0.0.1"})
        assert refused(response, 401, "missing-key")
        assert "proxy" in response.json()["detail"]
        assert client.get("/v1/me", headers={header: "127.0.0.1", **bearer(key_of(app))}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_loopback_takes_nothing_from_pages_of_other_sites(app: Installation, headers: dict[str, str]) -> None:
    with serving(app, LOOPBACK) as client:
        for response in (client.get("/v1/me", headers=headers), client.delete("/v1/keys/x", headers=headers)):
            assert refused(response, 403, "foreign-origin")


def test_loopback_follows_links_and_its_own_pages(app: Installation) -> None:
    with serving(app, LOOPBACK) as client:
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        for headers in (link, {"Origin": "http://127.0.0.1:8000"}, {"Origin": "http://localhost:3000"}):
            assert client.get("/v1/me", headers=headers).status_code == 200


def test_log_names_why_a_request_was_refused_and_which_key(
    app: Installation, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    viewer, revoked = key_of(app, Role.VIEWER), key_of(app)
    revoke_key(app.catalog, revoked[3:13], datetime.now(UTC))
    for key in ("", "sw_nonsense", revoked, viewer):
        client.get("/v1/keys", headers=bearer(key) if key else {})
    names = ("status", "problem", "key_id", "refused_key_id")
    lines = [[getattr(line, name, None) for name in names] for line in caplog.records if line.message == "request"]
    assert lines == [
        [401, "missing-key", None, None],
        [401, "invalid-key", None, None],
        [401, "invalid-key", None, revoked[3:13]],
        [403, "role-too-low", viewer[3:13], None],
    ]
    assert revoked not in caplog.text


def test_cors_is_off_unless_origins_are_listed(app: Installation) -> None:
    key, origin = key_of(app), "https://dashboard.example.com"
    ask = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    with serving(app) as client:
        assert refused(client.options("/v1/me", headers=ask), 401, "missing-key")
        assert (
            "access-control-allow-origin" not in client.get("/v1/me", headers={**bearer(key), "Origin": origin}).headers
        )
    with serving(app, AccessRules(keys=KeyRule.REQUIRED, cors_origins=(origin,))) as client:
        assert client.options("/v1/me", headers=ask).headers["access-control-allow-origin"] == origin
        for headers in ({"Origin": origin}, {**bearer(key), "Origin": origin}):
            assert client.get("/v1/me", headers=headers).headers["access-control-allow-origin"] == origin
        for other in ({"Origin": "https://evil.example.com"}, {**ask, "Origin": "https://evil.example.com"}):
            assert "access-control-allow-origin" not in client.get("/v1/me", headers=other).headers
            assert client.options("/v1/me", headers=other).status_code in (400, 401)


def test_every_answer_carries_the_security_headers(app: Installation, client: TestClient) -> None:
    key = key_of(app)
    for response in (
        client.get("/"),
        client.get("/v1/me"),
        client.get("/v1/me", headers=bearer(key)),
        client.get("/docs"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"
        policy = response.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= {*policy}
        assert "strict-transport-security" not in response.headers
    assert "script-src" not in client.get("/").headers["content-security-policy"]
    assert "script-src 'self'" in client.get("/docs").headers["content-security-policy"]
    assert "cache-control" not in client.get("/").headers


def test_https_is_to_stay_https(app: Installation) -> None:
    with serving(app, REQUIRED, base_url="https://storewatch.example.com") as client:
        assert client.get("/").headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_viewers_upload_is_refused_unread_and_audited(app: Installation) -> None:
    key = key_of(app, Role.VIEWER)
    with serving(app, headers=bearer(key)) as client:
        for path, kind in (("/v1/imports", "multipart/form-data; boundary=b"), ("/v1/keys", "application/json")):
            response = client.post(path, content=b"{" * 1000, headers={"Content-Type": kind})
            assert refused(response, 403, "role-too-low")
        assert list(app.settings.home.glob("uploads/*")) == []
    rows = app.catalog.audit.list_(AuditFilter(), limit=10)
    assert [(row.action, row.outcome, row.actor_id) for row in rows] == [
        ("key.create", "refused", key[3:13]),
        ("import.create", "refused", key[3:13]),
    ]


def test_key_revoked_over_http_ends_at_once(app: Installation, client: TestClient) -> None:
    admin, doomed = key_of(app), key_of(app, Role.VIEWER)
    assert client.get("/v1/me", headers=bearer(doomed)).status_code == 200
    assert client.delete(f"/v1/keys/{doomed[3:13]}", headers=bearer(admin)).status_code == 204
    assert refused(client.get("/v1/me", headers=bearer(doomed)), 401, "invalid-key")
