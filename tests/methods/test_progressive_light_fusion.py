"""Progressive Light Fusion: the weights of the papers and the edit of x0, against hand computation.

Decoding and encoding are linear functions here: the method takes any pair, and these have an exact
inverse, so that every number can be computed by hand.
"""

import dataclasses

import pytest
import torch

from relight.methods.progressive_light_fusion import ProgressiveLightFusion, Recipe

PAPER = Recipe()
BEST = PAPER.with_best()["best"]


def _decode(latents):
    return 2 * latents + 0.5


def _encode(pixels):
    return (pixels - 0.5) / 2


def _noise(seed):
    return torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


X0, SOURCE = _noise(0), _noise(1)


def _fusion(relight, steps, recipe=PAPER, source=SOURCE):
    return ProgressiveLightFusion(source, relight, _decode, _encode, steps, recipe)


def _edit(fusion, step, x0=X0):
    return fusion(x0, step, torch.tensor(500))


@pytest.mark.parametrize(
    "recipe, steps, expected",
    [
        (PAPER, 5, [1, 0.75, 0.5, 0.25, 0]),
        (Recipe(power=2), 5, [1, 0.9375, 0.75, 0.4375, 0]),
        (PAPER, 2, [1, 0]),
        (PAPER, 1, [1]),
    ],
)
def test_the_fusion_weight_falls_from_one_to_zero(recipe, steps, expected):
    assert [recipe.weight(i, steps) for i in range(steps)] == pytest.approx(expected)


def test_the_weight_of_the_detail_has_its_own_power():
    cogvideox = Recipe(power=2, detail_power=1, threshold=0.2)
    assert cogvideox.weight(1, 3) == 0.75
    assert cogvideox.detail_weight(1, 3) == 0.5


@pytest.mark.parametrize(
    "recipe, steps, relit",
    [
        (PAPER, 25, 21),  # 1 - i/24 > .15 up to i = 20
        (Recipe(threshold=0.2), 24, 19),  # Wan: 1 - i/23 > .2 up to i = 18
        (Recipe(power=2, threshold=0.2), 24, 21),  # CogVideoX: (i/23)^2 < .8 up to i = 20
        (PAPER, 1, 1),
        (Recipe(threshold=1), 25, 0),
    ],
)
def test_the_number_of_relit_steps(recipe, steps, relit):
    assert recipe.relit_steps(steps) == relit
    calls = []
    fusion = _fusion(lambda v: calls.append(1) or v, steps, recipe)
    edited = [_edit(fusion, i) is not None for i in range(steps)]
    assert len(calls) == relit and edited == [True] * relit + [False] * (steps - relit)


def test_the_paper_recipe_is_the_published_one():
    assert dataclasses.asdict(PAPER) == {
        "power": 1.0,
        "detail_power": 1.0,
        "threshold": 0.15,
        "gamma": 0.5,
        "share_noise": False,
        "difference": False,
        "every": 1,
    }
    assert BEST.share_noise
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.gamma = 0.7


def test_the_best_recipe_keeps_the_published_weights():
    published = Recipe(power=2, threshold=0.2, gamma=0.7)
    named = published.with_best()
    assert named["paper"] == published
    best = dataclasses.replace(published, share_noise=True, difference=True, every=3)
    assert named["best"] == best


def test_between_relights_the_last_light_is_carried():
    """A light that is a plain gain is the same whether it is drawn anew or carried."""
    generator = torch.Generator().manual_seed(0)
    source = torch.rand(2, 3, 24, 24, generator=generator) * 0.6 - 0.5

    def dimmed(v):
        calls.append(1)
        return (v / 2 + 0.5) * 0.7 * 2 - 1

    found = {}
    for every in (1, 3):
        calls = []
        recipe = Recipe(every=every, share_noise=True)
        edit = ProgressiveLightFusion(source, dimmed, lambda x: x, lambda x: x, 8, recipe)
        found[every] = [edit(source, step, torch.tensor(0)) for step in range(6)]
        assert len(calls) == recipe.relit_steps(8) == {1: 6, 3: 2}[every]
    for drawn, carried in zip(found[1], found[3], strict=True):
        torch.testing.assert_close(carried, drawn, rtol=0, atol=0.02)


def test_the_first_step_relights_the_source_itself():
    seen = []
    fusion = _fusion(lambda v: seen.append(v) or v + 1, steps=5)
    edited = _edit(fusion, 0)
    torch.testing.assert_close(seen[0], SOURCE)
    torch.testing.assert_close(edited, _encode(SOURCE + 1))  # weight 1: nothing of v is left
    torch.testing.assert_close(fusion.detail, SOURCE - _decode(X0))


def test_one_step_alone_relights_the_source():
    torch.testing.assert_close(_edit(_fusion(lambda v: v * 0.3, steps=1), 0), _encode(SOURCE * 0.3))


@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize(
    "recipe, step", [(Recipe(), 1), (Recipe(), 3), (Recipe(power=2, detail_power=1), 2)]
)
def test_a_later_step_equals_the_formula(recipe, step, difference):
    recipe = dataclasses.replace(recipe, difference=difference)
    fusion = _fusion(lambda v: v.flip(-1) - 0.2, steps=5, recipe=recipe)
    _edit(fusion, 0)
    x0 = _noise(7)
    v = _decode(x0) + recipe.detail_weight(step, 5) * (SOURCE - _decode(X0))
    weight = recipe.weight(step, 5)
    expected = _encode((1 - weight) * v + weight * (v.flip(-1) - 0.2))
    torch.testing.assert_close(_edit(fusion, step, x0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threshold, step", [(0.5, 2), (0.5, 3), (0.75, 1), (0, 4), (1, 0)])
def test_at_or_below_the_threshold_nothing_is_called(threshold, step):
    def forbidden(*_):
        raise AssertionError("called below the threshold")

    recipe = Recipe(threshold=threshold)
    fusion = ProgressiveLightFusion(forbidden, forbidden, forbidden, forbidden, 5, recipe)
    assert _edit(fusion, step) is None


def test_without_detail_the_prediction_itself_is_relit():
    seen = []
    # 1 - (1/2) ** 0.001 is about 0: the detail is gone after the first step.
    recipe = Recipe(detail_power=1e-9)
    fusion = _fusion(lambda v: seen.append(v) or v, steps=3, recipe=recipe)
    _edit(fusion, 0)
    x0 = _noise(5)
    _edit(fusion, 1, x0)
    torch.testing.assert_close(seen[1], _decode(x0), rtol=0, atol=1e-6)


def test_the_difference_form_keeps_every_bit_of_what_is_not_changed():
    lossy = ProgressiveLightFusion(
        lambda h, w: _decode(X0),  # the source is what the model drew: no detail is missing
        lambda v: v,
        _decode,
        lambda pixels: (pixels * 4).round() / 8,  # an encoder that loses nearly everything
        5,
        Recipe(difference=True),
    )
    assert torch.equal(_edit(lossy, 0), X0)
    lossy.recipe = Recipe(difference=False)
    assert not torch.equal(_edit(lossy, 1), X0)


def test_source_and_steps_may_be_functions_asked_once_at_the_first_step():
    asked = []

    def source(height, width):
        asked.append((height, width))
        return SOURCE

    def steps(timestep):
        asked.append(int(timestep))
        return 5

    lazy = _fusion(lambda v: v * 0.5, steps, source=source)
    plain = _fusion(lambda v: v * 0.5, 5)
    assert asked == []
    for step in range(3):
        assert torch.equal(_edit(lazy, step), _edit(plain, step))
    assert sorted(map(str, asked)) == ["(4, 4)", "500"]


def test_the_edit_keeps_the_dtype_of_x0():
    fusion = ProgressiveLightFusion(
        SOURCE, lambda v: v, lambda z: z.double(), lambda p: p.double(), 5, PAPER
    )
    assert _edit(fusion, 0).dtype == torch.float32


def test_a_new_pass_asks_for_its_length_and_takes_its_detail_anew():
    asked = []

    def length(timestep):
        asked.append(timestep)
        return 2 + len(asked)

    fusion = _fusion(lambda v: v + 1, length)
    first = [_edit(fusion, i) for i in range(3)]
    assert fusion.steps == 3
    again = _edit(fusion, 0, X0 + 1)
    assert fusion.steps == 4 and len(asked) == 2
    torch.testing.assert_close(again, first[0])  # the source, relit, whatever was drawn
    torch.testing.assert_close(fusion.detail, SOURCE - _decode(X0 + 1))
