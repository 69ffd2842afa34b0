"""Maps that are found anew in every frame agree where nothing moves."""

import pytest
import torch

from relight.errors import InputError
from relight.methods.settled import settled


def _scene(count):
    generator = torch.Generator().manual_seed(0)
    texture = torch.rand(1, 3, 12, 16, generator=generator)
    still = torch.nn.functional.interpolate(texture, (48, 64), mode="bilinear")
    grain = torch.randn(count, 3, 48, 64, generator=generator) * 2 / 255
    return (still * 0.6 + 0.2 + grain).clamp(0, 1)


def test_a_matte_that_flips_in_a_still_scene_is_steady():
    state = torch.tensor([1, 1] + [0] * 21 + [1] * 10 + [0] * 7).float()
    maps = 0.2 * state.view(-1, 1, 1, 1).expand(-1, 3, 48, 64)
    out = settled(maps, _scene(40), range(40), 3)
    assert float(out.amax(0).sub(out.amin(0)).max()) == 0


def test_what_moves_keeps_its_own():
    frames, maps = _scene(12), torch.zeros(12, 1, 48, 64)
    for t in range(12):
        frames[t, :, 10:30, 4 * t : 4 * t + 12] = torch.tensor([0.9, 0.1, 0.1]).view(3, 1, 1)
        maps[t, :, 10:30, 4 * t : 4 * t + 12] = 1
    out = settled(maps, frames, range(12), 1)
    for t in range(12):
        assert float(out[t, 0, 14:26, 4 * t + 4 : 4 * t + 8].mean()) > 0.95
    assert float(out[0, 0, :, 40:].max()) == 0


def test_every_frame_asks_itself_and_maps_belong_to_frames():
    maps = torch.rand(7, 2, 16, 16, generator=torch.Generator().manual_seed(1))
    frames = torch.linspace(0, 1, 7).view(7, 1, 1, 1).expand(7, 3, 16, 16)  # nothing is alike
    torch.testing.assert_close(settled(maps, frames, range(7), 3), maps)
    with pytest.raises(InputError, match="don't belong together"):
        settled(maps, frames[:3], range(7), 3)
