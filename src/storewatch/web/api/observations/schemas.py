"""The body of pushed observations in OpenAPI. `ingest/pushed.py` reads it, not Pydantic."""

from typing import Any, Final

from storewatch.domain.media_types import ARROW, CSV, JSON, NDJSON, PARQUET
from storewatch.ingest.tables import MAX_DETAIL_LENGTH
from storewatch.stores.poll_texts import KNOWN_REASONS

_ONE: Final = {"store_id": "cafe", "observed_at": "2023-01-23T15:14:00Z", "status": "active"}
_TWO: Final = {
    "store_id": "bar",
    "observed_at": "2023-01-23T15:14:02.5Z",
    "status": "inactive",
    "reason": "paused by the restaurant",
    "source": "ubereats",
}
_CSV_BODY: Final = "store_id,observed_at,status\ncafe,2023-01-23 15:14:00 UTC,active\n"
_NDJSON_BODY: Final = '{"store_id":"cafe","observed_at":"2023-01-23T15:14:00Z","status":"active"}\n'
_NEW: Final = {"$ref": "#/components/schemas/NewObservation"}
_SEVERAL: Final = {"type": "array", "minItems": 1, "items": _NEW}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}

# Components of the document. Generators name their classes after them.
PUSHED_SCHEMAS: Final[dict[str, Any]] = {
    "NewObservation": {
        "type": "object",
        "description": "A poll to store.",
        "required": ["store_id", "observed_at", "status"],
        "properties": {
            "store_id": {"type": "string", "minLength": 1, "maxLength": 255},
            "observed_at": {"type": "string", "format": "date-time"},
            "status": {"type": "string", "enum": ["active", "inactive"]},
            "reason": {
                "type": ["string", "null"],
                "maxLength": MAX_DETAIL_LENGTH,
                "description": "The reason, in any words. Common reasons: " + ", ".join(KNOWN_REASONS) + ".",
            },
            "source": {
                "type": ["string", "null"],
                "maxLength": MAX_DETAIL_LENGTH,
                "description": "The platform, channel or poller that made the observation.",
            },
        },
        "examples": [_ONE, _TWO],
    },
    "NewObservations": {
        "type": "object",
        "description": "Polls to store.",
        "required": ["observations"],
        "properties": {"observations": _SEVERAL},
    },
}
PUSH_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {"anyOf": [_NEW, _SEVERAL, {"$ref": "#/components/schemas/NewObservations"}]},
                "examples": {
                    "one": {"value": _ONE},
                    "several": {"value": [_ONE, _TWO]},
                    "wrapped": {"value": {"observations": [_ONE, _TWO]}},
                },
            },
            NDJSON: {"schema": {"type": "string"}, "example": _NDJSON_BODY},
            CSV: {"schema": {"type": "string"}, "example": _CSV_BODY},
            PARQUET: _BINARY,
            ARROW: _BINARY,
        },
    }
}
