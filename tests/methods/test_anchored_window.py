"""Windows that found another light each are brought to the one of the clip."""

import pytest
import torch

from relight.errors import InputError
from relight.methods.anchored_window import anchored


@pytest.fixture(scope="module")
def scene():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 6, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (96, 128), mode="bicubic").clamp(0.1, 0.9)
    return (smooth * 0.7 + 0.1).expand(4, -1, -1, -1)


def _under(scene, left, right):
    return scene * torch.linspace(left, right, 128)


def test_a_still_scene_has_one_light_in_all_its_windows(scene):
    lit = _under(scene, 1.2, 0.5)
    windows = [anchored(_under(scene, *sides), lit) for sides in ((1.0, 0.6), (0.8, 0.9))]
    assert float((windows[0] - windows[1]).abs().max()) < 0.02
    assert float((windows[0] - lit).abs().mean()) < 0.02
    assert float((_under(scene, 1.0, 0.6) - _under(scene, 0.8, 0.9)).abs().max()) > 0.15


def test_a_still_scene_has_one_light_from_the_first_frame_to_the_last(scene):
    lit = _under(scene, 1.2, 0.5)
    drifts = torch.linspace(0.8, 1.2, len(scene)).view(-1, 1, 1, 1)
    out = anchored(drifts * _under(scene, 1.0, 0.6), lit)
    assert float((out[0] - out[-1]).abs().max()) < 0.02


def test_what_is_fine_stays_the_windows(scene):
    grain = 0.05 * torch.randn(scene.shape, generator=torch.Generator().manual_seed(1))
    drawn = (scene + grain).clamp(0, 1)
    out = anchored(drawn, scene)
    kept = torch.corrcoef(torch.stack([(out - scene).flatten(), (drawn - scene).flatten()]))[0, 1]
    assert float(kept) > 0.95


def test_its_own_light_is_kept_as_it_is(scene):
    torch.testing.assert_close(anchored(scene, scene), scene, rtol=0, atol=1e-5)


def test_other_frames_are_refused(scene):
    with pytest.raises(InputError, match="not the same frames"):
        anchored(scene, scene[:2])
