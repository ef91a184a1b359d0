"""How the id of a store stands in a path: its own slashes are written `%2F`, other slashes separate."""

from typing import ClassVar, Final

from starlette.convertors import Convertor, register_url_convertor

# What stands for a slash of an id until the route is found. No character, so no id needs it.
ID_SLASH: Final = "\uffff"
# The paths that go on after the id of a store. What ends with one of these is never the path of a store alone.
PARTS: Final = ("timeline", "availability", "observations", "outages", "weekly-hours")


class _StoreIdConvertor(Convertor[str]):
    regex: ClassVar[str] = rf"(?!.*/(?:{'|'.join(PARTS)})$).+"

    def convert(self, value: str) -> str:
        return value.replace(ID_SLASH, "/")

    def to_string(self, value: str) -> str:
        return value.replace("/", ID_SLASH)


class _StoreOfPartConvertor(_StoreIdConvertor):
    regex: ClassVar[str] = ".+"


register_url_convertor("store_id", _StoreIdConvertor())
register_url_convertor("store_of_part", _StoreOfPartConvertor())

STORE: Final = "/v1/stores/{store_id:store_id}"
PART_OF_STORE: Final = "/v1/stores/{store_id:store_of_part}"
