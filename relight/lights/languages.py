"""The light words of other languages, read by a table (`words.toml`), as the English ones.

    translate("ein Bär, rotes Neonlicht") -> "ein Bär, red neon light"

Only words that describe light are read, the rest of a prompt stays as it is. Words are compared
without case and accents. A form marked as ambiguous ("rot", "luna", "sole") counts only in a prompt
that has certain words of its language too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relight.lights.colors import tint_name
from relight.lights.word_table import WORD, Form, Language, english_words, key, languages

GAP = re.compile(r"[\s'’\-\u200c]*")
UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
ARTICLES = ("وال", "بال", "لل", "ال", "و", "ب")
"""Arabic prefixes: and the, in the, for the, the, and, in."""
HEADS = {"sunset": 1, "sunrise": 1, "candle": 1, "fire": 1, "neon": 2, "glow": 3, "light": 3}
"""Nouns that English puts last, in this order, and other languages may put first."""
WHOLE = ("moonlight", "sunshine", "daylight")
"""Already say "light"."""
LONGEST_PHRASE = 3
COMPOUNDED = ("de", "nl")
JOINTS = ("", "s", "n", "en")


@dataclass(frozen=True)
class Unit:
    """A word of a prompt, or a part of one where nothing is put between words.

    Attributes:
        kind: "read" (in the table), "english" (a light word already), "link", or "other".
        words: English ones, of the first two kinds.
    """

    start: int
    end: int
    kind: str
    words: tuple[str, ...] = ()
    sure: bool = False


@dataclass(frozen=True)
class Reading:
    """Words of another language, and how they were read."""

    foreign: str
    english: str
    language: str


def translate(prompt: str) -> tuple[str, tuple[Reading, ...]]:
    """The prompt with the light words of other languages in English, and what was read.

    A prompt in which there is none is returned as it is. Several languages may be mixed.

    >>> translate("медведь, красный неоновый свет")[0]
    'медведь, red neon light'
    >>> translate("luz roja y azul")[0]
    'red and blue light'
    >>> translate("a rot hell, or red light")
    ('a rot hell, or red light', ())
    """
    readings: list[Reading] = []
    for _ in languages():
        found = [(_score(units), language, units) for language, units in _readings(prompt)]
        best = max(score for score, _, _ in found)
        if not best:
            break
        alike = [(language.name, units) for score, language, units in found if score == best]
        # Sister languages may share all words of a prompt.
        same = [name for name, units in alike if _words(units) == _words(alike[0][1])]
        prompt = _rewritten(prompt, alike[0][1], " or ".join(same), readings)
    return prompt, tuple(readings)


def _readings(prompt: str) -> Iterator[tuple[Language, list[Unit]]]:
    for code, language in languages().items():
        if code != "en":
            yield language, list(_units(prompt, language))


def _words(units: Sequence[Unit]) -> list[tuple[str, ...]]:
    return [unit.words for unit in units]


def _score(units: Sequence[Unit]) -> int:
    """Letters that are sure to be of a language."""
    return sum(unit.end - unit.start for unit in units if unit.kind == "read" and unit.sure)


def _units(prompt: str, language: Language) -> Iterator[Unit]:
    words = list(WORD.finditer(prompt))
    at = 0
    while at < len(words):
        if UNSPACED.match(words[at][0]):
            yield from _parts(words[at], language)
            at += 1
            continue
        length, unit = _phrase(prompt, words[at : at + LONGEST_PHRASE], language)
        yield unit
        at += length


def _phrase(prompt: str, words: list[re.Match], language: Language) -> tuple[int, Unit]:
    """How many of the words, at least one, are read together, and as what."""
    for length in range(len(words), 0, -1):
        start, end = words[0].start(), words[length - 1].end()
        between = [prompt[a.end() : b.start()] for a, b in itertools.pairwise(words[:length])]
        if not all(GAP.fullmatch(gap) for gap in between):
            continue
        written = " ".join(key(word[0]) for word in words[:length])
        if length == 1 and written in english_words():
            same = written == prompt[start:end].casefold()  # "néon" is not
            kind = "english" if same else "read"
            return 1, Unit(start, end, kind, (written,), not same)
        form = language.forms.get(written)
        if form is None and length == 1:
            if written in language.links:
                return 1, Unit(start, end, "link")
            form = _inflected(written, language)
        if form is not None:
            return length, Unit(start, end, "read", tuple(form.english.split()), form.sure)
    return 1, Unit(words[0].start(), words[0].end(), "other")


def _inflected(written: str, language: Language) -> Form | None:
    """A word made of two of the table, or with an article."""
    if language.code in COMPOUNDED:
        for cut in range(3, len(written) - 2):
            last = language.forms.get(written[cut:])
            if last is None or last.english not in ("light", "glow", "neon"):
                continue
            stems = [written[:cut].removesuffix(joint) for joint in JOINTS]
            known = (s for s in stems if s in language.forms or s in english_words())
            for stem in known:
                first = language.forms.get(stem)
                english = stem if first is None else first.english
                return Form(f"{english} {last.english}", True)
    if language.code == "ar":
        for prefix in ARTICLES:
            form = language.forms.get(written.removeprefix(prefix))
            if form is not None:
                joined = "and " if prefix.startswith("و") else ""
                return Form(joined + form.english, form.sure)
    return None


def _parts(word: re.Match, language: Language) -> Iterator[Unit]:
    """A run of signs without spaces, by the longest entries from its start.

    An entry of one sign counts only beside others: 金 is gold, but 金鱼 a goldfish. Korean words
    must be read to their end, as their last syllables are particles.
    """
    text, found, at = word[0], [], 0
    form, link, length = None, False, 1
    while at < len(text):
        for length in range(min(8, len(text) - at), 0, -1):
            written = key(text[at : at + length])
            form, link = language.forms.get(written), written in language.links
            if form is not None or link:
                break
        kind = "read" if form is not None else "link" if link else "other"
        words = tuple(form.english.split()) if form is not None else ()
        start = word.start() + at
        found.append(Unit(start, start + length, kind, words, form is not None))
        at += length
    yield from _trusted(found, whole=language.code == "ko")


def _trusted(units: list[Unit], whole: bool) -> list[Unit]:
    """The units without entries that may be a part of another word; `whole`: all or none."""
    unread = [unit.kind == "other" for unit in units]
    single = [unit.end - unit.start == 1 and unit.kind == "read" for unit in units]
    for order in (range(len(units)), reversed(range(len(units)))):  # doubt spreads both ways
        for i in order:
            beside = any(unread[max(i - 1, 0) : i + 2])
            unread[i] = unread[i] or (single[i] and beside)
    doubt = [any(unread)] * len(units) if whole else unread
    return [
        Unit(unit.start, unit.end, "other") if doubtful else unit
        for unit, doubtful in zip(units, doubt, strict=True)
    ]


def _rewritten(prompt: str, units: Sequence[Unit], language: str, readings: list[Reading]) -> str:
    """The prompt with every run of light words in English order."""
    made, last = [], 0
    for run in _runs(prompt, units):
        start, end = run[0].start, run[-1].end
        english = " ".join(_ordered(_joined(run)))
        readings.append(Reading(prompt[start:end], english, language))
        before, after = prompt[last:start], prompt[end : end + 1]
        made += [before, " " if _glued(before) else "", english, " " if _glued(after) else ""]
        last = end
    text = "".join(made) + prompt[last:]
    return re.sub(r"\s*[，、،]\s*", ", ", text)


def _glued(neighbour: str) -> bool:
    return bool(neighbour) and WORD.search(neighbour[-1]) is not None


def _runs(prompt: str, units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Neighbouring light words with at least one foreign, without links at the ends."""
    groups: list[list[Unit]] = [[]]
    for unit in units:
        before = groups[-1]
        near = before and GAP.fullmatch(prompt[before[-1].end : unit.start])
        if unit.kind == "other" or (before and not near):
            groups.append([])
        if unit.kind != "other":
            groups[-1].append(unit)
    for group in groups:
        while group and _light_less(group[0]):
            group.pop(0)
        while group and _light_less(group[-1]):
            group.pop()
        if any(unit.kind == "read" for unit in group):
            yield group


def _light_less(unit: Unit) -> bool:
    return unit.kind == "link" or unit.words == ("and",)


def _joined(run: Sequence[Unit]) -> list[str]:
    """The English words of a run; "and" between two colours that are only put side by side."""
    words: list[str] = []
    for unit in run:
        if words and unit.words and tint_name(words[-1]) and tint_name(unit.words[0]):
            words.append("and")
        words += unit.words
    return words


def _ordered(words: Sequence[str]) -> list[str]:
    """Nouns last, as in English: light red and blue -> red and blue light.

    >>> " ".join(_ordered("light neon red".split()))
    'red neon light'
    """
    groups = [
        list(group)
        for is_and, group in itertools.groupby(words, key=lambda word: word == "and")
        if not is_and
    ]
    made: list[list[str]] = []
    carried: list[str] = []
    for group in groups:
        lead = list(itertools.takewhile(lambda word: word in HEADS, group))
        rest = group[len(lead) :]
        own = max((HEADS.get(word, 0) for word in rest), default=0)
        if lead and max(HEADS[word] for word in lead) > own:
            made += [carried] if carried else []
            carried, group = sorted(lead, key=HEADS.__getitem__), rest
        elif carried and any(word in HEADS for word in group):
            made[-1] += carried
            carried = []
        made.append(group)
    if made:
        made[-1] += carried
    text = " and ".join(" ".join(group) for group in made if group)
    text = re.sub(r"\b(\w+)( \1\b)+", r"\1", text)
    text = re.sub(r"\blight (neon|candle|fire|sunset|sunrise)\b", r"\1 light", text)
    for word in WHOLE:
        text = text.replace(f"{word} light", word)
    return text.split()
