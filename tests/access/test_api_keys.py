"""The form of keys, and their life in each kind of catalog."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from storewatch.access.keys import KEY_PATTERN, create_key, find_key, public_id, revoke_key
from storewatch.catalog import ApiKey, Catalog
from storewatch.domain.enums import Role
from storewatch.domain.errors import InvalidInputError, UnknownKeyError
from storewatch.domain.labels import Label, Scope

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make(catalog: Catalog, **changes):
    return create_key(catalog, **{"name": "poller", "role": Role.OPERATOR, "now": NOW} | changes)


def test_key_is_stored_as_its_sha256_and_nothing_of_its_secret(catalog: Catalog) -> None:
    new = make(catalog, scope=Scope(label=Label("owner", "acme")), expires_at=NOW + timedelta(days=90), created_by="k")
    assert catalog.keys.find(new.key.key_id) == ApiKey(
        key_id=new.key.key_id,
        name="poller",
        role="operator",
        sha256=sha256(new.text.encode()).hexdigest(),
        scope_label="owner",
        scope_value="acme",
        created_at=NOW,
        created_by="k",
        expires_at=NOW + timedelta(days=90),
    )
    secret = new.text.removeprefix(f"sw_{new.key.key_id}_")
    with catalog.database.reading() as connection:
        for table in connection.exec_driver_sql("SELECT * FROM api_keys").all():
            assert secret not in str(table)
    assert "sha256" not in repr(new.key)


def test_text_of_a_key_has_a_fixed_form_with_a_checksum(catalog: Catalog) -> None:
    texts = [make(catalog).text for _ in range(20)]
    assert len(set(texts)) == 20
    assert {len(text) for text in texts} == {63}
    assert all(KEY_PATTERN.fullmatch(text) and public_id(text) == text[3:13] for text in texts)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text[:20] + ("b" if text[20] == "a" else "a") + text[21:],
        lambda text: text.replace("sw_", "sk_"),
        lambda text: text + "\n",
        lambda text: "٣" + text[1:],
        lambda _: "",
        lambda _: "sw_\0",
        lambda text: text * 10_000,
    ],
)
def test_look_alike_is_no_key(catalog: Catalog, damage) -> None:
    assert public_id(damage(make(catalog).text)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 201},
        {"name": "two\nlines"},
        {"name": "nul\0"},
        {"expires_at": NOW},
        {"scope": Scope(label=Label("", "acme"))},
        {"scope": Scope(label=Label("owner", "nul\0"))},
        {"scope": Scope(label=Label("owner", "x" * 201))},
        {"role": Role.ADMIN, "scope": Scope(label=Label("owner", "acme"))},
    ],
)
def test_key_that_could_not_be_used_or_would_leak_is_refused(catalog: Catalog, wrong) -> None:
    with pytest.raises(InvalidInputError):
        make(catalog, **wrong)
    assert catalog.keys.list_() == []


def test_keys_are_listed_page_by_page_in_the_order_of_making(catalog: Catalog) -> None:
    made = [make(catalog, now=NOW + timedelta(seconds=second // 2)).key for second in range(5)]
    in_order = sorted(made, key=lambda key: (key.created_at, key.key_id))
    assert catalog.keys.list_() == in_order
    pages, after = [], None
    while page := catalog.keys.list_(after=after, limit=2):
        pages.append(page)
        after = (page[-1].created_at, page[-1].key_id)
    assert pages == [in_order[:2], in_order[2:4], in_order[4:]]


def test_key_is_revoked_once_and_its_first_instant_stays(catalog: Catalog) -> None:
    key = make(catalog).key
    revoke_key(catalog, key.key_id, NOW + timedelta(hours=1))
    revoke_key(catalog, key.key_id, NOW + timedelta(hours=2))
    assert find_key(catalog, key.key_id) == replace(key, revoked_at=NOW + timedelta(hours=1))
    assert not catalog.keys.revoke(key.key_id, NOW + timedelta(hours=3))


@pytest.mark.parametrize("key_id", ["0123456789", "", "nul\0", "x" * 5000])
def test_unknown_key_is_neither_found_nor_revoked(catalog: Catalog, key_id: str) -> None:
    for use in (lambda: find_key(catalog, key_id), lambda: revoke_key(catalog, key_id, NOW)):
        with pytest.raises(UnknownKeyError):
            use()


def test_use_is_noted_unless_a_later_one_is(catalog: Catalog) -> None:
    key_id = make(catalog).key.key_id
    minute = timedelta(minutes=1)
    assert catalog.keys.touch(key_id, NOW, unless_since=NOW - minute)
    assert not catalog.keys.touch(key_id, NOW + minute / 2, unless_since=NOW - minute / 2)
    assert catalog.keys.touch(key_id, NOW + minute, unless_since=NOW)
    assert find_key(catalog, key_id).last_used_at == NOW + minute


def test_usable_keys_are_those_neither_revoked_nor_expired(catalog: Catalog) -> None:
    assert catalog.keys.count_usable(NOW) == 0
    make(catalog)
    make(catalog, expires_at=NOW + timedelta(days=1))
    revoke_key(catalog, make(catalog).key.key_id, NOW)
    assert [catalog.keys.count_usable(NOW), catalog.keys.count_usable(NOW + timedelta(days=1))] == [2, 1]
