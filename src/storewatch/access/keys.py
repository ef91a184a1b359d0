"""API keys: their format; create, find and revoke them."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final
from zlib import crc32

from storewatch.catalog import ApiKey, Catalog
from storewatch.domain.enums import Role
from storewatch.domain.errors import InvalidInputError, InvalidParameterError, UnknownKeyError
from storewatch.domain.labels import ALL_STORES, Label, Scope

# sw_ + 10 characters that name the key + _ + 43 that hold 256 random bits + 6 of a CRC-32 over all before, by
# which scanners for leaked secrets recognise a key (as with GitHub's tokens). All base 62.
KEY_PATTERN: Final = re.compile(r"(sw_([0-9A-Za-z]{10})_[0-9A-Za-z]{43})([0-9A-Za-z]{6})")
MAX_NAME_LENGTH: Final = 200
_ID_PATTERN: Final = re.compile(r"[0-9A-Za-z]{10}")
_DIGITS: Final = digits + ascii_uppercase + ascii_lowercase


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A new key. Only `text` holds its secret, which is stored nowhere."""

    key: ApiKey
    text: str


def create_key(
    catalog: Catalog,
    *,
    name: str,
    role: Role,
    scope: Scope = ALL_STORES,
    expires_at: datetime | None = None,
    created_by: str | None = None,
    allow_unknown: bool = True,
    now: datetime,
) -> NewKey:
    """Create a key and store its SHA-256.

    allow_unknown: accept a scope of no store; otherwise an InvalidParameterError names the nearest labels.
    Raises InvalidInputError for a key that could not be used, or could see more than its scope.
    """
    if not name.strip() or not _fits(name):
        raise InvalidInputError(f"A key needs a name of 1 to {MAX_NAME_LENGTH} printable characters.")
    if expires_at is not None and expires_at <= now:
        raise InvalidInputError("The key would expire in the past; choose a later instant.")
    if scope.label is not None and not (scope.label.name and all(map(_fits, scope.label))):
        raise InvalidInputError(f"A scope is a label and a value of up to {MAX_NAME_LENGTH} printable characters each.")
    if scope.is_limited and role is Role.ADMIN:
        raise InvalidInputError("An admin sees every key and the whole audit log, so its key cannot have a scope.")
    if scope.label is not None and not allow_unknown:
        _check_scope(catalog, scope.label)
    key_id = "".join(secrets.choice(_DIGITS) for _ in range(10))
    body = f"sw_{key_id}_{_base62(secrets.randbits(256), 43)}"
    text = body + _checksum(body)
    key = ApiKey(
        key_id=key_id,
        name=name,
        role=role,
        sha256=digest(text),
        scope_label=scope.label.name if scope.label else None,
        scope_value=scope.label.value if scope.label else None,
        created_at=now,
        created_by=created_by,
        expires_at=expires_at,
    )
    catalog.keys.create(key)
    return NewKey(key=key, text=text)


def _check_scope(catalog: Catalog, label: Label) -> None:
    try:
        catalog.names.check_label(label)
    except InvalidInputError as error:
        raise InvalidParameterError("scope", str(error)) from None


def find_key(catalog: Catalog, key_id: str) -> ApiKey:
    """Return the key with this id. Raises UnknownKeyError."""
    key = catalog.keys.find(key_id) if _ID_PATTERN.fullmatch(key_id) else None
    if key is None:
        raise UnknownKeyError(key_id)
    return key


def revoke_key(catalog: Catalog, key_id: str, now: datetime) -> None:
    """Revoke a key for ever. A key that is revoked already keeps its first instant. Raises UnknownKeyError."""
    catalog.keys.revoke(find_key(catalog, key_id).key_id, now)


def public_id(text: str) -> str | None:
    """Return the id in the text of a key, or None where the text cannot be a key."""
    match = KEY_PATTERN.fullmatch(text)
    return match[2] if match and _checksum(match[1]) == match[3] else None


def digest(text: str) -> str:
    """Return the SHA-256 of the text of a key, in hex digits."""
    # No slow hash: nobody guesses 256 random bits.
    return sha256(text.encode()).hexdigest()


def _fits(text: str) -> bool:
    return len(text) <= MAX_NAME_LENGTH and text.isprintable()


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()), 6)


def _base62(number: int, length: int) -> str:
    places = []
    for _ in range(length):
        number, place = divmod(number, 62)
        places.append(_DIGITS[place])
    return "".join(reversed(places))
