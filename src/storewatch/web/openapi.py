"""/openapi.json, where what FastAPI makes of the routes is not all."""

from typing import Any

from fastapi import FastAPI

from storewatch.web.problems import PROBLEM_SCHEMA

EVENTS = "text/event-stream"


def install_openapi(service: FastAPI) -> None:
    """Put the schema that the problems refer to into the document, and keep it one of OpenAPI 3.1."""
    made_by_fastapi = service.openapi

    def openapi() -> dict[str, Any]:
        document = made_by_fastapi()
        document["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
        for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
            content = operation["responses"].get("200", {}).get("content", {})
            if "itemSchema" in content.get(EVENTS, {}):  # which is of OpenAPI 3.2
                content[EVENTS] = {"schema": content[EVENTS]["itemSchema"]}
        return document

    service.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation does it
