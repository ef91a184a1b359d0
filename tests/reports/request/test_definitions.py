from datetime import UTC, datetime

import pytest

from storewatch.catalog import Definition
from storewatch.domain.errors import InvalidInputError, UnknownDefinitionError
from storewatch.installation import Installation
from storewatch.reports.request.definitions import check_name, resolve_definition


def test_definition_has_what_was_saved_and_the_request_overrides_it(app: Installation) -> None:
    saved = {"windows": ["last_week"], "by": "day", "format": "xlsx"}
    app.catalog.definitions.replace(
        Definition(name="weekly", parameters=saved, created_at=datetime(2023, 1, 1, tzinfo=UTC))
    )
    assert resolve_definition({"definition": "weekly"}, app.catalog) == saved
    assert resolve_definition({"definition": "weekly", "format": "pdf"}, app.catalog) == saved | {"format": "pdf"}
    assert resolve_definition({"by": "hour"}, app.catalog) == {"by": "hour"}


@pytest.mark.parametrize("name", ["nobody", "", "nul\0", 7])
def test_definition_that_does_not_exist_is_unknown(app: Installation, name: object) -> None:
    with pytest.raises(UnknownDefinitionError, match="There is no report saved as"):
        resolve_definition({"definition": name}, app.catalog)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ü", "x" * 101])
def test_name_that_cannot_stand_in_a_path_is_refused(name: str) -> None:
    check_name("weekly-2.b_")
    with pytest.raises(InvalidInputError, match="is not a name for a report"):
        check_name(name)
