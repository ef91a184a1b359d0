"""A parameter is declared once: every derived form has it as soon as the request has the field."""

from typing import Annotated, Any

import pytest
from pydantic import ValidationError
from pydantic.fields import Field

from storewatch.cli.report_options import options_of
from storewatch.domain.enums import ReportFormat
from storewatch.domain.errors import InvalidParameterError
from storewatch.reports.exports.header import selection, stamps
from storewatch.reports.exports.wording import briefly
from storewatch.reports.request.parameters import HeaderPart, Parameter, answer_of, body_of
from storewatch.reports.request.request import ReportRequest, read_request
from storewatch.web.api.report_models import ParameterBody


class Wider(ReportRequest, frozen=True):
    """A request with one more parameter."""

    colour: Annotated[
        str | None,
        Field(max_length=10, description="Only stores of this colour."),
        Parameter(part=HeaderPart.STORES, metavar="COLOUR", stamped=True),
    ] = None


@body_of(Wider)
class Body(ParameterBody):
    """A JSON body."""


@answer_of(Wider)
class Answer(ParameterBody):
    """A JSON answer."""


def test_new_parameter_is_read_and_stored_with_its_limits() -> None:
    request = read_request({"colour": "red", "format": "json"}, model=Wider)
    assert request.parameters()["colour"] == "red"
    assert Wider.from_parameters(request.parameters()) == request
    with pytest.raises(InvalidParameterError, match="colour must be a text of at most 10 characters") as error:
        read_request({"colour": "r" * 11}, model=Wider)
    assert error.value.name == "colour"


def test_new_parameter_is_an_option_of_the_command_line() -> None:
    kind, option = options_of(Wider)["colour"].__origin__, options_of(Wider)["colour"].__metadata__[0]
    assert (kind, option.help, option.metavar) == (str | None, "Only stores of this colour.", "COLOUR")


def test_new_parameter_is_a_member_of_the_bodies_and_described_in_openapi() -> None:
    def described(model: Any) -> tuple[str, int | None]:
        schema = model.model_json_schema()["properties"]["colour"]
        return schema["description"], schema["anyOf"][0].get("maxLength")

    assert described(Body) == ("Only stores of this colour.", 10)
    assert described(Answer) == ("Only stores of this colour.", None)
    assert Body.model_validate({"colour": "red"}).sent() == {"colour": "red"}
    with pytest.raises(ValidationError):
        Body.model_validate({"color": "red"})


def test_new_parameter_is_in_the_headers() -> None:
    request = Wider(colour="red", format=ReportFormat.JSON)  # type: ignore[call-arg]
    assert selection(request) == "colour red"
    assert "colour" in stamps(Wider)
    assert briefly(request)["Colour"] == "red"


def test_parameter_without_its_words_is_refused() -> None:
    class Silent(ReportRequest, frozen=True):
        colour: str | None = None

    with pytest.raises(TypeError, match="colour of Silent needs a description"):
        options_of(Silent)
