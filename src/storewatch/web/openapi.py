"""The OpenAPI document: what FastAPI generates from the routes, with corrections."""

from typing import Any

from fastapi import FastAPI

from storewatch.domain.media_types import EVENTS
from storewatch.web.problems import PROBLEM_SCHEMA


def install_openapi(service: FastAPI) -> None:
    """Add the schema of problems to the document, and keep the document valid OpenAPI 3.1."""
    generate = service.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
        for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
            content = operation["responses"].get("200", {}).get("content", {})
            if "itemSchema" in content.get(EVENTS, {}):  # itemSchema is of OpenAPI 3.2
                content[EVENTS] = {"schema": content[EVENTS]["itemSchema"]}
        return document

    service.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation does it
