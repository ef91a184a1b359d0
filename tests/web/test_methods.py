"""A method that a path does not have: 405, and Allow names all that it has."""

from pathlib import Path

import pytest
from access_scene import bearer, key_of, serving
from scene import settings_in

from storewatch.installation import open_installation


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/stores", "GET, POST"),
        ("/v1/keys/0123456789", "DELETE, GET"),
        ("/v1/stores/cafe", "DELETE, GET, PATCH"),
        # An id may hold slashes: this is also the path of the store `cafe/weekly_hours`.
        ("/v1/stores/cafe/weekly_hours", "DELETE, GET, PATCH, PUT"),
        ("/v1/special-hours", "DELETE, GET, PUT"),
        ("/v1/annotations/7", "DELETE, GET, PATCH"),
        ("/get_report", "GET, HEAD"),
    ],
)
def test_allow_names_every_method_of_the_path(tmp_path: Path, path: str, allowed: str) -> None:
    with open_installation(settings_in(tmp_path)) as app, serving(app) as client:
        answer = client.options(path, headers=bearer(key_of(app)))
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["type"] == "urn:storewatch:problem:http-405"


def test_day_of_weekly_hours_is_a_number(tmp_path: Path) -> None:
    with open_installation(settings_in(tmp_path)) as app, serving(app) as client:
        row = {"day": False, "start_time_local": "09:00", "end_time_local": "12:00"}
        answer = client.post(
            "/v1/stores", json={"store_id": "cafe", "weekly_hours": [row]}, headers=bearer(key_of(app))
        )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["body.weekly_hours.0.day"]
