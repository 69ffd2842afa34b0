"""A letterboxed clip is lit and its subject found as if there were no bars; these stay black."""

import numpy as np
import pytest
import torch
from PIL import Image

from relight.engine.letterbox import Letterbox
from relight.engine.run import run_relight
from relight.methods.open_sky import open_sky
from tests.engine.test_regions import _images, _job
from tests.masks.scenes import moving_disc

BAR = 16


def _framed(image):
    """With bars above and below, as compression leaves them: not quite black, soft at the edge."""
    framed = np.pad(image, ((BAR, BAR), (0, 0), (0, 0)))
    framed[:BAR] += 2
    framed[[BAR, -BAR - 1]] //= 2
    return framed


def test_its_subject_is_found_without_its_bars(tmp_path, tiny):
    # Nothing moves: the subject is what stands before the border.
    clip, mattes = moving_disc(
        frames=3, size=96, radius=22, step=0, pan=0, ground=(0.2, 0.3, 0.5), colour=(0.8, 0.2, 0.2)
    )
    (tmp_path / "clip").mkdir()
    for i, image in enumerate((clip * 255).byte().permute(0, 2, 3, 1).numpy()):
        Image.fromarray(_framed(image)).save(tmp_path / "clip" / f"{i:02d}.png")
    wanted = np.pad(mattes[:, 0].numpy() > 0.5, ((0, 0), (BAR, BAR), (0, 0)))
    run_relight(_job(tmp_path, tmp_path / "lit", mask="auto"), load=tiny)
    out, source = _images(tmp_path / "lit"), _images(tmp_path / "clip")
    changed = np.abs(out.astype(int) - source).max(axis=-1) > 8
    assert (changed & wanted).sum() > 0.8 * (changed | wanted).sum()
    for bar in (slice(0, BAR - 2), slice(2 - BAR, None)):
        assert np.array_equal(out[:, bar], source[:, bar])
    Image.new("RGB", (96, 96), (90, 140, 200)).save(tmp_path / "plain.png")
    given = {"mask": "auto", "background": str(tmp_path / "plain.png"), "intensity": 0}
    run_relight(_job(tmp_path, tmp_path / "cut", **given), load=tiny)
    behind = (_images(tmp_path / "cut") == (90, 140, 200)).all(axis=-1)
    assert behind[~wanted].mean() > 0.95 and behind[wanted].mean() < 0.05
    assert behind[:, : BAR - 4].all()  # a bar is no part of the subject


def test_its_sky_is_open_to_the_pictures_border():
    sky = np.full((120, 96, 3), 60, np.uint8)
    sky[:60] = (150, 175, 205)
    film = _framed(sky)
    shown = Letterbox.of([film]).filled(film)
    for image, share in ((film, 0.0), (shown, 1.0)):
        frames = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        assert float(open_sky(frames)[0, 0, BAR + 20].mean()) == pytest.approx(share, abs=0.1)


def test_what_stands_in_a_bar_for_a_while_makes_it_no_picture():
    film = _framed(np.full((80, 96, 3), 120, np.uint8))
    subtitle = film.copy()
    subtitle[-15:-9, 30:60] = 250
    found = Letterbox.of([film, subtitle, film * 0, film])
    assert BAR <= found.top <= BAR + 2 and BAR <= found.bottom <= BAR + 2
    plain = np.full((80, 96, 3), 120, np.uint8)
    assert Letterbox.of([plain]) == Letterbox() and Letterbox().filled(plain) is plain
