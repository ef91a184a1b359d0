"""Read which media types a client accepts (RFC 9110, 12.5.1)."""

from collections.abc import Iterator

from fastapi import Request


def accepts(request: Request, media_type: str) -> bool:
    """Return whether the Accept header of a request allows a media type. Without the header every type is allowed."""
    if "accept" not in request.headers:
        return True
    allowed = dict(_ranges(request))
    of_type = media_type.partition("/")[0] + "/*"
    quality = next((allowed[each] for each in (media_type, of_type, "*/*") if each in allowed), 0.0)
    return quality > 0


def names_media_type(request: Request, media_type: str) -> bool:
    """Return whether the Accept header of a request names this media type, not only a range such as `text/*`."""
    return dict(_ranges(request)).get(media_type, 0.0) > 0


def _ranges(request: Request) -> Iterator[tuple[str, float]]:
    """List the media ranges of the Accept header with their quality. A quality that cannot be read counts as 1."""
    for value in request.headers.getlist("accept"):
        for text in value.split(","):
            name, *parameters = (part.strip().lower() for part in text.split(";"))
            quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
            try:
                yield name, float(quality)
            except ValueError:
                yield name, 1.0
