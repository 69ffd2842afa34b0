"""Pictures for the pipelines to work on."""

import torch


def noise_picture(height=64, width=64, count=1, seed=3):
    """(count, 3, height, width) in [0, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))
