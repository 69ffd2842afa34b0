"""Words burned into a clip can still be read when it is relit."""

from itertools import islice

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from relight import relight_video
from relight.media import Encoding, read, write
from relight.media.colour import srgb_to_linear
from tests.samples import CLIP

LEGIBLE = 4.0  # times brighter than its outline; WCAG 2.2 asks 3 of large text, 4.5 of small
PLACE = (320, 320)  # the middle of the words


def caption(image):
    """(captioned image, where the letters are, where their outline is)."""
    picture = Image.fromarray(image)
    masks = [Image.new("L", picture.size), Image.new("L", picture.size)]
    text, font = "We were here all along", ImageFont.load_default(22)
    placed = {"xy": PLACE, "text": text, "font": font, "anchor": "mm"}
    ImageDraw.Draw(picture).text(**placed, fill="white", stroke_width=2, stroke_fill="black")
    for mask, stroke in zip(masks, (0, 2), strict=True):
        ImageDraw.Draw(mask).text(**placed, fill=255, stroke_width=stroke)
    letters, all_of_it = (np.asarray(mask) for mask in masks)
    return np.array(picture), letters > 250, (all_of_it > 250) & (letters < 5)


def contrast(image, letters, outline):
    """How many times brighter the letters are than their outline (WCAG's contrast ratio)."""
    light = srgb_to_linear(image / 255.0) @ (0.2126, 0.7152, 0.0722)
    return (light[letters].mean() + 0.05) / (light[outline].mean() + 0.05)


def edges(image):
    luma = image.astype(float).mean(axis=2)[300:342, 180:460]
    return np.hypot(*np.gradient(luma)).ravel()


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize(
    ("prompt", "light"), [("a bear, red neon light", "left"), ("moonlight, dark", "right")]
)
def test_captions_stay_legible_with_the_default_recipe(tmp_path, prompt, light):
    frames = list(islice(read(CLIP), 4))
    made = [caption(frame.image) for frame in frames]
    source, result = tmp_path / "a.mkv", tmp_path / "b.mkv"
    lossless = Encoding(codec="ffv1")
    with write(source, size=(640, 360), fps=25, encoding=lossless) as out:
        for frame, (image, _, _) in zip(frames, made, strict=True):
            out.add(image, frame.time)
    settings = {"prompt": prompt, "light": light, "model": "mini", "seed": 1, "codec": "ffv1"}
    relight_video(source, result, **settings)
    for frame, (image, letters, outline) in zip(read(result), made, strict=True):
        assert contrast(frame.image, letters, outline) > LEGIBLE
        assert np.corrcoef(edges(image), edges(frame.image))[0, 1] > 0.9
