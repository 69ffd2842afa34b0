"""A tiny UNet, and a fixed batch of frames for it."""

import pytest
import torch

FRAMES = 5


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def unet(relighter):
    before = dict(relighter.unet.attn_processors)
    yield relighter.unet
    assert relighter.unet.attn_processors == before  # whatever a test did, it is put back


@pytest.fixture
def run(unet):
    """run(halves, frames): the UNet's output for a fixed batch, (halves, frames, c, h, w)."""

    def call(halves=2, frames=FRAMES, equal=False):
        x = noise(1 if equal else frames, 8, 8, 8)
        x = x.expand(frames, -1, -1, -1).repeat(halves, 1, 1, 1)
        text = noise(halves, 1, 7, unet.config.cross_attention_dim, seed=1)
        text = text.expand(-1, frames, -1, -1).flatten(0, 1)
        return unet(x, 500, text).sample.unflatten(0, (halves, -1))

    with torch.no_grad():
        yield call
