"""Names of weekdays in eleven languages, from Unicode CLDR 47 (by way of the package Babel).

The table is fixed. With the locale of the machine, a command and a service could read the same file differently.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

# Full names first, then abbreviations, each from Monday to Sunday. `names_by_language` adds the first three letters of
# each full name.
_LANGUAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "English": (
        "monday tuesday wednesday thursday friday saturday sunday",
        "mo tu we th fr sa su",
        "mon tues weds thurs fri sat sun",
        "mon tue wed thur fri sat sun",
    ),
    "Danish": ("mandag tirsdag onsdag torsdag fredag lørdag søndag", "ma ti on to fr lø sø", "man tirs ons tors fre"),
    "Dutch": ("maandag dinsdag woensdag donderdag vrijdag zaterdag zondag", "ma di wo do vr za zo"),
    "French": ("lundi mardi mercredi jeudi vendredi samedi dimanche", "lu ma me je ve sa di"),
    "German": (
        "montag dienstag mittwoch donnerstag freitag samstag sonntag",
        "mo di mi do fr sa so",
        "montag dienstag mittwoch donnerstag freitag sonnabend sonntag",
    ),
    "Italian": ("lunedì martedì mercoledì giovedì venerdì sabato domenica",),
    "Norwegian": ("mandag tirsdag onsdag torsdag fredag lørdag søndag", "ma ti on to fr lø sø"),
    "Polish": ("poniedziałek wtorek środa czwartek piątek sobota niedziela", "pon wt śr czw pt sob niedz"),
    "Portuguese": (
        "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
        "segunda terça quarta quinta sexta sábado domingo",
    ),
    "Spanish": ("lunes martes miércoles jueves viernes sábado domingo", "lu ma mi ju vi sa do"),
    "Swedish": ("måndag tisdag onsdag torsdag fredag lördag söndag", "må ti on to fr lö sö", "mån tis ons tors fre"),
}


@cache
def names_by_language() -> dict[str, dict[str, int]]:
    """Return language -> name -> day (0 = Monday). Names are spelled as `normalise_name` returns them."""
    return {
        language: {
            name: day
            for line in lines
            for day, word in enumerate(line.split())
            for name in (normalise_name(word), *([normalise_name(word)[:3]] if line == lines[0] else []))
        }
        for language, lines in _LANGUAGES.items()
    }


def normalise_name(text: str) -> str:
    """Return a name in lower case, without accents and without a full stop at the end."""
    letters = unicodedata.normalize("NFD", text.casefold().removesuffix("."))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def languages_of(names: Iterable[str]) -> list[str]:
    """Return the languages that have all of these names of weekdays. names: normalised."""
    wanted = set(names)
    return [language for language, known in names_by_language().items() if wanted <= known.keys()]


@cache
def meanings(languages: tuple[str, ...] = ()) -> dict[str, dict[int, str]]:
    """Return name -> day (0 = Monday) -> a language in which the name means that day.

    languages: the languages to look at; none: all.
    """
    found: dict[str, dict[int, str]] = {}
    for language, known in names_by_language().items():
        if not languages or language in languages:
            for name, day in known.items():
                found.setdefault(name, {}).setdefault(day, language)
    return found
