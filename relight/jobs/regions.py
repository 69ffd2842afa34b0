"""What part of a clip is meant: the texts of `--mask`, read and checked; imports no torch.

subject.mp4, masks/, mask.png    white where the subject is
auto                             the clip's subject, found
click:.4,.6@2                    what is at that point at 2 s, followed through the clip
box:.2,.1,.8,.9                  what is within left, top, right, bottom in the first frame
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from relight.errors import InputError

USAGE = "a picture, a video or a folder of pictures, auto, click:x,y or box:left,top,right,bottom"
SLACK_S = 0.1
"""How far a moment may be past the end: clips end a frame before the time people read."""


@dataclass(frozen=True)
class MaskFile:
    """A picture, a video, or pictures that make a clip: white where the subject is."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class MaskAuto:
    """The subject of the clip, found."""

    def __str__(self) -> str:
        return "auto"


@dataclass(frozen=True)
class MaskSeed:
    """What a click (x, y) or a box (left, top, right, bottom) points out at a moment.

    Attributes:
        numbers: fractions of the frame's width and height, or pixels where any is above 1.
        seconds: since the first frame that is lit.
    """

    numbers: tuple[float, ...]
    seconds: float = 0.0

    @property
    def word(self) -> str:
        """How it is written."""
        return "click" if len(self.numbers) == 2 else "box"

    def fractions(self, width: int, height: int) -> tuple[float, ...]:
        """Of a frame's size.

        Raises:
            InputError: a point outside of the frame, or an empty box.

        >>> MaskSeed((320, 90)).fractions(640, 360), MaskSeed((0.5, 0.25)).fractions(640, 360)
        ((0.5, 0.25), (0.5, 0.25))
        """
        found = self.numbers
        # 1.2 beside .3 is a fraction past the frame's edge, and no pixel.
        mixed = max(found) > 1 and any(0 < n < 1 for n in found)
        if max(found) > 1:
            found = tuple(n / (height if i % 2 else width) for i, n in enumerate(found))
        if mixed or not all(0 <= n <= 1 for n in found):
            raise InputError(
                f"the mask {str(self)!r} is outside of the frame of {width}x{height} pixels: give "
                "fractions of its width and height, or pixels",
                field="mask",
            )
        if self.word == "box" and not (found[0] < found[2] and found[1] < found[3]):
            raise InputError(
                f"the mask {str(self)!r} is an empty box: give box:left,top,right,bottom",
                field="mask",
            )
        return found

    def check(self, width: int, height: int, clip_seconds: float | None) -> None:
        """Refuse what can't be in a clip of that size and length (None: not known)."""
        self.fractions(width, height)
        if clip_seconds is not None and self.seconds > clip_seconds + SLACK_S:
            raise InputError(
                f"the mask {str(self)!r} is past the end of the clip, which lasts "
                f"{clip_seconds:.2f} s: give an earlier time",
                field="mask",
            )

    def __str__(self) -> str:
        moment = f"@{self.seconds:g}" if self.seconds else ""
        return f"{self.word}:{','.join(f'{n:g}' for n in self.numbers)}{moment}"


Mask = MaskFile | MaskAuto | MaskSeed


def parse_mask(text: str) -> Mask:
    """A mask from its text; `str()` is the way back.

    Raises:
        InputError: one line that names the value and what to use.

    >>> str(parse_mask("click:.4,.6@2.0")), parse_mask("auto")
    ('click:0.4,0.6@2', MaskAuto())
    """
    text = text.strip()
    word, colon, rest = text.partition(":")
    if text == "auto":
        return MaskAuto()
    if colon and word in ("click", "box"):
        return _seed(text, rest, 2 if word == "click" else 4)
    if not text or "\0" in text:
        raise InputError(f"mask {text!r}: use {USAGE}", field="mask")
    return MaskFile(Path(text))


def _seed(text: str, rest: str, count: int) -> MaskSeed:
    place, at, moment = rest.partition("@")
    try:
        numbers = tuple(float(number) for number in place.split(","))
        seconds = float(moment.removesuffix("s")) if at else 0.0
    except ValueError:
        numbers, seconds = (), 0.0
    known = all(math.isfinite(number) for number in (*numbers, seconds))
    if len(numbers) != count or not known or seconds < 0:
        form = "click:x,y" if count == 2 else "box:left,top,right,bottom"
        raise InputError(
            f"mask {text!r}: write {form} in fractions of the frame, with @SECONDS for another "
            "frame than the first",
            field="mask",
        )
    return MaskSeed(numbers, seconds)


@dataclass(frozen=True)
class Background:
    """What a subject is put before.

    Attributes:
        path: a picture, a video, or pictures that make a clip; None: `words` say what it is, and a
            video model draws it.
    """

    path: Path | None
    words: str = ""


def parse_background(text: str) -> Background:
    """A background from its text: a path if it looks like one, else words.

    Raises:
        InputError: it is empty.

    >>> parse_background("sea.jpg").path, parse_background("a beach, waves").words
    (PosixPath('sea.jpg'), 'a beach, waves')
    """
    text = text.strip()
    if not text or "\0" in text:
        raise InputError(
            "background is empty: give a picture, a video, or words for what it shows",
            field="background",
        )
    path = Path(text)
    one_word = not any(letter.isspace() for letter in text)
    if (one_word and ("/" in text or 1 < len(path.suffix) <= 5)) or _is_there(path):
        return Background(path)
    return Background(None, text)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # words may be longer than any file name
        return False
