"""The light of a part that is the whole picture is the light itself, bit for bit."""

import pytest
import torch

from relight.methods.gain_and_glow import GainGlow
from relight.methods.light_within import light_within


@pytest.mark.parametrize("size", [(60, 68), (96, 96), (128, 171)])
def test_the_whole_picture_as_a_part_changes_nothing(size):
    noise = torch.randn(2, 6, *size, generator=torch.Generator().manual_seed(0))
    light = GainGlow.from_planes(noise)
    everything = torch.ones(2, 1, 131, 157)
    within = light_within(light, torch.rand(2, 3, 131, 157), everything)
    assert torch.equal(within.planes, light.planes)
