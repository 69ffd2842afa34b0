"""A relit still finds its frame: moved, cropped, squashed, in another light; others are refused."""

import cv2
import numpy as np
import pytest

from relight.errors import InputError
from relight.methods.registration import register

from .test_carried_light import light_over, lit, world

H, W = 144, 256


@pytest.fixture(scope="module")
def clip():
    """A pan with things that move against it, so that no frame is another one moved."""
    picture, thing = world(H, W + 200), world(50, 50, 3)
    frames = [picture[:, 12 * i : 12 * i + W].copy() for i in range(14)]
    for i, frame in enumerate(frames):
        frame[20:70, 120 - 8 * i // 2 : 170 - 8 * i // 2] = thing
        frame[80:130, 60 + 8 * i : 110 + 8 * i] = thing[::-1]
    return frames


def relit(frame):
    """Another light: a coloured ramp, a veil and a curve."""
    warm = lit(frame, light_over(*frame.shape[:2])).astype(float)
    return (255 * (0.15 + 0.8 * (warm / 255) ** 1.4)).clip(0, 255).astype(np.uint8)


def far_off(found, truth):
    """Largest distance between two places of the still, in pixels of the frame's corners."""
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], float).T
    apart = (found.matrix - truth) @ corners
    return float(np.abs(apart * np.array([[W], [H]])).max())


@pytest.mark.slow
def test_the_moment_is_found_in_another_light(clip):
    for index in (0, 11):
        found = register(relit(clip[index]), clip)
        assert found.index == index and found.match > 0.5
        assert far_off(found, np.eye(2, 3)) < 1


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
def test_a_still_that_was_cropped_squashed_and_resized_is_laid_over_its_frame(clip, named):
    still = cv2.resize(relit(clip[9])[16:130, 30:230], (400, 300), interpolation=cv2.INTER_CUBIC)
    found = register(still, clip, 9 if named else None)
    truth = np.array([[W / 200, 0, -30 / 200], [0, H / 114, -16 / 114]])
    assert found.index == 9 and far_off(found, truth) < 1.5
    laid, covered = found.warp(still, H, W)
    assert 0.55 < float(covered.mean()) < 0.65 and float(covered[0, 70, 120]) == 1
    wanted = relit(clip[9]).astype(float)
    off = np.abs(laid.permute(1, 2, 0).numpy() * 255 - wanted)[20:126, 36:224]
    assert off.mean() < 4


@pytest.mark.slow
def test_an_editor_that_moved_pixels_and_one_that_cropped_to_a_square(clip):
    moved = np.roll(relit(clip[5]), (4, -7), (0, 1))
    found = register(moved, clip, 5)
    assert far_off(found, np.array([[1, 0, -7 / W], [0, 1, 4 / H]])) < 1.5
    square = cv2.resize(relit(clip[5])[:, 56:200], (512, 512), interpolation=cv2.INTER_CUBIC)
    found = register(square, clip)
    assert found.index == 5 and far_off(found, np.array([[W / H, 0, -56 / H], [0, 1, 0]])) < 1.5


@pytest.mark.slow
def test_another_scene_is_refused_with_its_match(clip):
    for seed in range(1, 3):
        with pytest.raises(InputError, match=r"another scene: its best match is 0\.[01]\d"):
            register(relit(world(H, W, seed)), clip)
    with pytest.raises(InputError, match="which was named"):
        register(relit(world(H, W, 9)), clip, 3)


def test_flat_and_tiny_stills_are_refused(clip):
    with pytest.raises(InputError, match="another scene"):
        register(np.full((200, 300, 3), 128, np.uint8), clip)
    with pytest.raises(InputError, match="48x32"):
        register(np.zeros((32, 48, 3), np.uint8), clip)
