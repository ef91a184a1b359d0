"""The address on which the service listens decides whether it requires keys."""

from datetime import UTC, datetime, timedelta

import pytest

from storewatch.access import AccessRules, KeyRule
from storewatch.access.keys import create_key
from storewatch.access.rules import DEFAULT_RATES, check_keys, choose_rules, is_loopback
from storewatch.catalog import Catalog
from storewatch.domain.enums import Role
from storewatch.domain.errors import InvalidInputError
from storewatch.settings import AccessSettings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def choose(catalog: Catalog, host: str, *, insecure: bool = False, now: datetime = NOW, **settings) -> AccessRules:
    rules = choose_rules(AccessSettings(**settings), host=host, insecure=insecure)
    check_keys(rules, host=host, catalog=catalog, now=now)
    return rules


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_loopback_requires_no_key_and_counts_nothing(catalog: Catalog, host: str) -> None:
    assert choose(catalog, host) == AccessRules(keys=KeyRule.LOOPBACK, rates=None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "localhost.example.com", "example.com"])  # noqa: S104
def test_other_address_refuses_to_start_without_a_usable_key(catalog: Catalog, host: str) -> None:
    create_key(catalog, name="old", role=Role.ADMIN, expires_at=NOW + timedelta(days=1), now=NOW)
    with pytest.raises(InvalidInputError, match="storewatch key create"):
        choose(catalog, host, now=NOW + timedelta(days=1))
    assert choose(catalog, host) == AccessRules(keys=KeyRule.REQUIRED, rates=DEFAULT_RATES)


def test_loopback_requires_keys_where_that_is_set(catalog: Catalog) -> None:
    with pytest.raises(InvalidInputError, match="storewatch key create"):
        choose(catalog, "127.0.0.1", require_key=True)
    create_key(catalog, name="admin", role=Role.ADMIN, now=NOW)
    assert choose(catalog, "127.0.0.1", require_key=True).keys is KeyRule.REQUIRED


def test_insecure_requires_no_key_but_counts(catalog: Catalog) -> None:
    assert choose(catalog, "192.0.2.1", insecure=True) == AccessRules(keys=KeyRule.OPEN, rates=DEFAULT_RATES)
    with pytest.raises(InvalidInputError, match="contradict"):
        choose(catalog, "192.0.2.1", insecure=True, require_key=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"cors_origins": ("dashboard.example.com",)},
        {"cors_origins": ("https://dashboard.example.com/",)},
        {"trusted_proxies": ("proxy.example.com",)},
        {"trusted_proxies": ("10.0.0.1/8",)},
        {"trusted_proxies": ("*",)},
        {"rate_per_key": "many"},
        {"rate_per_address": "5 a minute"},
    ],
)
def test_setting_that_could_never_match_is_refused(catalog: Catalog, settings) -> None:
    with pytest.raises(InvalidInputError, match="write"):
        choose(catalog, "127.0.0.1", **settings)


def test_origins_and_proxies_are_taken_as_they_are(catalog: Catalog) -> None:
    origins = ("https://dashboard.example.com", "http://localhost:3000", "*")
    rules = choose(
        catalog, "127.0.0.1", cors_origins=origins, trusted_proxies=("10.0.0.5", "10.0.0.0/8", "2001:db8::/32")
    )
    assert rules == AccessRules(keys=KeyRule.LOOPBACK, cors_origins=origins)


def test_limits_given_count_on_loopback_too(catalog: Catalog) -> None:
    rates = choose(catalog, "::1", rate_per_address="3 per minute").rates
    assert rates is not None
    assert (rates.per_key, rates.per_address) == (DEFAULT_RATES.per_key, "3 per minute")


def test_settings_are_read_from_the_environment() -> None:
    assert AccessSettings.from_environment({}) == AccessSettings()
    environment = {
        "STOREWATCH_REQUIRE_KEY": "1",
        "STOREWATCH_ALLOWED_HOSTS": "stores.internal",
        "STOREWATCH_CORS_ORIGINS": "https://a.example.com, https://b.example.com,",
        "STOREWATCH_TRUSTED_PROXIES": "10.0.0.5,10.1.0.0/16",
        "STOREWATCH_RATE_PER_KEY": "9 per second",
        "STOREWATCH_RATE_PER_ADDRESS": "3 per minute",
        "STOREWATCH_RATE_LIMIT_URL": "redis://redis",
    }
    assert AccessSettings.from_environment(environment) == AccessSettings(
        require_key=True,
        allowed_hosts=("stores.internal",),
        cors_origins=("https://a.example.com", "https://b.example.com"),
        trusted_proxies=("10.0.0.5", "10.1.0.0/16"),
        rate_per_key="9 per second",
        rate_per_address="3 per minute",
        rate_limit_url="redis://redis",
    )


def test_names_that_only_look_like_loopback_are_not() -> None:
    assert not any(map(is_loopback, ["127.0.0.1.example.com", "::ffff:8.8.8.8", "0", "0.0.0.0", "127.1", ""]))  # noqa: S104
