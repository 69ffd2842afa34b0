"""DiffuseHigh with real, tiny ControlNets, whose condition is made anew at every stage."""

import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    MultiControlNetModel,
)

from relight.errors import InputError
from relight.pipelines import (
    DiffuseHighSD15ControlNetPipeline,
    DiffuseHighSD15Pipeline,
    DiffuseHighSDXLControlNetPipeline,
    DiffuseHighSDXLPipeline,
)
from relight.pipelines.diffusehigh_controlnet import canny, condition
from tests.conftest import TINY, case_id

from .making import noise_picture


def _controlnet(unet):
    """A ControlNet of `unet` whose zero convolutions were trained a little."""
    torch.manual_seed(0)
    net = ControlNetModel.from_unet(unet, conditioning_channels=3).eval()
    with torch.no_grad():
        for zero in [*net.controlnet_down_blocks, net.controlnet_mid_block]:
            zero.weight.normal_(std=0.2)
        net.controlnet_cond_embedding.conv_out.weight.normal_(std=0.2)
    return net


@pytest.fixture(scope="module", params=["sd15", "sdxl"])
def pair(request, sd15, sdxl):
    """(with ControlNet, without) of the same components."""
    if request.param == "sd15":
        parts = {**sd15, "safety_checker": None, "feature_extractor": None}
        kinds = DiffuseHighSD15ControlNetPipeline, DiffuseHighSD15Pipeline
        scheduler = DDIMScheduler(clip_sample=False, beta_schedule="scaled_linear")
    else:
        parts = sdxl
        kinds = DiffuseHighSDXLControlNetPipeline, DiffuseHighSDXLPipeline
        scheduler = EulerDiscreteScheduler.from_pretrained(TINY / "sdxl" / "scheduler")
    net = _controlnet(parts["unet"])
    pipes = [
        kinds[0](**parts, scheduler=scheduler, controlnet=net),
        kinds[1](**parts, scheduler=scheduler),
    ]
    for pipe in pipes:
        pipe.set_progress_bar_config(disable=True)
    return pipes


def _run(pipe, image="default", **given):
    settings = {
        "prompt": "a bear",
        "image": noise_picture() if isinstance(image, str) else image,
        "sizes": [(128, 128)],
        "num_inference_steps": 4,
        "noising_steps": 2,
        "dwt_steps": 1,
        "upscale_guidance_scale": 2.0,
        "output_type": "pt",
        "generator": torch.Generator().manual_seed(0),
        **given,
    }
    return pipe(**settings).images


@pytest.mark.slow
def test_without_weight_it_is_the_pipeline_without_controlnet(pair):
    controlled, plain = pair
    for given in ({}, {"image": None}, {"sizes": [(64, 128), (128, 192)]}):
        expected = _run(plain, **given)
        off = _run(controlled, controlnet_conditioning_scale=0.0, **given)
        torch.testing.assert_close(off, expected, atol=1e-5, rtol=0)
        assert (_run(controlled, **given) - expected).abs().max() > 1e-3


def test_the_condition_counts(pair):
    controlled, _ = pair
    tile = _run(controlled)
    assert torch.equal(tile, _run(controlled, control="tile"))
    assert torch.equal(tile, _run(controlled, control=lambda pictures: pictures))
    made = [_run(controlled, control=control) for control in ("canny", torch.zeros_like)]
    assert all((other - tile).abs().max() > 1e-3 for other in made)
    assert (made[0] - made[1]).abs().max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("tile", [None, 128])
def test_every_stage_has_a_condition_of_its_own_size_and_picture(pair, tile):
    controlled, _ = pair
    seen = []

    def look(pictures):
        seen.append(pictures)
        return pictures

    sizes = [(128, 128), (128, 192), (192, 256)]
    out = _run(controlled, control=look, sizes=sizes, tile=tile)
    assert [tuple(pictures.shape) for pictures in seen] == [(1, 3, *size) for size in sizes]
    assert all(pictures.min() >= 0 and pictures.max() <= 1 for pictures in seen)
    assert out.shape[-2:] == sizes[-1] and out.isfinite().all()
    small = torch.nn.functional.interpolate(seen[2], size=sizes[1], mode="area")
    near, far = ((small - other).abs().mean() for other in (seen[1], seen[1].flip(-1)))
    assert near < far  # made of what the stage before drew, not of the first picture alone


@pytest.mark.slow
def test_tiles_and_a_condition(pair):
    """That tiles see their own part of it: tests/methods/test_tiled_denoising.py."""
    controlled, plain = pair
    big = {"sizes": [(192, 256)], "image": noise_picture(96, 128), "tile": 128}
    off = _run(controlled, controlnet_conditioning_scale=0.0, **big)
    torch.testing.assert_close(off, _run(plain, **big), atol=1e-5, rtol=0)
    assert (_run(controlled, **big) - off).abs().max() > 1e-3


def test_several_pictures_with_a_prompt_each(pair):
    controlled, _ = pair
    out = _run(controlled, noise_picture(count=2), control="canny", sizes=[(64, 128)])
    assert out.shape == (2, 3, 64, 128) and out.isfinite().all()


def test_padding_fills_up_the_condition_too(pair):
    controlled, _ = pair
    assert _run(controlled, sizes=[(70, 99)], pad=True).shape[-2:] == (70, 99)


def test_several_controlnets(pair):
    controlled, _ = pair
    net = controlled.controlnet
    parts = {**controlled.components, "controlnet": MultiControlNetModel([net, net])}
    pipe = type(controlled)(**parts)
    pipe.set_progress_bar_config(disable=True)
    both = {"control": ["tile", "canny"]}
    one = _run(pipe, controlnet_conditioning_scale=[0.8, 0.0], **both)
    torch.testing.assert_close(
        one, _run(controlled, controlnet_conditioning_scale=0.8), atol=1e-5, rtol=0
    )
    assert (_run(pipe, **both) - one).abs().max() > 1e-3


@pytest.mark.parametrize(
    "control, message",
    [
        ("depth", "control is 'tile', 'canny' or a function of pictures, not 'depth'"),
        (None, "not None"),
        (lambda pictures: pictures[..., :8], r"\(1, 3, 64, 8\) of pictures \(1, 3, 64, 64\)"),
    ],
    ids=["unknown", "none", "small"],
)
def test_what_is_no_condition_is_refused_in_one_line(control, message):
    with pytest.raises(InputError, match=message) as caught:
        condition(control, noise_picture())
    assert "\n" not in str(caught.value)


def test_a_misspelt_argument_is_refused(pair):
    with pytest.raises(TypeError, match="no argument 'controll'"):
        _run(pair[0], controll="canny")
    with pytest.raises(TypeError, match="no argument 'control'"):
        _run(pair[1], control="canny")


@pytest.mark.parametrize("size", [(32, 40), (33, 41)], ids=case_id)
def test_edges_are_white_lines_where_the_picture_has_them(size):
    pictures = torch.zeros(2, 3, *size)
    pictures[0, :, :, 20:] = 1
    edges = canny(pictures)
    assert edges.shape == pictures.shape and set(edges.unique().tolist()) == {0.0, 1.0}
    assert edges[1].max() == 0
    columns = edges[0, 0].max(0).values.nonzero().flatten()
    assert set(columns.tolist()) <= {19, 20} and len(columns)
