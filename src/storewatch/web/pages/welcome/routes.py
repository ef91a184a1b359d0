"""The welcome page at /: what storewatch is and how to call it, as HTML for browsers and JSON for programs."""

from html import escape
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from storewatch import __version__
from storewatch.domain.media_types import HTML
from storewatch.web.problems import PUBLIC_PROBLEMS, WITHOUT_KEY

_ENDPOINTS = (
    (
        "POST /trigger_report",
        "Start the classic report and return its report_id.",
        "curl -X POST {base}trigger_report",
    ),
    (
        "GET /get_report?report_id=...",
        'Get {"status":"Running"}, then the CSV.',
        "curl -OJ '{base}get_report?report_id=REPORT_ID'",
    ),
    (
        "POST /v1/observations",
        "Push polls; they are durable when the answer is sent.",
        (
            "printf 'store_id,timestamp_utc,status\\ncafe,2023-01-23T18:05:00Z,active\\n' | "
            "curl {base}v1/observations -H 'Content-Type: text/csv' --data-binary @-"
        ),
    ),
    ("GET /v1/stores", "List stores: state, last poll, hours, labels.", "curl '{base}v1/stores?state=down'"),
    ("POST /v1/reports", "Create a report of chosen stores.", "curl -X POST {base}v1/reports --json '{{}}'"),
    ("GET /docs", "Try every endpoint in the browser.", "{base}docs"),
    ("GET /openapi.json", "Describe every endpoint for programs.", "curl {base}openapi.json"),
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>storewatch</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #1c2733; }}
h1 {{ font-size: 1.6rem; }} dt {{ font-weight: 600; margin-top: 1.2rem; }} dd {{ margin: 0; }}
pre {{ background: #f3f5f7; padding: .6rem .8rem; border-radius: 4px; overflow-x: auto; }}
footer {{ color: #5b6875; margin-top: 2rem; }}
</style>
<h1>storewatch</h1>
<p>How long each store was online during its business hours.</p>
<dl>
{entries}
</dl>
<footer>storewatch {version}</footer>
</html>
"""

router = APIRouter()


class Endpoint(BaseModel):
    """An endpoint and how to call it."""

    endpoint: Annotated[str, Field(examples=["GET /v1/stores"])]
    does: Annotated[str, Field(examples=["List stores: state, last poll, hours, labels."])]
    example: Annotated[str, Field(examples=["curl 'http://127.0.0.1:8000/v1/stores?state=down'"])]


class Welcome(BaseModel):
    """What storewatch is, and its most used endpoints."""

    name: Literal["storewatch"] = "storewatch"
    version: Annotated[str, Field(examples=["0.1.0"])] = __version__
    endpoints: list[Endpoint]


@router.get(
    "/",
    operation_id="getWelcome",
    response_model=Welcome,
    tags=["about"],
    openapi_extra=WITHOUT_KEY,
    responses={
        200: {"content": {HTML: {"schema": {"type": "string"}, "example": "<!doctype html>…"}}},
        **PUBLIC_PROBLEMS,
    },
)
def welcome(request: Request) -> Response:
    """List the endpoints and how to call them."""
    endpoints = [
        Endpoint(endpoint=endpoint, does=does, example=example.format(base=request.base_url))
        for endpoint, does, example in _ENDPOINTS
    ]
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(Welcome(endpoints=endpoints).model_dump(), headers={"Vary": "Accept"})
    entries = "\n".join(
        f"<dt>{escape(entry.endpoint)}</dt><dd>{escape(entry.does)}<pre>{escape(entry.example)}</pre></dd>"
        for entry in endpoints
    )
    return HTMLResponse(_PAGE.format(entries=entries, version=__version__), headers={"Vary": "Accept"})
