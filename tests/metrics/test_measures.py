"""The measures: agreement with scikit-image, identity, and what known motion and light come to."""

import math
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from relight import metrics
from relight.errors import InputError
from relight.metrics.flow import Motion
from relight.metrics.frames import luminance
from relight.metrics.warp import pair_error, pair_flicker, pair_ssim

PAIRWISE = (metrics.warp_ssim, metrics.warp_error, metrics.flicker, metrics.motion_preservation)


def texture(height=96, width=160, seed=0):
    """Smooth noise, (h, w, 3) uint8."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def panning(frames=5, step=3, width=128):
    """A camera that moves `step` pixels a frame over one picture, (F, h, w, 3) uint8."""
    wide = texture(width=width + step * frames)
    return np.stack([wide[:, step * i : step * i + width] for i in range(frames)])


def lit(clip, gains):
    """The clip with each frame multiplied by a number."""
    bright = clip * np.reshape(gains, (-1, 1, 1, 1)).astype(float)
    return np.rint(bright.clip(0, 255)).astype(np.uint8)


# --- against scikit-image


@pytest.mark.parametrize("size", [(7, 7), (33, 50), (96, 160)])
def test_ssim_and_psnr_agree_with_scikit_image(size):
    one, other = texture(*size, seed=1), texture(*size, seed=2)
    grey = [luminance(frame) for frame in (one, other)]
    theirs = structural_similarity(*(y.astype(np.float64) for y in grey), data_range=255)
    assert metrics.ssim([one], [other]) == pytest.approx(theirs, abs=1e-9)
    theirs = peak_signal_noise_ratio(one, other, data_range=255)
    assert metrics.psnr([one], [other]) == pytest.approx(theirs, abs=1e-9)


def test_psnr_of_a_clip_pools_the_error():
    dark = np.zeros((2, 4, 4, 3))
    result = dark + np.float64([0, 20]).reshape(2, 1, 1, 1)
    assert metrics.psnr(dark, result) == pytest.approx(10 * math.log10(255**2 / 200))
    assert metrics.psnr(dark / 255, result / 255, peak=1) == pytest.approx(
        metrics.psnr(dark, result)
    )


# --- identity: a result that equals its source


def test_doing_nothing_has_no_change_and_the_sources_own_scores():
    clip = panning()
    found = metrics.score(zip(clip, clip, strict=True), light="right")
    assert found["change"] == 0 and found["lean"] == 0 and found["illuminance"] == 0
    assert found["structure"] == pytest.approx(1) and found["ssim"] == pytest.approx(1)
    assert found["psnr"] == math.inf and found["motion_preservation"] == 1
    assert found["temperature_drift"] == found["illuminance_drift"] == 0
    for name in ("warp_ssim", "warp_error", "flicker", "light_stability", "black", "clipped"):
        assert found[name] == found[name + "_source"], name


def test_score_is_each_measure_by_itself():
    source, result = panning(), lit(panning(), (1.1, 0.9, 1.2, 1, 0.8))
    found = metrics.score(zip(source, result, strict=True), light="top")
    alone = ("change", "warp_ssim", "warp_error", "flicker", "motion_preservation", "structure")
    for name in (*alone, "ssim", "psnr", "sharpness"):
        assert found[name] == pytest.approx(getattr(metrics, name)(source, result)), name
    assert found["lean"] == pytest.approx(metrics.lean(source, result, "top"))
    assert found["light_stability"] == metrics.light_stability(result)
    assert found["temperature"] == metrics.light_of_change(source, result).temperature
    assert found["illuminance_drift"] == metrics.light_drift(source, result)[1]
    assert set(m.name for m in metrics.MEASURES) <= set(found)


def test_one_frame_has_scores_that_need_no_pair():
    picture = texture()
    found = metrics.score([(picture, picture)])
    assert found["structure"] == pytest.approx(1) and math.isnan(found["flicker"])
    assert math.isnan(found["lean"]) and math.isnan(found["largest_jump"])
    assert math.isnan(metrics.score([])["change"])


@pytest.mark.parametrize("size", [(5, 40), (12, 9), (1, 1)])
def test_tiny_frames_are_no_trouble(size):
    clip = np.stack([texture(32, 64)[: size[0], : size[1]]] * 2)
    found = metrics.score(zip(clip, clip, strict=True), light="left")
    assert found["change"] == 0 and found["flicker"] == 0


# --- motion that is known


def test_the_flow_takes_motion_out():
    clip = panning()
    grey = np.stack([luminance(frame) for frame in clip])
    still = float(np.abs(np.diff(grey, axis=0)).mean())
    assert metrics.flicker(clip, clip) < still / 8
    assert metrics.warp_ssim(clip, clip) > 0.97


def test_flicker_is_what_the_light_jumps_by():
    clip = panning()
    jumping = np.clip(clip.astype(float) * 0.5 + 50, 0, 255)
    jumping[1::2] += 8
    assert metrics.flicker(clip, jumping) == pytest.approx(8, abs=1.0)
    steady = clip * 0.5 + 58
    assert metrics.flicker(clip, steady) < 1
    assert metrics.warp_error(clip, jumping) > 5 * metrics.warp_error(clip, steady)
    assert metrics.warp_ssim(clip, jumping) < metrics.warp_ssim(clip, steady)


def test_where_the_flow_fails_nothing_is_measured():
    before, frame = texture(), texture()
    frame[30:60, 40:70] = 255 - frame[30:60, 40:70]
    valid = np.ones(frame.shape[:2], bool)
    valid[27:63, 37:73] = False  # with the windows of SSIM
    moved = Motion(np.zeros((*valid.shape, 2), np.float32), valid)
    assert pair_flicker(before, frame, moved) == pair_error(before, frame, moved) == 0
    assert pair_ssim(before, frame, moved) == pytest.approx(1)
    nowhere = Motion(moved.flow, ~np.ones_like(valid))
    assert math.isnan(pair_flicker(before, frame, nowhere))


def test_motion_preservation_falls_when_motion_is_lost_or_turned_round():
    clip = panning()
    assert metrics.motion_preservation(clip, lit(clip, [0.6] * 5)) > 0.9
    assert metrics.motion_preservation(clip, clip[[0] * 5]) < 0.2
    assert metrics.motion_preservation(clip, clip[::-1]) < 0.2


# --- light that is known


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_lean_counts_stops_towards_the_named_side(side):
    clip = np.full((2, 60, 90, 3), 60.0)
    result = clip.copy()
    where = {"left": np.s_[:, :, :30], "right": np.s_[:, :, 60:]}
    where |= {"top": np.s_[:, :20], "bottom": np.s_[:, 40:]}
    result[where[side]] = 121.0
    assert metrics.lean(clip, result, side) == pytest.approx(1)
    assert metrics.lean(result, clip, side) == pytest.approx(-1)
    assert metrics.lean(result, result, side) == 0


def test_lean_wants_a_side():
    with pytest.raises(InputError, match="'front': use one of left"):
        metrics.lean(panning(), panning(), "front")


def test_structure_ignores_smooth_light_and_falls_with_lost_detail():
    clip = panning(2)
    ramp = np.linspace(1.0, 0.4, clip.shape[2]).reshape(1, 1, -1, 1)
    assert metrics.structure(clip, clip * ramp) > 0.97
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 8) for frame in clip])
    assert metrics.structure(clip, blurred) < 0.6
    assert abs(metrics.structure(clip, texture(96, 128, seed=5)[None].repeat(2, 0))) < 0.2


def test_colour_of_the_light_does_not_depend_on_the_scene():
    warm = np.array([1.0, 0.6, 0.3])
    for seed in (0, 1):
        scene = texture(seed=seed).astype(float) * 0.6
        linear = (scene / 255) ** 2.2 * warm
        found = metrics.light_of_change([scene], [255 * linear ** (1 / 2.2)])
        assert (found.x, found.y) == pytest.approx(metrics.chromaticity(warm), abs=0.015)
        assert found.temperature == pytest.approx(3700, rel=0.06)
        assert found.stops == pytest.approx(math.log2(warm @ [0.2126, 0.7152, 0.0722]), abs=0.25)
    assert math.isnan(metrics.light_of_change([scene], [scene * [0.2, 1, 0.2]]).temperature)


def test_drift_is_of_the_added_light_only():
    clip = lit(panning(), (1, 0.8, 0.6, 0.8, 1))  # the source dims by itself
    assert metrics.light_drift(clip, clip) == (0, 0)
    warmth, stops = metrics.light_drift(panning(), clip)
    assert warmth < 15 and stops > 0.3


def test_prompt_names_a_hue():
    clip = panning(2)
    orange = np.rint(clip * [1.0, 0.7, 0.2]).astype(np.uint8)
    found = metrics.score(zip(clip, orange, strict=True), prompt="Warm orange light.")
    assert found["hue_error"] < 25
    blue = metrics.score(zip(clip, orange, strict=True), prompt="blue light")["hue_error"]
    assert blue > 120
    for same in (clip, np.rint(clip * 0.5).astype(np.uint8)):  # HSV calls the hue of grey red
        assert math.isnan(metrics.score(zip(clip, same, strict=True), prompt="red")["hue_error"])


def test_seams_show_where_the_borders_are():
    clip = panning(6)
    tiled = clip.astype(float) * 0.5
    tiled[:, :, 64:] += 12
    assert metrics.tile_seams(clip, tiled, columns=[64]) > 5
    assert metrics.tile_seams(clip, tiled, columns=[40]) < 2
    turned = [x.transpose(0, 2, 1, 3) for x in (clip, tiled)]
    assert metrics.tile_seams(*turned, rows=[64]) > 5
    windows = clip * 0.5 + np.float64([0, 0, 0, 15, 15, 15]).reshape(6, 1, 1, 1)
    assert metrics.window_seams(clip, windows, [3]) > 2 * metrics.window_seams(clip, windows, [2])


# --- streams and errors


def test_iterators_are_taken_frame_by_frame():
    clip = panning()
    held = []

    def stream():
        for frame in clip:
            held.append(frame)
            yield frame

    found = metrics.score(zip(stream(), stream(), strict=True))
    assert found["frames"] == 5 and len(held) == 10
    assert metrics.flicker(iter(clip), iter(clip)) == metrics.flicker(clip, clip)


def test_clips_that_do_not_fit_are_refused():
    clip = panning()
    with pytest.raises(InputError, match="result ends after 3 frames"):
        metrics.change(clip, clip[:3])
    with pytest.raises(InputError, match="source ends after 3 frames"):
        metrics.change(clip[:3], clip)
    with pytest.raises(InputError, match="frame 0 is"):
        metrics.change(clip, clip[:, :40])
    with pytest.raises(InputError, match="bring them to one size"):
        metrics.psnr(clip, clip[:, :40])
    for short in ((clip, clip[:3]), (clip[:3], clip)):
        with pytest.raises(InputError, match="one ends after 3 frames and the other goes on"):
            metrics.psnr(*short)
    assert math.isnan(metrics.psnr([], []))
    with pytest.raises(InputError, match=r"array \(h, w, 3\)"):
        metrics.ssim(clip[..., 0], clip[..., 0])


def test_no_torch_is_imported():
    code = "import sys, relight.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("folder", ["relight", "examples", "tests", "ui", "pipelines"])
def test_each_measure_is_defined_once(folder):
    """README's tables, the model card and the tests read their numbers off the same functions."""
    root = Path(__file__).parents[2]
    names = "psnr|ssim|flicker|warp_ssim|warp_error|sharpness|gradient_energy|gradient_correlation"
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted((root / folder).rglob("*.py"))
        for line in re.findall(rf"(?m)^ *def _?(?:{names})\(.*", path.read_text())
        if root / "relight" / "metrics" not in path.parents
    ]
    card = "examples/mini_model/figures.py: def gradient_correlation("  # its own, and says why
    assert [line for line in found if not line.startswith(card)] == []
