"""Values that are not numbers are found where they arise."""

import pytest
import torch
from torch import nn

from relight.diffusion.finite import finite_only, refuse_black
from relight.errors import NotFinite


class Pipe:
    """What has components, as a pipeline has."""

    def __init__(self, **parts):
        self.components = parts


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_part_is_named_and_its_hooks_are_gone_afterwards(value):
    part = nn.Linear(2, 2)
    with torch.no_grad():
        part.bias[0] = value
    with finite_only([Pipe(unet=part)]), pytest.raises(NotFinite, match="unet gave .*float32"):
        part(torch.zeros(1, 2))
    part(torch.zeros(1, 2))
    assert not part._forward_hooks


def test_two_pipelines_that_share_a_part_watch_it_once():
    part, other = nn.Linear(2, 2), nn.Linear(2, 2)
    with finite_only([Pipe(unet=part, scheduler=3), Pipe(unet=part), Pipe(unet=other)]):
        assert len(part._forward_hooks) == len(other._forward_hooks) == 1
        part(torch.zeros(1, 2))


def test_a_vae_is_watched_by_its_halves(sd15):
    vae = sd15["vae"]
    with finite_only([Pipe(vae=vae)]):
        assert len(vae.encoder._forward_hooks) == len(vae.decoder._forward_hooks) == 1
        with pytest.raises(NotFinite, match="vae decoder"):
            vae.decode(torch.full((1, 4, 4, 4), float("nan")))
    assert not vae.decoder._forward_hooks


def test_black_is_refused_where_the_source_was_not_black():
    black, lit = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    refuse_black(black, black)
    refuse_black(lit, black)
    with pytest.raises(NotFinite, match="1 of 2 frames black"):
        refuse_black(torch.stack([black[0], lit[0]]), lit)
    with pytest.raises(NotFinite, match="not numbers"):
        refuse_black(lit * float("nan"), lit)
