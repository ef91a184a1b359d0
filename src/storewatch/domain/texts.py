"""Clean ids, labels and their values: remove the characters that people cannot see.

`clean_id` and `clean_value` clean a single text; `ingest.cells` does the same for whole columns. `is_storable` finds
texts that cannot be cleaned.
"""

import re
from typing import Final

# The characters of category Cf (format) of Unicode, as ranges of a regular expression of Python and Polars: byte order
# marks, zero-width spaces and joiners, soft hyphens, marks of writing direction. Written out, because the libraries
# follow different versions of Unicode (this is 16.0).
JOINERS: Final = "\u200c\u200d\U000e0020-\U000e007f"
_NO_JOINERS: Final = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001"
)
INVISIBLE: Final = f"[{_NO_JOINERS}{JOINERS}]"
INVISIBLE_IN_VALUES: Final = f"[{_NO_JOINERS}]"
# Unicode's White_Space. str.strip() would also take four control characters.
BLANKS: Final = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
# Zero-width joiners mean something only between two characters.
BLANKS_OF_VALUES: Final = BLANKS + "\u200c\u200d"

_INVISIBLE: Final = re.compile(INVISIBLE)
_INVISIBLE_IN_VALUES: Final = re.compile(INVISIBLE_IN_VALUES)


def clean_id(text: str) -> str:
    """Return an id or a name without the blanks around it and without any invisible character."""
    return text.strip(BLANKS) if text.isascii() else _INVISIBLE.sub("", text).strip(BLANKS)


def clean_value(text: str) -> str:
    """Return the value of a label without the blanks around it and without invisible characters.

    Joiners stay between two characters, where some scripts and emoji need them.
    """
    return text.strip(BLANKS) if text.isascii() else _INVISIBLE_IN_VALUES.sub("", text).strip(BLANKS_OF_VALUES)


def is_storable(text: str) -> bool:
    """Return False when a text has half characters (lone surrogates), which neither columns nor databases can hold."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
