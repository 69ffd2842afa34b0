"""x0 of tokens with time steps of their own (FlowMatchEuler's `per_token_timesteps`)."""

import diffusers
import pytest
import torch

from relight.diffusion.x0 import edit_x0, predict_x0


def _tokens(stochastic=False):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(stochastic_sampling=stochastic)
    scheduler.set_timesteps(4)
    x, output = torch.randn(2, 1, 5, 3, generator=torch.manual_seed(0))
    return scheduler, x, output


@pytest.mark.parametrize("stochastic", [False, True])
def test_a_token_step_with_an_unchanged_x0_is_the_stock_step(stochastic):
    results = []
    for edit in (lambda *_: None, lambda x0, i, t: x0.clone()):
        scheduler, x, output = _tokens(stochastic)
        draws = {"generator": torch.manual_seed(1)} if stochastic else {}
        own = scheduler.timesteps[1].expand(1, 1)
        with edit_x0(scheduler, edit):
            at = scheduler.timesteps[1]
            new = scheduler.step(output, at, x, per_token_timesteps=own, **draws).prev_sample
        results.append(new)
    torch.testing.assert_close(*results)


def test_token_steps_told_that_the_clean_sample_is_y_end_at_y():
    scheduler, x, output = _tokens()
    y = torch.linspace(-1, 1, 15).reshape(1, 5, 3)
    with edit_x0(scheduler, lambda *_: y):
        for t in scheduler.timesteps:
            own = t.expand(1, 5)
            x = scheduler.step(output, t, x, per_token_timesteps=own).prev_sample
    torch.testing.assert_close(x, y)


def test_one_time_step_for_all_tokens_is_the_common_step_with_the_sign_turned():
    scheduler, x, output = _tokens()
    t = scheduler.timesteps[2]
    x0 = predict_x0(scheduler, -output, t, x, t.expand(1, 5))
    torch.testing.assert_close(x0, predict_x0(scheduler, output, t, x))


def test_tokens_that_wait_for_their_noise_level_keep_their_bits():
    scheduler, x, output = _tokens()
    t = scheduler.timesteps[1]
    own = torch.tensor([[0.0, 100.0, t, t, t - 1]])
    stock = scheduler.step(output, t, x, per_token_timesteps=own).prev_sample
    scheduler, _, _ = _tokens()
    with edit_x0(scheduler, lambda x0, i, t: x0 + 1):
        edited = scheduler.step(output, t, x, per_token_timesteps=own).prev_sample
    moved = (edited != stock).any(-1)
    assert moved.tolist() == [[False, False, True, True, False]]
    assert edited.isfinite().all()


def test_a_step_at_which_all_tokens_wait_is_not_told():
    scheduler, x, output = _tokens()
    told = []
    with edit_x0(scheduler, lambda x0, i, t: told.append((i, float(t)))):
        for t in scheduler.timesteps:
            own = torch.minimum(t, scheduler.timesteps[2]).expand(1, 5)
            scheduler.step(output, t, x, per_token_timesteps=own)
    assert told == [(0, scheduler.timesteps[2]), (1, scheduler.timesteps[3])]
