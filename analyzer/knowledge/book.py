"""The pages of the knowledge: data files, in English in ``en/``, and one file for each translation.

A translation (``ar.toml``) holds the same tables as the English files, without their facts (`FACTS`). An entry is shown
in the language when all its texts are translated, and in English until then, so that no entry mixes languages.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import AnalyzerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Table = Mapping[str, Any]

#: The language that has everything.
ENGLISH: Final = "en"

#: What is the same in every language.
FACTS: Final = frozenset({"standing", "references", "codes", "auth"})

#: Tables of words, whose words are translated one by one.
WORDS: Final = frozenset({"word", "standing", "language", "report"})

_FOLDER: Final = Path(__file__).parent
#: Files that hold several tables.
_FILES: Final = {
    "digit": "class", "severity": "class", "subject": "class", "standing": "word", "language": "word",
}  # fmt: skip


def languages() -> list[str]:
    """Name the languages, English first."""
    return [ENGLISH, *sorted(file.stem for file in _FOLDER.glob("*.toml"))]


@functools.cache
def _read(file: Path) -> dict[str, dict[str, Any]]:
    with file.open("rb") as stream:
        return tomllib.load(stream)


def english(section: str) -> Table:
    """Give a table in English."""
    return _read(_FOLDER / ENGLISH / f"{_FILES.get(section, section)}.toml")[section]


def translation(lang: str) -> Mapping[str, Table]:
    """Give all tables of a translation; English has none."""
    if lang not in languages():
        raise AnalyzerError(f"there is no language {lang!r}; there are {', '.join(languages())}")
    return _read(_FOLDER / f"{lang}.toml") if lang != ENGLISH else {}


def words(section: str, lang: str) -> Mapping[str, str]:
    """Give a table of words, in English those that are not translated."""
    return {**english(section), **translation(lang).get(section, {})}


def page(section: str, key: str, lang: str) -> tuple[Table, str]:
    """Give an entry and the language in which it is written; raises KeyError where there is none."""
    told = english(section)[key]
    translated = translation(lang).get(section, {}).get(key)
    if lang == ENGLISH or translated is None or any(_lacking(told, translated)):
        return told, ENGLISH
    return {**told, **translated}, lang


def _lacking(told: Table, translated: Table) -> Iterator[str]:
    """Name the texts that a translated entry lacks."""
    for field, value in told.items():
        if field not in FACTS and field not in translated:
            yield field
        elif isinstance(value, dict):
            yield from (f"{field}.{key}" for key in value if key not in translated[field])


def missing(lang: str) -> Iterator[str]:
    """Name what a translation lacks: ``code.211``, ``code.535.fix``."""
    for section in _sections():
        translated = translation(lang).get(section, {})
        for key, told in english(section).items():
            if key not in translated:
                yield f"{section}.{key}"
            elif section not in WORDS:
                yield from (f"{section}.{key}.{field}" for field in _lacking(told, translated[key]))


def surplus(lang: str) -> Iterator[str]:
    """Name what a translation has and English has not: a slip of the pen."""
    for section, translated in translation(lang).items():
        told = english(section) if section in _sections() else {}
        for key, entry in translated.items():
            if key not in told:
                yield f"{section}.{key}"
            elif section not in WORDS:
                yield from (f"{section}.{key}.{field}" for field in entry if field in FACTS or field not in told[key])
                yield from (
                    f"{section}.{key}.{field}.{name}"
                    for field, value in entry.items()
                    if isinstance(value, dict)
                    for name in value
                    if name not in told[key].get(field, {})
                )


def _sections() -> list[str]:
    return [section for file in sorted((_FOLDER / ENGLISH).glob("*.toml")) for section in _read(file)]
