"""The guard against text that a spreadsheet would run as a formula (OWASP, "CSV Injection")."""

import re
from typing import Final

_ZERO_WIDTH: Final = "\u200b\ufeff"
_SIGNS: Final = "=+@\uff1d\uff0b\uff0d\uff20-"  # those of full width count too
# Spreadsheets trim space before they look for a formula. Polars and `re` must both understand the pattern; \x1c to
# \x1f are space for `re` only, so they are named.
FORMULA_START: Final = rf"^(?:[\s\x1c-\x1f{_ZERO_WIDTH}]*[{_SIGNS}]|[\t\r\n])"
_FORMULA: Final = re.compile(FORMULA_START)


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet runs: an apostrophe before a text that begins like a formula."""
    return f"'{text}" if _FORMULA.match(text) else text
