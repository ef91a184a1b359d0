"""The guard against text that a spreadsheet would run as a formula (OWASP, "CSV Injection").

A guarded text has one apostrophe in front. A text that begins with an apostrophe itself gets one as well, so that two
texts never become the same and the guard can be undone: `unguarded` removes one leading apostrophe.
"""

import re
from typing import Final

_ZERO_WIDTH: Final = "\u200b\ufeff"
_SIGNS: Final = "=+@\uff1d\uff0b\uff0d\uff20-"  # those of full width count too
# Spreadsheets trim space before they look for a formula. Polars and `re` must both understand the patterns; \x1c to
# \x1f are space for `re` only, so they are named.
RISKY_START: Final = rf"^(?:[\s\x1c-\x1f{_ZERO_WIDTH}]*[{_SIGNS}]|[\t\r\n'])"
# A plain number is no formula, and programs join on ids such as -1 or +4930123.
PLAIN_NUMBER: Final = r"[+-](?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_RISKY: Final = re.compile(RISKY_START)
_PLAIN: Final = re.compile(PLAIN_NUMBER)


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet runs: an apostrophe before a text that begins like a formula."""
    return f"'{text}" if _RISKY.match(text) and not _PLAIN.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Return a guarded text without its guard: undo `safe_text`."""
    return text.removeprefix("'")
