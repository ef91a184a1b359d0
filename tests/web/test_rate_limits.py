"""Rate limits as clients see them."""

import pytest
from support.access_scene import bearer, key_of, serving

from storewatch.access import AccessRules, KeyRule
from storewatch.access.rate_limits import RateLimits
from storewatch.installation import Installation

LIMITED = AccessRules(keys=KeyRule.REQUIRED, rates=RateLimits(per_key="3 per hour", per_address="2 per hour"))


@pytest.fixture
def app(installation: Installation) -> Installation:
    return installation


def test_key_sees_the_requests_left_and_then_how_long_to_wait(app: Installation) -> None:
    with serving(app, LIMITED, headers=bearer(key_of(app))) as client:
        answers = [client.get("/v1/me") for _ in range(4)]
        other = client.get("/v1/me", headers=bearer(key_of(app)))
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit"].split(";")[:2] for answer in answers] == [
        ['"key"', "r=2"],
        ['"key"', "r=1"],
        ['"key"', "r=0"],
        ['"key"', "r=0"],
    ]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"key";q=3;w=3600'}
    last = answers[-1]
    assert (last.headers["content-type"], last.json()["type"]) == (
        "application/problem+json",
        "urn:storewatch:problem:too-many-requests",
    )
    assert 3590 < int(last.headers["retry-after"]) <= 3600
    assert other.status_code == 200


def test_address_is_counted_for_what_brings_no_good_key(app: Installation) -> None:
    key = key_of(app)
    with serving(app, LIMITED, client=("203.0.113.9", 1)) as client:
        assert client.get("/v1/me", headers=bearer("sw_guess")).status_code == 401
        assert client.get("/").status_code == 200
        assert [client.get("/v1/me", headers=bearer("sw_guess")).status_code, client.get("/").status_code] == [429, 429]
        assert client.get("/v1/me", headers=bearer(key)).status_code == 200
    with serving(app, LIMITED, client=("203.0.113.10", 1)) as client:
        assert client.get("/").headers["ratelimit"].startswith('"address";r=1;t=')


def test_probes_are_never_counted(app: Installation) -> None:
    with serving(app, LIMITED) as client:
        answers = [client.get("/healthz") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("ratelimit" in answer.headers for answer in answers)


def test_nothing_is_counted_without_limits(app: Installation) -> None:
    with serving(app, AccessRules(keys=KeyRule.REQUIRED)) as client:
        assert "ratelimit" not in client.get("/").headers
