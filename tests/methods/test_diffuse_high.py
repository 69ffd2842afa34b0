"""A stage of upscaling: its recipes, its guide, its edits and its result."""

import dataclasses
import math

import pytest
import torch

from relight.errors import InputError
from relight.methods.back_projection import larger, smaller
from relight.methods.diffuse_high import (
    BEST,
    IDENTITY,
    PAPER,
    RECIPES,
    in_turn,
    sharpened,
)
from relight.methods.energy_rectification import EnergyRectification
from tests.conftest import case_id

T = torch.tensor(500)


def _picture(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


# --- sharpening


def _naive(image, kernel, sigma, alpha):
    """(1 + a) g - a blur(g), pixel by pixel, mirrored at the border."""
    half = kernel // 2
    weights = [
        [math.exp(-(i * i + j * j) / (2 * sigma**2)) for j in range(-half, half + 1)]
        for i in range(-half, half + 1)
    ]
    total = sum(map(sum, weights))
    h, w = image.shape[-2:]

    def mirrored(place, length):
        place = abs(place)
        return 2 * (length - 1) - place if place >= length else place

    out = torch.empty_like(image)
    for y in range(h):
        for x in range(w):
            blur = sum(
                weights[i + half][j + half]
                / total
                * image[..., mirrored(y + i, h), mirrored(x + j, w)]
                for i in range(-half, half + 1)
                for j in range(-half, half + 1)
            )
            out[..., y, x] = (1 + alpha) * image[..., y, x] - alpha * blur
    return out


@pytest.mark.parametrize(
    "kernel, sigma, alpha", [(3, 1.0, 1.0), (5, 0.7, 0.4), (7, 3.0, 2.0)], ids=case_id
)
@pytest.mark.parametrize("size", [(9, 8), (4, 13)], ids=case_id)
def test_sharpening_is_the_formula(kernel, sigma, alpha, size):
    image = _picture(2, 3, *size)
    found = sharpened(image, kernel, sigma, alpha)
    torch.testing.assert_close(found, _naive(image, kernel, sigma, alpha), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(1, 9), (2, 2), (9, 1), (1, 1)], ids=case_id)
def test_a_picture_without_neighbours_is_not_sharpened(size):
    image = _picture(1, 3, *size)
    found = sharpened(image, 5, 1.0, 1.0)
    assert torch.equal(found, image)


def test_what_is_flat_or_not_to_be_sharpened_stays():
    image = _picture(1, 3, 8, 8)
    assert torch.equal(sharpened(image, 3, 1.0, 0.0), image)
    flat = torch.full((1, 3, 8, 8), 0.4)
    torch.testing.assert_close(sharpened(flat, 3, 1.0, 2.0), flat, atol=1e-6, rtol=0)


# --- recipes


def test_what_is_none_is_the_recipes_own():
    assert PAPER.with_(noising_steps=None, wavelet=None) == PAPER
    assert PAPER.with_(noising_steps=4, wavelet="haar") == dataclasses.replace(
        PAPER, noising_steps=4, wavelet="haar"
    )


@pytest.mark.parametrize(
    "asked, named",
    [
        ({"noising_steps": 0}, r"noising_steps must be in \[1, 50\], not 0"),
        ({"noising_steps": 51}, "not 51"),
        ({"num_inference_steps": 10}, r"\[1, 10\], not 15"),
        ({"dwt_steps": -1}, "dwt_steps is at least 0, not -1"),
        ({"sharpening_kernel": 4}, "odd kernel .* not 4 and 1.0"),
        ({"sharpening_sigma": 0.0}, "sigma above 0, not 3 and 0.0"),
    ],
    ids=str,
)
def test_values_out_of_range_are_named_in_one_line(asked, named):
    with pytest.raises(InputError, match=named) as caught:
        PAPER.with_(**asked)
    assert "\n" not in str(caught.value)
    with pytest.raises(TypeError):
        PAPER.with_(no_such_value=1)


@pytest.mark.parametrize("identity", [-0.01, 1.01, float("nan")])
def test_the_dial_lies_between_0_and_1(identity):
    with pytest.raises(InputError, match="identity must be in"):
        BEST.with_identity(identity)


def test_the_dial_moves_every_part_towards_the_picture():
    found = [BEST.with_identity(i / 20) for i in range(21)]
    for name, rises in (
        ("restart", False),
        ("energy", False),
        ("structure_weight", True),
        ("back_projection", True),
    ):
        values = [getattr(recipe, name) for recipe in found]
        assert values == sorted(values, reverse=not rises) and values[0] != values[-1], name
    assert BEST.with_identity(IDENTITY) == BEST
    with pytest.raises(InputError, match='no identity dial: use recipe="best"'):
        PAPER.with_identity(0.5)


def test_recipes_have_names_and_the_default_costs_less_than_half():
    assert RECIPES == {"paper": PAPER, "best": BEST}
    # The paper's classifier-free guidance, too, runs the model twice a step.
    assert BEST.noising_steps * 2 <= PAPER.noising_steps


# --- the guide, the result


@pytest.mark.parametrize("size", [(16, 24), (15, 29), (8, 12)], ids=case_id)
def test_the_published_guide_is_the_enlargement_sharpened(size):
    image = _picture(2, 3, 8, 12)
    expected = sharpened(larger(image, size), 3, 1.0, 1.0)
    assert torch.equal(PAPER.guide(image, size), expected)


def test_the_default_guide_agrees_better_with_the_picture():
    image = _picture(1, 3, 16, 24)

    def apart(guide):
        return (smaller(guide, (16, 24)) - image).square().mean()

    guide = BEST.guide(image, (32, 48))
    assert guide.shape == (1, 3, 32, 48)
    assert apart(guide) < 0.1 * apart(larger(image, (32, 48)))


def test_the_result_is_in_range_and_held_to_the_picture():
    before, drawn = _picture(1, 3, 8, 8), _picture(1, 3, 16, 16, seed=1) * 3 - 1
    for recipe in (PAPER, BEST, BEST.with_identity(0)):
        out = recipe.finish(drawn, before)
        assert out.min() >= 0 and out.max() <= 1

    def apart(identity):
        soft = larger(before, (16, 16)) + 0.1 * (drawn - drawn.mean())
        out = BEST.with_identity(identity).finish(soft.clamp(0, 1), before)
        return (smaller(out, (8, 8)) - before).square().mean().item()

    assert apart(1.0) < apart(0.4) < apart(0.0)
    assert torch.equal(PAPER.finish(drawn, before), drawn.clamp(0, 1))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_edit_brings_x0_nearer_to_the_guide(recipe):
    """Without a model: latents are the pixels themselves."""
    guide, before = _picture(1, 3, 32, 32), _picture(1, 3, 16, 16)
    latents = guide * 2 - 1
    noise = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    x0 = latents + noise
    edit = RECIPES[recipe].edit(guide, latents, before, 2.0, lambda x: x, lambda x: x)
    edited = edit(x0, 0, T)
    low = [smaller(x - latents, (8, 8)).square().mean() for x in (edited, x0)]
    assert low[0] < 0.2 * low[1]
    steps = RECIPES[recipe].dwt_steps
    energy = RECIPES[recipe].energy
    if not energy:
        assert edit(x0, steps, T) is None


def test_the_edit_of_the_dial_at_its_end_has_no_energy():
    latents = _picture(1, 3, 8, 8)
    kept = BEST.with_identity(1).edit(latents, latents, latents, 2.0, lambda x: x, lambda x: x)
    assert kept(latents, BEST.dwt_steps, T) is None


# --- edits in turn


def test_edits_are_made_one_after_the_other():
    x0 = torch.ones(2)

    def add(x, step, timestep):
        return x + 1

    def double(x, step, timestep):
        return x * 2

    def nothing(x, step, timestep):
        return None

    assert in_turn(add, double)(x0, 0, T).tolist() == [4, 4]
    assert in_turn(double, add)(x0, 0, T).tolist() == [3, 3]
    assert in_turn(nothing, add, nothing)(x0, 0, T).tolist() == [2, 2]
    assert in_turn(nothing, nothing)(x0, 0, T) is None
    assert in_turn()(x0, 0, T) is None
    rectify = EnergyRectification(_picture(1, 4, 8, 8), 0.5)
    latents = _picture(1, 4, 16, 16, seed=1)
    torch.testing.assert_close(
        in_turn(nothing, rectify)(latents, 0, T), rectify(latents, 0, T), atol=0, rtol=0
    )
