"""Store ids in paths. A slash that belongs to an id is written `%2F`; other slashes separate."""

from typing import ClassVar, Final

from starlette.convertors import Convertor, register_url_convertor

# Replaces a slash of an id until the route is found. U+FFFF is not a character, so no id has it.
ID_SLASH: Final = "\uffff"
# Paths below a store. A path that ends with one of these is never the path of the store itself.
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
