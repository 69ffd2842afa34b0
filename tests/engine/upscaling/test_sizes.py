"""Upscaling: what size comes out, and in which stages."""

import numpy as np
import pytest
from PIL import Image

from relight.engine.sizes import stage_sizes, target_size
from relight.errors import InputError
from relight.jobs import UpscaleJob
from tests.conftest import case_id
from tests.engine.upscaling.running import images, upscaled


@pytest.mark.slow
@pytest.mark.parametrize(
    "own, settings, expected",
    [
        ((40, 24), {}, (80, 48)),
        ((40, 24), {"scale": 1.5}, (60, 36)),
        ((41, 23), {"scale": 1.5}, (62, 34)),  # 61.5 and 34.5, to the even side as Python rounds
        ((37, 51), {"scale": 3}, (111, 153)),
        ((40, 24), {"size": "80x48"}, (80, 48)),
        ((40, 24), {"size": "100x100"}, (100, 60)),
        ((24, 40), {"size": "100x100"}, (60, 100)),
        ((40, 24), {"size": "500x30"}, (50, 30)),
        ((17, 17), {"size": "19x99"}, (19, 19)),
        ((1, 1), {}, (2, 2)),
        ((1, 30), {"scale": 2}, (2, 60)),
    ],
    ids=case_id,
)
def test_a_picture_gets_the_size_asked_for(tmp_path, picture, tiny, own, settings, expected):
    result = upscaled(tiny, picture(*own), tmp_path / "out.png", **settings)
    with Image.open(result.path) as image:
        assert image.size == expected and image.mode == "RGB"


def test_a_size_of_the_same_shape_but_for_rounding_is_met_exactly():
    job = UpscaleJob(input="a.mp4", output="b.mp4", size="1280x720")
    for width in (853, 854):
        assert target_size(job, (480, width)) == (720, 1280)
    assert target_size(job, (480, 852)) == (720, 1278)
    assert target_size(job, (480, 858)) == (716, 1280)


@pytest.mark.parametrize(
    "own, output, given, expected",
    [
        ((256, 256), "b.mp4", {"scale": 1.3}, (332, 332)),
        ((256, 256), "b.png", {"scale": 1.3}, (333, 333)),
        ((256, 256), "f/%03d.png", {"scale": 1.3}, (333, 333)),
        ((358, 640), "b.webm", {"scale": 1.1}, (394, 704)),
        ((255, 256), "b.mp4", {"scale": 1.3}, (332, 333)),
        ((18, 32), "b.mp4", {"scale": 1.5}, (27, 48)),
        ((50, 30), "b.mp4", {"scale": 1.1}, (55, 33)),
        ((144, 256), "b.mp4", {"size": "503x283"}, (283, 503)),
        ((100, 256), "b.mp4", {"size": "503x283"}, (196, 503)),
    ],
    ids=case_id,
)
def test_what_has_to_be_rounded_is_even_in_a_video(own, output, given, expected):
    job = UpscaleJob(input="a.mp4", output=output, **given)
    assert target_size(job, own) == expected


@pytest.mark.parametrize("own", [(7, 9), (360, 640), (1, 1), (999, 3)], ids=case_id)
@pytest.mark.parametrize("size", ["1000x1000", "1999x1001", "1x100000", "640x361"])
def test_a_size_is_fitted_inside_in_the_pictures_shape(own, size):
    across, down = map(int, size.split("x"))
    job = UpscaleJob(input="a.png", output="b.png", size=size)
    if across <= own[1] or down <= own[0]:
        with pytest.raises(InputError, match=f"not larger than the input, {own[1]}x{own[0]}"):
            target_size(job, own)
        return
    height, width = target_size(job, own)
    assert height <= down and width <= across and (height == down or width == across)
    scale = max(height / own[0], width / own[1])
    assert abs(height - own[0] * scale) <= 1 and abs(width - own[1] * scale) <= 1


@pytest.mark.parametrize("scale", [1.01, 1.5, 2, 2.1, 3, 4, 8, 16])
@pytest.mark.parametrize("own", [(1, 1), (37, 51), (360, 640), (64, 1000)], ids=case_id)
def test_each_stage_doubles_the_sides_at_most_and_the_last_is_the_target(own, scale):
    target = tuple(round(side * scale) for side in own)
    sizes = stage_sizes(own, target)
    assert sizes[-1] == target and len(sizes) <= max(np.ceil(np.log2(scale)), 1)
    before = own
    for size in sizes:
        assert all(a >= b for a, b in zip(size, before, strict=True))
        assert all(a <= 2**1.1 * b + 1 for a, b in zip(size, before, strict=True))
        before = size


def test_several_stages_are_run(tmp_path, picture, tiny, passes):
    seen = []
    result = upscaled(tiny, picture(), tmp_path / "out.png", seen.append, scale=4)
    assert images(result.path).shape == (1, 96, 160, 3)
    assert passes["upscale"] == [1, 1, 0]  # one step each; none was left when both were done
    assert min(p.fraction for p in seen if p.stage == "upscaling") < 0.1
