"""How good a result is: one measure = one file, on arrays of frames or streams of them.

    from relight import metrics

    metrics.warp_ssim(source, result)        # (F, h, w, 3) uint8 each, or two iterators of frames
    metrics.score(zip(source, result), light="left")     # all of them in one pass

No torch, no weights. Doing nothing wins nothing: a result that equals its source has a perfect
`structure` and the source's own flicker, so read every consistency score beside `change` and
`lean`.
"""

from relight.metrics.blockiness import blockiness
from relight.metrics.change import change
from relight.metrics.colour import (
    Light,
    chromaticity,
    colour_temperature,
    light_drift,
    light_of_change,
)
from relight.metrics.hue import hue_error, named_hue
from relight.metrics.lean import lean
from relight.metrics.levels import black_share, clipped_share
from relight.metrics.light_stability import light_stability
from relight.metrics.motion_kept import motion_preservation
from relight.metrics.psnr import psnr
from relight.metrics.score import MEASURES, Measure, score
from relight.metrics.seams import largest_jump, tile_seams, window_seams
from relight.metrics.sharpness import sharpness
from relight.metrics.ssim import ssim
from relight.metrics.structure import structure
from relight.metrics.warp import flicker, warp_error, warp_ssim

__all__ = [
    "MEASURES",
    "Light",
    "Measure",
    "black_share",
    "blockiness",
    "change",
    "chromaticity",
    "clipped_share",
    "colour_temperature",
    "flicker",
    "hue_error",
    "largest_jump",
    "lean",
    "light_drift",
    "light_of_change",
    "light_stability",
    "motion_preservation",
    "named_hue",
    "psnr",
    "score",
    "sharpness",
    "ssim",
    "structure",
    "tile_seams",
    "warp_error",
    "warp_ssim",
    "window_seams",
]
