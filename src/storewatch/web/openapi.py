"""The OpenAPI document: what FastAPI generates from the routes, with corrections."""

import re
from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from storewatch.domain.media_types import EVENTS
from storewatch.web.api.observations.schemas import PUSHED_SCHEMAS
from storewatch.web.problems import PROBLEM_SCHEMA

# What FastAPI takes for the head of the document.
ABOUT: Final[dict[str, Any]] = {
    "license_info": {"name": "MIT", "identifier": "MIT"},
    "contact": {"name": "The administrator of this service"},
    "servers": [{"url": "/", "description": "The service that sent this document."}],
    "openapi_tags": [
        {"name": name, "description": text}
        for name, text in {
            "about": "What this service is.",
            "classic": "The classic contract: trigger a report, then poll until its seven columns are there.",
            "stores": "Stores: their state, hours, labels, timelines and outages.",
            "observations": "Polls: push them, delete wrong ones.",
            "imports": "Files of polls, hours, zones and other tables.",
            "reports": "Reports in every format, their files and manifests, and reports saved under a name.",
            "schedules": "Jobs that are queued repeatedly.",
            "jobs": "Reports, imports and maintenance in the background.",
            "special-hours": "Hours of single dates, of stores or labels.",
            "targets": "Targets of availability, of stores or labels.",
            "sales": "Sales per hour, of stores or labels, from which reports estimate what outages cost.",
            "closures": "Planned closures, which reports do not count as down.",
            "annotations": "What happened at a store, and what its down time counts as.",
            "access": "The caller, the API keys and the audit log.",
            "operating": "Health, metrics and the status of the installation.",
        }.items()
    ],
}


def install_openapi(service: FastAPI) -> None:
    """Add what FastAPI leaves out of the document, and keep the document valid OpenAPI 3.1."""
    generate = service.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        schemas |= {"Problem": PROBLEM_SCHEMA, **PUSHED_SCHEMAS}
        for name, examples in _examples():
            if name in schemas:
                schemas[name]["examples"] = examples
        for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
            operation["summary"] = _summary(operation["operationId"])
            content = operation["responses"].get("200", {}).get("content", {})
            if "itemSchema" in content.get(EVENTS, {}):  # itemSchema is of OpenAPI 3.2
                content[EVENTS] = {"schema": content[EVENTS]["itemSchema"]}
        return document

    service.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation does it


def _summary(operation_id: str) -> str:
    """Return the operation id as words: `replaceLabelsByPost` is "Replace labels by POST"."""
    words = re.findall("[A-Z]?[a-z]+", operation_id)
    return " ".join(word.lower() for word in words).capitalize().replace("by post", "by POST")


def _examples(base: type[BaseModel] = BaseModel) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """List the examples of all models by name. In the document of FastAPI they lack the members that are null."""
    for model in base.__subclasses__():
        extra = model.model_config.get("json_schema_extra")
        if model.__module__.startswith("storewatch.") and isinstance(extra, dict) and "examples" in extra:
            yield model.__name__, extra["examples"]  # type: ignore[misc] # a list of objects
        yield from _examples(model)
