"""Carried light where things move before black: no rim, no trail, and the wall's light stays."""

import cv2
import numpy as np

from relight.methods.carried_light import carried_lights, reference_light
from relight.methods.full_size_light import apply_light_uint8

from .test_carried_light import H, W, as_still, lit, world


def test_a_white_ball_that_moves_over_black_leaves_no_dark_trail_on_the_lit_wall():
    y, x = np.mgrid[0:144, 0:256]
    grain = np.random.default_rng(0).integers(0, 4, (144, 256, 1))
    frames, truth, rings = [], [], []
    for i in range(9):
        far = np.hypot(y - 72, x - 70 - 6 * i)
        inside = ((26 - far) / 2).clip(0, 1)[..., None]
        ball = (110 + 90 * np.sqrt((1 - (far / 26) ** 2).clip(0)))[..., None]
        frames.append((inside * ball + (1 - inside) * grain).repeat(3, 2).round().astype(np.uint8))
        warm = (inside * (60 + 0.5 * ball) + (1 - inside) * 185) * (1, 0.8, 0.55)
        truth.append(warm.round().astype(np.uint8))
        rings.append((far > 29) & (far < 45))
    reference = {0: reference_light(frames[0], as_still(truth[0]))}
    for i, light in carried_lights(frames, reference):
        darker = truth[i].astype(int) - apply_light_uint8(frames[i], light)
        assert darker.mean(2)[rings[i]].mean() < 1  # up to 3.6 before black had its own light


def test_a_white_ball_over_black_does_not_push_the_light_of_the_wall_before_it():
    """Black has no motion to be seen, so its light stays though the flow around the ball moves."""
    y, x = np.mgrid[0:144, 0:256]
    wall = (90 + 0.5 * x)[..., None] * (1, 0.8, 0.55)
    frames, truth, rings = [], [], []
    for i in range(9):
        far = np.hypot(y - 72, x - 70 - 10 * i)
        inside = ((26 - far) / 2).clip(0, 1)[..., None]
        ball = (110 + 90 * np.sqrt((1 - (far / 26) ** 2).clip(0)))[..., None]
        frames.append((inside * ball).repeat(3, 2).round().astype(np.uint8))
        warm = inside * (60 + 0.5 * ball) * (1, 0.8, 0.55) + (1 - inside) * wall
        truth.append(warm.round().astype(np.uint8))
        rings.append((far > 27) & (far < 32))
    reference = {0: reference_light(frames[0], as_still(truth[0]))}
    for i, light in list(carried_lights(frames, reference))[6:]:  # it has left its first place
        apart = apply_light_uint8(frames[i], light).astype(int) - truth[i]
        assert np.abs(apart.mean(2)[rings[i]]).mean() < 2  # 12 to 15 of light that went along


def test_a_white_ball_that_blurs_over_black_gets_no_rim_on_the_lit_wall():
    y, x = np.mgrid[0:144, 0:256]
    frames, truth, rims = [], [], []
    for i in range(7):
        far = np.hypot(y - 72, x - 70 - 8 * i)
        inside = ((26 - far) / (2 + 1.5 * i) + 0.5).clip(0, 1)[..., None]
        frames.append((inside * (170, 175, 180)).round().astype(np.uint8))
        warm = inside * (185, 160, 130) + (1 - inside) * (200, 160, 110)
        truth.append(warm.round().astype(np.uint8))
        rims.append((inside[..., 0] > 0) & (inside[..., 0] < 1))
    reference = {0: reference_light(frames[0], as_still(truth[0]))}
    for i, light in carried_lights(frames, reference):
        apart = apply_light_uint8(frames[i], light).astype(int) - truth[i]
        if i > 2:  # more blurred by far than in the reference
            assert abs(apart[rims[i]].mean()) < 10  # 12 to 14 of light handed on


def test_black_that_a_white_thing_leaves_is_lit_as_the_black_around_it():
    """The thing dims and the black behind it glows: light of the one is a hole in the other."""
    frames, truth = [], []
    for i in range(9):
        thing = (slice(0, H), slice(44 + 5 * i, 74 + 5 * i))
        frame = np.full((H, W, 3), 3, np.uint8)
        frame[thing] = world(H, 30, 2, 170, 230)
        part = np.zeros((H, W), np.float32)
        part[thing] = 1
        frame, part = (cv2.GaussianBlur(x, (0, 0), 2) for x in (frame, part))  # it is not sharp
        dimmed = lit(frame, np.array([0.7, 0.7, 0.7]))
        truth.append((160 + part[..., None] * (dimmed - 160.0)).astype(np.uint8))
        frames.append(frame)
    found = list(carried_lights(frames, {0: reference_light(frames[0], as_still(truth[0]))}))
    out = apply_light_uint8(frames[8], found[8][1]).astype(int)
    left = (slice(8, 64), slice(40, 79))  # the thing was here, and is 5 pixels away
    assert np.abs(out - truth[8])[left].mean() < 4
