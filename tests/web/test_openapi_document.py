"""The OpenAPI document is complete enough for programs that generate clients from it."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

OPENAPI: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "openapi.json").read_text(encoding="utf-8")
)
SCHEMAS: Final[dict[str, Any]] = OPENAPI["components"]["schemas"]
PUBLIC = {"getHealth", "getReadiness", "getWelcome"}
# Types of values whose name says enough, such as counts.
PLAIN = ("boolean", "integer", "number", "null")


def operations() -> list[dict[str, Any]]:
    return [operation for methods in OPENAPI["paths"].values() for operation in methods.values()]


def inside(value: Any) -> Iterator[dict[str, Any]]:
    """Yield an object and all objects in it."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(each)


def shows_values(schema: dict[str, Any]) -> bool:
    """Whether a schema has an example, or each part that an answer needs has one."""
    if {"example", "examples", "const", "default", "enum"} & schema.keys() or schema.get("format") == "binary":
        return True
    if "$ref" in schema:
        return shows_values(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return any(map(shows_values, schema["anyOf"]))
    if "properties" in schema:
        return all(shows_values(schema["properties"][name]) for name in schema.get("required", ()))
    return schema.get("type") in PLAIN or (schema.get("type") == "array" and shows_values(schema["items"]))


def test_titles_of_schemas_are_unique() -> None:
    titles = Counter(schema.get("title", name) for name, schema in SCHEMAS.items())
    assert [title for title, count in titles.items() if count > 1] == []


def test_every_operation_has_a_summary_of_its_own() -> None:
    summaries = [operation["summary"] for operation in operations()]
    assert len(set(summaries)) == len(summaries)
    assert {"Create key", "Rename store", "Replace labels by POST", "Get store weekly hours"} <= set(summaries)


def test_arrays_state_the_type_of_their_items() -> None:
    arrays = [each for each in inside(OPENAPI) if each.get("type") == "array"]
    assert len(arrays) > 50
    assert [each for each in arrays if "items" not in each or "prefixItems" in each] == []


def test_every_operation_states_its_keys_and_one_described_tag() -> None:
    described = {tag["name"] for tag in OPENAPI["tags"] if tag["description"]}
    assert {operation["operationId"] for operation in operations() if not operation["security"]} == PUBLIC
    assert [operation["operationId"] for operation in operations() if len(operation["tags"]) != 1] == []
    assert {operation["tags"][0] for operation in operations()} == described == {tag["name"] for tag in OPENAPI["tags"]}
    assert OPENAPI["servers"] == [{"url": "/", "description": "The service that sent this document."}]


def test_every_answer_has_a_media_type_and_a_schema() -> None:
    for operation in operations():
        for status, answer in operation["responses"].items():
            where = operation["operationId"], status
            if status in {"204", "304"}:
                assert "content" not in answer, where
            else:
                assert answer["content"], where
                assert all(content["schema"] for content in answer["content"].values()), where


def test_every_body_and_every_parameter_of_a_path_has_an_example() -> None:
    missing = []
    for operation in operations():
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content", {}) for status, answer in operation["responses"].items() if status < "300"]
        bodies = [(kind, content) for content_of in contents for kind, content in content_of.items()]
        parameters = [(each["name"], each) for each in operation.get("parameters", ()) if each["in"] == "path"]
        missing += [
            (operation["operationId"], name)
            for name, each in (*bodies, *parameters)
            if not {"example", "examples"} & each.keys() and not shows_values(each["schema"])
        ]
    assert missing == []


def test_members_that_are_null_stay_in_examples() -> None:
    assert {"weekly_hours": None} in SCHEMAS["StoreChangeRequest"]["examples"]
    assert {"cause": "flood", "reclassify_as": None} in SCHEMAS["AnnotationChange"]["examples"]
