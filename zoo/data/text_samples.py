"""Text to try things on without any file: `sample:NAME`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa

from zoo.errors import InputError, did_you_mean

# All written in Latin letters and well filled in CLDR; some are close: da/sv, es/it/pt, de/nl.
# fmt: off
LANGUAGES = (
    "cs", "da", "de", "en", "es", "et", "eu", "fi", "fr", "ga", "hu", "is",
    "it", "lt", "lv", "nl", "pl", "pt", "ro", "sl", "sq", "sv", "tr", "vi",
)
# fmt: on


def languages() -> pa.Table:
    """In which of 24 languages is this phrase? About 21,000 names of languages, countries, currencies and scripts.

    From the CLDR data (Unicode licence) in Babel. A name that two of the languages share is left out of both.

    Example:
        >>> languages().column_names
        ['text', 'language']
    """
    from babel import Locale

    english = Locale("en").languages
    phrases = {code: list(_phrases(code)) for code in LANGUAGES}
    holders = Counter(phrase.casefold() for names in phrases.values() for phrase in names)
    rows = [(name, english[code]) for code, names in phrases.items() for name in names if holders[name.casefold()] == 1]
    return pa.table({"text": [name for name, _ in rows], "language": [language for _, language in rows]})


def _phrases(code: str) -> Iterator[str]:
    """The names CLDR gives in one language, each once, codes left out."""
    from babel import Locale

    locale = Locale(code)
    seen: set[str] = set()
    tables: tuple[Mapping[str, str], ...] = (locale.languages, locale.territories, locale.currencies, locale.scripts)
    for table in tables:
        codes = {key.casefold() for key in table}
        for _, given in sorted(table.items()):
            name = " ".join(given.split())
            folded = name.casefold()
            if folded in seen or folded in codes or sum(letter.isalpha() for letter in name) < 2:
                continue
            seen.add(folded)
            yield name


TEXT_SAMPLES = {"languages": languages}


def text_sample(name: str) -> pa.Table:
    """The sample called `name`.

    Raises:
        InputError: There is none of that name.
    """
    if name not in TEXT_SAMPLES:
        raise InputError(f"sample:{name}: no such text sample: {did_you_mean(name, TEXT_SAMPLES)}")
    return TEXT_SAMPLES[name]()
