"""Renaming and merging of stores in requests and answers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from storewatch.ingest.cells import MAX_ID_LENGTH

_Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class RenameBody(BaseModel):
    """The store to rename, and its new id."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"store_id": "cafe", "new_id": "cafe-central"}]}
    )

    store_id: _Id
    new_id: Annotated[_Id, Field(description="An id that no store has.")]


class MergeBody(BaseModel):
    """The store to merge, and the store that gets its polls."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"store_id": "cafe-old", "into": "cafe"}]}
    )

    store_id: _Id
    into: _Id


class Moved(BaseModel):
    """The store that has the polls now, and the number of moved polls."""

    store_id: Annotated[str, Field(examples=["cafe-central"])]
    polls_moved: Annotated[int, Field(description="Polls of one instant are counted once.")]
