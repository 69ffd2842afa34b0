"""The table of light words (`words.toml`), and how words are compared with it."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670"
    "\u0900-\u0963\u0971-\u0e4e\u200c\u200d\u3099\u309a"
)
"""Vowel signs and accents that stand apart from their letters."""
WORD = re.compile(rf"(?:[^\W\d_][{MARKS}]*)+")
DROPPED = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u0640\u093c\u200c\u200d]")
UNMARKED = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي"})


@dataclass(frozen=True)
class Form:
    """What a word or a phrase is in English, and whether it is sure to be of its language."""

    english: str
    sure: bool


@dataclass(frozen=True, eq=False)
class Language:
    """One table. `forms` and `links` hold keys, see `key`."""

    code: str
    name: str
    forms: dict[str, Form]
    links: frozenset[str]


def key(text: str) -> str:
    """A word as it is compared: no case, no accents, one form of each letter.

    >>> key("ЖЁЛТЫЙ") == key("желтый"), key("światło"), key("ＬＵＺ"), key("IŞIK") == key("ışık")
    (True, 'swiatlo', 'luz', True)
    """
    folded = unicodedata.normalize("NFKD", text.casefold().translate(UNMARKED))
    return unicodedata.normalize("NFC", DROPPED.sub("", folded)).translate(UNMARKED)


@functools.cache
def languages() -> dict[str, Language]:
    """All tables, by code; "en" holds other English names of what the model knows."""
    import tomllib  # only where a prompt is read

    text = Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
    return {code: _language(code, table) for code, table in tomllib.loads(text).items()}


def _language(code: str, table: dict) -> Language:
    import shlex

    endings = [key(ending.strip("-")) for ending in table["endings"].split()]
    forms: dict[str, Form] = {}
    for english, written in table["words"].items():
        for form in shlex.split(written):
            bare = form.lstrip("~")
            stem = key(bare.rstrip("*"))
            for ending in endings if bare.endswith("*") else [""]:
                forms.setdefault(stem + ending, Form(english, bare == form and english != "and"))
    return Language(code, table["name"], forms, frozenset(map(key, table["links"].split())))


@functools.cache
def english_words() -> frozenset[str]:
    """The words that the tables lead to."""
    forms = (form for language in languages().values() for form in language.forms.values())
    return frozenset(word for form in forms for word in form.english.split())
