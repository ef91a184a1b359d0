"""Read the forms of uploads within limits."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from storewatch.domain.errors import UnknownMediaTypeError
from storewatch.web.parameters import invalid

MAX_FILES: Final = 20
# The options, and up to 100 mapped columns.
MAX_FIELDS: Final = 200

_MULTIPART: Final = "multipart/form-data"


class UploadRoute(APIRoute):
    """A route whose form is multipart/form-data with a bounded number of parts.

    FastAPI reads 1,000 files, each of which becomes a temporary file, and forms in a URL's encoding, each byte of which
    takes a microsecond on the event loop.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI, behind the limits."""
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            media_type = request.headers.get("content-type", "")
            if media_type.lower().startswith("application/x-www-form-urlencoded"):
                raise UnknownMediaTypeError(media_type, (_MULTIPART,))
            if media_type.lower().startswith(_MULTIPART):
                # FastAPI takes this form, which Starlette keeps.
                try:
                    await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS)
                except HTTPException as error:
                    if not error.detail.startswith("Too many"):
                        raise
                    text = f"An upload has at most {MAX_FILES} files and {MAX_FIELDS} fields."
                    raise invalid(text, "body", "file") from error
            return await handle(request)

        return limited
