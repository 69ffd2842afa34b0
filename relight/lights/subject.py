"""What a prompt says but for its light, so that another light can take the place of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from relight.lights.languages import translate
from relight.lights.word_table import WORD, key, languages
from relight.lights.words import COLOURED, FUNCTION, LIGHT_WORDS, NOUNS

STOPS = re.compile(r"([,.;:!?|\n，、。،]+)")
LEADS = frozenset(("in", "at", "by", "under", "with"))
"""Words that a light may come after: "a man in red light"."""
BEFORE = frozenset(("is", "are", "lit", "and"))
"""Words that go with what leads to a light."""
SIDES = frozenset(
    ["left", "right", "top", "bottom", "above", "below", "side", "sides", "front", "back"]
)
ARTICLES = frozenset(("a", "an", "the"))
BESIDE = FUNCTION | BEFORE | SIDES
"""Words that may stand among those of a light."""
THINGS = frozenset(
    ["lamp", "lamps", "lantern", "spotlight", "candle", "candles", "fire", "neon", "neons"]
)
"""Lights that can be a subject, too."""


def without_light(prompt: str) -> str:
    """The prompt without the words that say its light, in any language.

    >>> without_light("a man in a hat, warm orange light"), without_light("red neon light")
    ('a man in a hat', '')
    >>> without_light("a woman in red light, holding a candle")
    'a woman, holding a candle'
    >>> without_light("медведь, красный неоновый свет")
    'медведь'
    """
    english, read = translate(prompt)
    links = frozenset().union(*(one.links for one in languages().values())) if read else ()
    kept, pieces = "", STOPS.split(english)
    for index in range(0, len(pieces), 2):
        part = _subject(pieces[index].strip(), links, first=index == 0)
        if part:
            kept += f"{pieces[index - 1]} {part}" if kept else part
    if kept == english.strip(" ,"):
        return prompt.strip(" ,")
    return kept


def _subject(part: str, links: Collection[str], first: bool) -> str:
    """A part of a prompt, up to its light."""
    found = list(WORD.finditer(part))
    words = [word[0].lower() for word in found]
    if first and words and words[0] in ARTICLES and words[-1] in THINGS:
        return part  # a lamp that is looked at
    start = _light_at(words)
    while start < len(words):
        while start and (words[start - 1] in BEFORE or words[start - 1] in links):
            start -= 1
        words = words[:start]
        start = _light_at(words)
    return part[: found[start - 1].end()] if 0 < start < len(found) else part * (start > 0)


def _light_at(words: Sequence[str]) -> int:
    """Where the light begins that a part ends with; the number of words where it ends with none.

    A part is of light altogether, or has light after a word that leads to it, or ends with the
    words for a light, none of them an article: "a man, red light", "a man red light".
    """
    run = len(words)
    while run and (_of_light(words[run - 1]) or words[run - 1] in BESIDE):
        run -= 1
    if run == 0 and any(_of_light(word) for word in words):
        return 0
    for at in reversed(range(run, len(words))):
        if words[at] in LEADS and _names_light(words[at:]):
            return at
    bare = not any(word in FUNCTION for word in words[run:])
    if bare and len(words) - run > 1 and words[-1] in NOUNS - THINGS:
        return run
    return len(words)


def _names_light(words: Sequence[str]) -> bool:
    """Whether what a word leads to is a light: "in red light", not "in dark" or "with a candle"."""
    if words[0] == "with":
        return words[-1] in NOUNS - THINGS and not set(words) & ARTICLES
    return any(english in NOUNS | COLOURED for word in words for english in _english(word))


def _of_light(word: str) -> bool:
    return any(english in LIGHT_WORDS for english in _english(word))


def _english(word: str) -> Sequence[str]:
    """A word, and what another name ("scarlet") stands for."""
    form = languages()["en"].forms.get(key(word))
    return (word,) if form is None else (word, *form.english.split())
