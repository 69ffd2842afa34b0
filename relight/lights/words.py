"""What a prompt says of the light: its colours, and the words that a model does not know.

    understand("красный неоновый свет", vocabulary).text  # "red neon light"

A small model makes some light of any words. So the light words of other languages are read as the
English ones it knows (`relight.lights.languages`), and what stays unknown is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from relight.lights.colors import OTHER_NAMES, TINTS, tint_name
from relight.lights.languages import Reading, translate
from relight.lights.word_table import WORD, key, languages


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOUNS = _set(
    """light lights lighting neon neons glow glowing lamp lamps lantern spotlight illumination"""
)
COLOURED = _set(
    """sunset sunrise sunshine sunlight hour golden warm magic cozy candle candles candlelight fire
    firelight moonlight moonlit night cold overcast underwater cyberpunk sci fi rgb neon"""
)
"""Words of a mood that has a colour of its own."""
PLAIN = _set(
    """soft bright dim dark studio natural white daylight neutral normal stage foggy shadow
    beautiful cinematic dramatic strong deep pale"""
)
EFFECTS = _set(
    """volumetric godray godrays rays beams shafts flare flares caustics gobo bokeh chiaroscuro
    backlit backlight rimlight"""
)
"""Of light alone, wherever they stand."""
LIGHT_WORDS = NOUNS | COLOURED | PLAIN | TINTS.keys() | OTHER_NAMES.keys()
FUNCTION = _set(
    """a an the in on of at by with under over from to for or is are lit near his her its my your
    their this that very as into through behind before after one two some"""
)
SEGMENT = re.compile(r"[,.;:!?|()\[\]\n，、。،]+|\blit by\b")
TYPO = 0.8
"""Least likeness (difflib) of a word to the light word it is taken for a misspelling of."""
SHORTEST_TYPO = 5


@dataclass(frozen=True)
class Words:
    """What a prompt says.

    Attributes:
        text: the prompt for the model, identical where nothing had to be read.
        colours: of the light, in order, by their names in `relight.lights.colors.TINTS`.
        neutral: no colour and no mood that has one is named for the light.
        unknown: words that say something of the light and that the model does not know.
        notes: one line each: what was read as what, what is unknown and what comes near.
    """

    text: str
    colours: tuple[str, ...]
    neutral: bool
    unknown: tuple[str, ...]
    notes: tuple[str, ...]


def understand(prompt: str, vocabulary: Collection[str] | None = None) -> Words:
    """Read a prompt.

    Args:
        prompt: subject and light, in any language.
        vocabulary: the words, in lower case, that the model was trained on; None: any, and then
            no word is unknown.

    >>> known = {"a", "red", "neon", "light", "turquoise", "soft"}
    >>> understand("a bear, red neon light", known)
    Words(text='a bear, red neon light', colours=('red',), neutral=False, unknown=(), notes=())
    >>> understand("turqoise light", known).notes
    ('words the model does not know: "turqoise" (nearest: "turquoise")',)
    """
    text, read = translate(prompt)
    if vocabulary is not None:
        text, more = _renamed(text, vocabulary)
        read += more
    segments = [_words(part) for part in SEGMENT.split(text)]
    colours = tuple(dict.fromkeys(name for words in segments for name in _colours(words)))
    mooded = any(word in COLOURED for words in segments for word in words)
    unknown = () if vocabulary is None else tuple(dict.fromkeys(_unknown(segments, vocabulary)))
    # A colour beside a misspelt word is meant for the light, though the chain to it is broken.
    broken = [words for words in segments if set(words) & set(unknown)]
    tinted = any(tint_name(word) for words in broken for word in words)
    named = colours or mooded or tinted or "forest light" in text.lower()
    return Words(
        text=text,
        colours=colours,
        neutral=not named,
        unknown=unknown,
        notes=(*_said(read), *_missed(unknown, vocabulary or ())),
    )


def _words(text: str) -> list[str]:
    return [word[0].lower() for word in WORD.finditer(text)]


def _renamed(text: str, vocabulary: Collection[str]) -> tuple[str, tuple[Reading, ...]]:
    """Other English names ("scarlet light") by those of the vocabulary."""
    table, read, made, last = languages()["en"], [], [], 0
    words = list(WORD.finditer(text))
    for index, word in enumerate(words):
        form = table.forms.get(key(word[0]))
        if form is None or key(word[0]) in vocabulary:
            continue
        if not set(form.english.split()) <= set(vocabulary):
            continue
        segment = SEGMENT.split(text[word.end() :])[0]
        before = SEGMENT.split(text[: word.start()])[-1]
        if form.sure or _leads_to_light(_words(segment)) or _is_of_light(_words(before)):
            followed = index + 1 < len(words) and words[index + 1][0].lower() in NOUNS
            english = form.english.removesuffix(" light") if followed else form.english
            read.append(Reading(word[0], english, table.name))
            made += [text[last : word.start()], english]
            last = word.end()
    return "".join(made) + text[last:], tuple(read)


def _leads_to_light(after: Sequence[str]) -> bool:
    names = languages()["en"].forms
    for word in after:
        if word in NOUNS:
            return True
        if word not in LIGHT_WORDS and word not in names and word != "and":
            return False
    return False


def _is_of_light(before: Sequence[str]) -> bool:
    """Whether what follows names a light: "the light of a ..."."""
    words = [word for word in before if word not in ("a", "an", "the")]
    return len(words) >= 2 and words[-1] in ("of", "from") and words[-2] in NOUNS


def _chain(words: Sequence[str], noun: int) -> Iterator[str]:
    """The words that say what light a noun means, from it backwards."""
    for word in reversed(words[:noun]):
        if word not in LIGHT_WORDS and word != "and":
            yield word  # the last: what stands before it may be the subject
            return
        yield word


def _heads(words: Sequence[str]) -> list[int]:
    return [i for i, word in enumerate(words) if word in NOUNS or word in COLOURED]


def _colours(words: Sequence[str]) -> list[str]:
    """Names of the colours that a part of a prompt gives its light."""
    if all(word in LIGHT_WORDS or word == "and" for word in words):
        return [name for word in words if (name := tint_name(word))]
    found: list[str] = []
    for head in _heads(words):
        own = [name for word in _chain(words, head) if (name := tint_name(word))]
        found += [name for name in reversed(own) if name not in found]
    return found


def _unknown(segments: Sequence[Sequence[str]], vocabulary: Collection[str]) -> Iterator[str]:
    """Words outside the vocabulary that matter for the light.

    Those that go with a word for light or are of light themselves, those that look like a misspelt
    light word, and, where the whole prompt names no light, those of a part of which no word is
    known. Subjects don't count.
    """
    spoken = any(word in LIGHT_WORDS and _known(word, vocabulary) for s in segments for word in s)
    for words in segments:
        unknown = [word for word in words if word not in FUNCTION and not _known(word, vocabulary)]
        lit = any(word in LIGHT_WORDS for word in words)
        beside = {word for head in _heads(words) for word in _adjectives(words, head)}
        foreign = not spoken and len(unknown) == len(words)
        for word in unknown:
            misspelt = (lit or not spoken) and _misspelt(word, vocabulary)
            if word in beside or word in EFFECTS or foreign or misspelt:
                yield word


def _adjectives(words: Sequence[str], head: int) -> list[str]:
    """The chain of a noun up to its first colour: before that, the subject may stand."""
    chain = list(_chain(words, head))
    colour = next((i for i, word in enumerate(chain) if tint_name(word)), len(chain))
    return chain[:colour] if words[head] in NOUNS else []


def _known(word: str, vocabulary: Collection[str]) -> bool:
    return any(form in vocabulary for form in (word, word.removesuffix("s"), word + "s", key(word)))


def _misspelt(word: str, vocabulary: Collection[str]) -> bool:
    return len(word) >= SHORTEST_TYPO and bool(_nearest(word, vocabulary))


def _nearest(word: str, vocabulary: Collection[str], likeness: float = TYPO) -> list[str]:
    """The light words of a vocabulary that are most like a word, the first letter the same."""
    import difflib

    like = [w for w in sorted(LIGHT_WORDS) if w in vocabulary and len(w) > 3 and w[0] == word[0]]
    return difflib.get_close_matches(word, like, n=2, cutoff=likeness)


def _said(read: Sequence[Reading]) -> list[str]:
    return [f'read "{one.foreign}" as "{one.english}" ({one.language})' for one in read]


def _missed(unknown: Sequence[str], vocabulary: Collection[str]) -> list[str]:
    if not unknown:
        return []
    said, nothing_near = [], True
    for word in unknown:
        near = [] if word in EFFECTS else _nearest(word, vocabulary, 0.6)
        nothing_near = nothing_near and not near
        nearest = " or ".join(f'"{one}"' for one in near)
        said.append(f'"{word}"' + (f" (nearest: {nearest})" if near else ""))
    hint = "; it knows English colours and words such as sunset, moonlight, candle, soft, dark"
    return ["words the model does not know: " + ", ".join(said) + (hint if nothing_near else "")]
