"""Authentication by key, and how long a result is cached."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from support.waiting import wait_for

from storewatch.access import Principal
from storewatch.access.authentication import TRUST, Authenticator
from storewatch.access.keys import _checksum as checksum
from storewatch.access.keys import create_key, public_id, revoke_key
from storewatch.catalog import Catalog
from storewatch.domain.enums import Role
from storewatch.domain.errors import InvalidKeyError
from storewatch.domain.labels import Label, Scope


@pytest.fixture
def authenticator(catalog: Catalog, clock) -> Iterator[Authenticator]:
    authenticator = Authenticator(catalog=catalog, clock=clock)
    yield authenticator
    authenticator.close()


def make(catalog: Catalog, clock, **changes):
    return create_key(catalog, **{"name": "poller", "role": Role.OPERATOR, "now": clock()} | changes)


def test_good_key_returns_its_principal(catalog: Catalog, authenticator: Authenticator, clock) -> None:
    scope = Scope(label=Label("owner", "acme"))
    new = make(catalog, clock, scope=scope)
    caller = Principal(key_id=new.key.key_id, name="poller", role=Role.OPERATOR, scope=scope)
    assert authenticator.remembered(new.text) is None
    assert authenticator.identify(new.text) == caller
    assert authenticator.remembered(new.text) == caller


def test_other_secret_behind_a_known_id_is_refused(catalog: Catalog, authenticator: Authenticator, clock) -> None:
    new = make(catalog, clock)
    body = new.text[:14] + "0" * 43
    forged = body + checksum(body)
    assert public_id(forged) == new.key.key_id
    with pytest.raises(InvalidKeyError):
        authenticator.identify(forged)


def test_unknown_key_is_refused(catalog: Catalog, authenticator: Authenticator, clock) -> None:
    new = make(catalog, clock)
    stranger = "sw_0123456789_" + new.text[14:57]
    for text in (stranger + checksum(stranger), "", "sw_", "nonsense", "ä" * 63, new.text.lower(), f" {new.text}"):
        with pytest.raises(InvalidKeyError):
            authenticator.identify(text)


def test_expired_key_is_refused_at_its_instant_though_remembered(
    catalog: Catalog, authenticator: Authenticator, clock
) -> None:
    new = make(catalog, clock, expires_at=clock() + timedelta(seconds=2))
    authenticator.identify(new.text)
    clock.pass_by(seconds=2)
    assert authenticator.remembered(new.text) is None
    with pytest.raises(InvalidKeyError):
        authenticator.identify(new.text)


def test_key_revoked_elsewhere_is_taken_for_five_seconds_at_most(
    catalog: Catalog, authenticator: Authenticator, clock
) -> None:
    assert timedelta(seconds=5) == TRUST
    new = make(catalog, clock)
    authenticator.identify(new.text)
    revoke_key(catalog, new.key.key_id, clock())
    clock.pass_by(seconds=4.9)
    assert authenticator.remembered(new.text) is not None
    clock.pass_by(seconds=0.1)
    assert authenticator.remembered(new.text) is None
    with pytest.raises(InvalidKeyError):
        authenticator.identify(new.text)


def test_key_revoked_here_is_refused_at_once(catalog: Catalog, authenticator: Authenticator, clock) -> None:
    new, other = make(catalog, clock), make(catalog, clock)
    authenticator.identify(new.text)
    authenticator.identify(other.text)
    revoke_key(catalog, new.key.key_id, clock())
    authenticator.forget(new.key.key_id)
    assert authenticator.remembered(new.text) is None
    assert authenticator.remembered(other.text) is not None


def test_use_is_noted_about_once_a_minute(catalog: Catalog, authenticator: Authenticator, clock) -> None:
    new = make(catalog, clock)

    def noted():
        return catalog.keys.find(new.key.key_id).last_used_at

    first = clock()
    authenticator.identify(new.text)
    wait_for(lambda: noted() == first)
    for _ in range(11):
        clock.pass_by(seconds=5)
        authenticator.identify(new.text)
    clock.pass_by(seconds=5)
    authenticator.identify(new.text)
    authenticator.close()
    assert noted() == first + timedelta(seconds=60)
