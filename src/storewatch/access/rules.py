"""Decide which callers need a key, by the address on which the service listens."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Final

from storewatch.access.rate_limits import RateLimits, check_rates
from storewatch.catalog import Catalog
from storewatch.domain.errors import InvalidInputError
from storewatch.settings import AccessSettings

_ORIGIN: Final = re.compile(r"https?://[^/?#@\s]+")
DEFAULT_RATES: Final = RateLimits(per_key="5000 per 10 second", per_address="300 per 10 second")


class KeyRule(StrEnum):
    """Who needs a key. REQUIRED: every caller; LOOPBACK: callers from other machines; OPEN: nobody."""

    REQUIRED = "required"
    LOOPBACK = "loopback"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class AccessRules:
    """Which callers the service lets in, and how often. The default lets everyone in, for calls within its process.

    allowed_hosts: names other than this machine's own that a request under LOOPBACK may address.
    cors_origins: web origins whose pages may call the service from a browser. rates: None sets no limit.
    """

    keys: KeyRule = KeyRule.OPEN
    allowed_hosts: frozenset[str] = frozenset()
    cors_origins: tuple[str, ...] = ()
    rates: RateLimits | None = None


def choose_rules(settings: AccessSettings, *, host: str, insecure: bool) -> AccessRules:
    """Choose the rules for a service bound to `host`.

    Raises InvalidInputError for an origin, a trusted proxy or a rate limit that is not written as one.
    """
    _check_addresses(settings)
    if insecure and settings.require_key:
        raise InvalidInputError("--insecure and --require-key contradict each other; use only one of them.")
    loopback = is_loopback(host)
    by_address = KeyRule.LOOPBACK if loopback and not settings.require_key else KeyRule.REQUIRED
    keys = KeyRule.OPEN if insecure else by_address
    are_set = settings.rate_per_key or settings.rate_per_address or settings.rate_limit_url
    rates = RateLimits(
        per_key=settings.rate_per_key or DEFAULT_RATES.per_key,
        per_address=settings.rate_per_address or DEFAULT_RATES.per_address,
        url=settings.rate_limit_url,
    )
    check_rates(rates)
    return AccessRules(
        keys=keys,
        allowed_hosts=frozenset(name.lower() for name in settings.allowed_hosts),
        cors_origins=settings.cors_origins,
        rates=rates if are_set or not (loopback and keys is not KeyRule.REQUIRED) else None,
    )


def check_keys(rules: AccessRules, *, host: str, catalog: Catalog, now: datetime) -> None:
    """Raise InvalidInputError where keys are required and the catalog has no key that is valid at `now`."""
    if rules.keys is KeyRule.REQUIRED and not catalog.keys.count_usable(now):
        raise InvalidInputError(
            f"A service on {host} requires API keys and there is none yet: create one with "
            "`storewatch key create --name NAME --role admin`, or start with --insecure to let everyone in."
        )


def _check_addresses(settings: AccessSettings) -> None:
    for origin in settings.cors_origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise InvalidInputError(
                f"{origin!r} is not a web origin; write it as https://dashboard.example.com, without a path or slash."
            )
    for proxy in settings.trusted_proxies:
        try:
            ip_network(proxy)
        except ValueError:
            raise InvalidInputError(
                f"{proxy!r} is neither an address nor a network; write a trusted proxy as 10.0.0.5 or 10.0.0.0/8."
            ) from None


def is_loopback(host: str) -> bool:
    """Return whether `host` is an address that only this machine can reach."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
