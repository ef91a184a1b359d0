"""How a parameter of reports is declared, and what other packages read from the declaration.

A parameter is one field of `ReportRequest`: its annotation has the type and the limits, its `Field` the description,
and its `Parameter` what the command line and the header of a report need. The HTTP models, the options, the stored
form, the headers and the reference page are derived from these.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from storewatch.domain.texts import clean_id

MAX_STORES: Final = 10_000
MAX_WINDOWS: Final = 10

Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]  # PostgreSQL's texts hold no NUL
StoreId = Annotated[Text, Field(min_length=1, max_length=500)]
LabelName = Annotated[Text, Field(min_length=1, max_length=200), AfterValidator(clean_id)]
LabelValue = Annotated[Text, Field(min_length=1, max_length=256)]
Labels = Annotated[dict[LabelName, LabelValue], Field(max_length=20, examples=[{"brand": "acme"}])]
Duration = Annotated[Text, Field(min_length=1, max_length=20)]
Currency = Annotated[Text, Field(min_length=1, max_length=20)]
Zone = Annotated[Text, Field(min_length=1, max_length=256)]
Source = Annotated[Text, Field(min_length=1, max_length=200)]
Window = Annotated[Text, Field(min_length=1, max_length=100)]
InstantText = Annotated[str, Field(max_length=64)]
Flag = Annotated[bool, Field(strict=True)]

M = TypeVar("M", bound=BaseModel)

_CONVERSIONS: Final = (BeforeValidator, AfterValidator, PlainSerializer)


class HeaderPart(Enum):
    """The part of a report's header that shows a parameter."""

    COUNTING = "how time is counted"
    WINDOWS = "which windows"
    STORES = "which stores"
    CONTENT = "what is computed"
    GOAL = "the target"
    FORM = "how it is written; the header does not show it"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """The properties of a parameter that the command line and the headers need.

    metavar: its value in the help of a command; None for a flag. flags: the names of the option where it has others
    than --the-name. default: its default in words, where the value is no help. commas: an option may list several
    values with commas. stamped: forms with one table repeat it on every row. wire: its type in JSON, where the type in
    Python is another one. in_definitions: a saved or scheduled report may set it.
    """

    part: HeaderPart
    metavar: str | None = None
    flags: tuple[str, ...] = ()
    default: str | None = None
    commas: bool = False
    stamped: bool = False
    wire: Any = None
    in_definitions: bool = True


@dataclass(frozen=True, kw_only=True)
class Described:
    """A parameter for the derived forms. values: the values it can have, None where they are no fixed set."""

    name: str
    text: str
    default: Any
    parameter: Parameter
    field: FieldInfo
    values: type[StrEnum] | None

    @property
    def kind(self) -> Any:
        """The type of the parameter in Python, without None."""
        return _unwrapped(self.field.annotation)

    @property
    def is_flag(self) -> bool:
        return self.kind is bool

    @property
    def is_list(self) -> bool:
        """Whether it can have several values; labels are a list of pairs."""
        return getattr(self.kind, "__origin__", None) is tuple

    @property
    def default_words(self) -> str | None:
        """The default for people; None where leaving the parameter out needs no words."""
        if self.parameter.default is not None:
            return self.parameter.default
        return str(self.default) if isinstance(self.default, str) else None


def parameters_of(model: type[BaseModel]) -> Iterator[Described]:
    """List the parameters of a request model in the order of its fields."""
    for name, field in model.model_fields.items():
        found = [each for each in field.metadata if isinstance(each, Parameter)]
        if not found or not field.description:
            raise TypeError(f"the field {name} of {model.__name__} needs a description and a Parameter")
        yield Described(
            name=name,
            text=field.description,
            default=None if field.default is PydanticUndefined else field.default,
            parameter=found[0],
            field=field,
            values=next((kind for kind in _types(field.annotation) if issubclass(kind, StrEnum)), None),
        )


def body_of(model: type[BaseModel], *, only_in_definitions: bool = False) -> Callable[[type[M]], type[M]]:
    """Return a decorator that adds the parameters of a request to the model of a JSON body.

    Each is optional, and null stands for its default. The body checks types and limits, so that a client learns all
    mistakes at once; the request checks the rest.
    """
    fields: dict[str, Any] = {
        each.name: (Annotated[wire_type(each) | None, *_limits(each), Field(**_words(each))], None)
        for each in parameters_of(model)
        if each.parameter.in_definitions or not only_in_definitions
    }
    return _adding(fields)


def answer_of(model: type[BaseModel], *, without: Collection[str] = ()) -> Callable[[type[M]], type[M]]:
    """Return a decorator that adds the parameters of a request to the model of a JSON answer that shows one.

    They have their types and defaults, but no limits: what an earlier release accepted stays readable.
    """
    defaults = model().model_dump(mode="json")
    fields: dict[str, Any] = {
        each.name: (
            Annotated[_without_limits(wire_type(each)), Field(description=each.text, validate_default=True)],
            defaults[each.name],
        )
        for each in parameters_of(model)
        if each.name not in without
    }
    return _adding(fields)


def wire_type(described: Described) -> Any:
    """Return the type of a parameter in JSON.

    Lists are lists and not tuples: of a tuple with one bad element Pydantic also reports that the tuple is too short.
    """
    return described.parameter.wire or _with_lists(described.field.annotation)


def sentence(model: type[BaseModel], error: ErrorDetails) -> tuple[str, str]:
    """Return the parameter that a validation error is about, and a sentence with what it must be."""
    name = str(error["loc"][0]) if error["loc"] else ""
    described = {each.name: each for each in parameters_of(model)}
    if name not in described:
        allowed = [each.name for each in described.values() if each.parameter.in_definitions]
        return name, f"A report does not take {name}; it takes {', '.join(allowed)}."
    return name, _must(described[name], error)


def _must(described: Described, error: ErrorDetails) -> str:
    """Return what a parameter must be, as a sentence for the kind of Pydantic's error."""
    name, context, values = described.name, error.get("ctx", {}), ", ".join(described.values or ())
    a_list = f"{name} must be a list {f'of {values}' if values else 'with at least one text'}."
    a_text, a_count = f"{name} must be a text.", f"{name} must be a whole number of at least 1."
    sentences = {
        "enum": f"{error['input']!r} is not a value of {name}; use one of {values}.",
        "tuple_type": a_list,
        "too_short": a_list,
        "too_long": f"A report takes at most {context.get('max_length')} {name}.",
        "string_type": a_text,
        "string_too_short": f"{name} must be a text that is not empty.",
        "string_pattern_mismatch": f"{name} must be a text without the character NUL.",
        "string_too_long": f"{name} must be a text of at most {context.get('max_length')} characters.",
        "bool_type": f"{name} must be true or false.",
        "int_type": a_count,
        "greater_than_equal": a_count,
        "less_than_equal": f"{name} must be at most {context.get('le')}.",
    }
    return sentences.get(error["type"], f"{name}: {error['msg']}.")


def _adding(fields: Mapping[str, Any]) -> Callable[[type[M]], type[M]]:
    """Return a decorator that adds fields to a model; those that the model declares itself stay."""

    def decorate(declared: type[M]) -> type[M]:
        added = {name: field for name, field in fields.items() if name not in declared.model_fields}
        return create_model(
            declared.__name__, __base__=declared, __module__=declared.__module__, __doc__=declared.__doc__, **added
        )

    return decorate


def _words(described: Described) -> dict[str, Any]:
    default, field = described.default_words, described.field
    text = f"{described.text} Default: {default}." if default else described.text
    return {"description": text, "examples": field.examples, "json_schema_extra": field.json_schema_extra}


def _limits(described: Described) -> list[Any]:
    """Return the limits of a parameter as its field declares them; a parameter with `wire` has its limits there."""
    if described.parameter.wire is not None:
        return []
    return [each for each in described.field.metadata if not isinstance(each, (Parameter, *_CONVERSIONS))]


def _without_limits(annotation: Any) -> Any:
    """Return a type without the limits in its annotations, at any depth."""
    if hasattr(annotation, "__metadata__"):
        return _without_limits(annotation.__origin__)
    if not get_args(annotation):
        return annotation
    parts = tuple(_without_limits(each) for each in get_args(annotation))
    origin = get_origin(annotation)
    return Union[parts] if origin in (Union, UnionType) else origin[parts]  # noqa: UP007 - the members are known at run time only


def _with_lists(annotation: Any) -> Any:
    """Return a type with its tuples of any length as lists; `annotation` may be optional."""
    if get_origin(annotation) is tuple:
        return list[get_args(annotation)[0]]  # type: ignore[misc] # known at run time only
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(map(_with_lists, get_args(annotation)))]  # noqa: UP007
    return annotation


def _unwrapped(annotation: Any) -> Any:
    """Return the type of an optional annotation."""
    options = [each for each in get_args(annotation) if each is not type(None)]
    is_optional = type(None) in get_args(annotation)
    return _unwrapped(options[0]) if is_optional or hasattr(annotation, "__metadata__") else annotation


def _types(annotation: Any) -> Iterator[type]:
    """List the classes that an annotation is made of."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for each in get_args(annotation):
        yield from _types(each)
