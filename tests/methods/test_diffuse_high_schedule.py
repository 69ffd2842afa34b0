"""A stage of upscaling: where it starts, how many steps are run, and the size of the first."""

import pytest
from diffusers import DDIMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler

from relight.methods.diffuse_high import (
    PAPER,
    UpscaleRecipe,
    base_size,
    restart_timestep,
)
from relight.pipelines.guided_stages import _alphas
from tests.conftest import case_id


@pytest.fixture(scope="module")
def alphas():
    """Of Stable Diffusion, 1.5 and XL alike."""
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    return scheduler.alphas_cumprod


# --- where a stage starts


@pytest.mark.parametrize("timestep", [0, 1, 40, 200, 500, 998, 999])
def test_without_enlargement_the_timestep_stays(alphas, timestep):
    assert restart_timestep(timestep, 1.0, alphas) == timestep


@pytest.mark.parametrize("timestep", [40, 200, 300, 600])
def test_a_larger_enlargement_starts_from_more_noise(alphas, timestep):
    found = [restart_timestep(timestep, scale, alphas) for scale in (1, 1.25, 1.5, 2, 3, 4, 8, 16)]
    assert found == sorted(set(found)) and found[-1] < 1000


def test_a_doubling_starts_where_frecas_says(alphas):
    # arXiv:2410.18410: t = 200 at 1024 pixels is t = 343 at 2048, for gamma = 1.5.
    assert restart_timestep(200, 2.0, alphas) == pytest.approx(343, abs=1)


@pytest.mark.parametrize("timestep, scale", [(100, 1.5), (200, 2), (400, 4)], ids=case_id)
def test_signal_to_noise_falls_with_the_enlargement(alphas, timestep, scale):
    """Signal to noise falls by scale ** 1.5; averaging to the old size wins back scale ** 2."""
    before = alphas[timestep] / (1 - alphas[timestep])
    found = restart_timestep(timestep, scale, alphas)
    after = alphas[found] / (1 - alphas[found])
    assert (before / after).item() == pytest.approx(scale**1.5, rel=0.02)


# --- how many steps are run

SCHEDULERS = {
    "euler": lambda: EulerDiscreteScheduler(beta_schedule="scaled_linear"),
    "ddim": lambda: DDIMScheduler(beta_schedule="linear", beta_start=0.00085, beta_end=0.012),
    "flow": FlowMatchEulerDiscreteScheduler,
}


def _steps_run(steps, strength):
    """As the stock pipelines count them: `get_timesteps` of all image-to-image pipelines."""
    return min(int(steps * strength), steps)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("restart", [None, 0.0, 40.0, 63.2, 300.0, 700.0, 999.0])
def test_exactly_the_steps_asked_for_are_run(name, restart):
    alphas = _alphas(SCHEDULERS[name]())
    for run in (*range(1, 51), 100, 333, 1000):
        for scale in (1.0, 1.37, 2.0, 4.0, 16.0):
            recipe = UpscaleRecipe(
                num_inference_steps=max(run, 50), noising_steps=run, restart=restart
            )
            steps, strength = recipe.schedule(scale, alphas)
            assert 0 < strength <= 1 and _steps_run(steps, strength) == run, (run, scale, steps)


def test_the_published_schedule_is_that_of_the_paper(alphas):
    for scale in (1.0, 2.0, 4.0):
        steps, strength = PAPER.schedule(scale, alphas)
        assert steps == 50 and _steps_run(steps, strength) == 15


def test_a_restart_reaches_as_far_as_the_enlargement_asks_for(alphas):
    recipe = UpscaleRecipe(noising_steps=6, restart=200)
    for scale in (1.0, 2.0, 4.0):
        steps, _ = recipe.schedule(scale, alphas)
        reached = 6 / steps * len(alphas)
        wanted = restart_timestep(200, scale, alphas) + 1
        assert reached == pytest.approx(wanted, rel=0.06)


# --- the model's own size


@pytest.mark.parametrize("multiple", [16, 64])
@pytest.mark.parametrize("shape", [(512, 512), (2048, 1152), (100, 900), (1, 1), (3, 2000)])
def test_the_base_has_the_models_area_in_the_shape_asked_for(shape, multiple):
    height, width = base_size(shape, 1024, multiple)
    assert height % multiple == width % multiple == 0 and min(height, width) >= multiple
    if max(shape) / min(shape) < 10:
        assert height * width == pytest.approx(1024**2, rel=0.15)
        assert height / width == pytest.approx(shape[0] / shape[1], rel=0.25)
    assert (height > width) == (shape[0] > shape[1])


def test_the_base_of_a_square_is_the_square():
    assert base_size((2048, 2048), 1024, 64) == (1024, 1024)
    assert base_size((100, 100), 512, 64) == (512, 512)
