"""A video as the light: the right frame at every time, in whatever order."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from relight import media
from relight.errors import MediaError, RelightError
from relight.lights import VideoLight, parse_light, resolve

LEVELS = [0, 40, 80, 120, 160, 200, 240]
FPS = 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Seven frames in four a second, each of one grey."""
    path = tmp_path_factory.mktemp("light") / "light.mp4"
    with media.write(path, size=(32, 16), fps=FPS, encoding=media.Encoding(crf=0)) as out:
        for i, level in enumerate(LEVELS):
            out.add(np.full((16, 32, 3), level, np.uint8), Fraction(i, FPS))
    return path


def _level(light, seconds):
    return 255 * light.level_map(3, 5, seconds).mean()


def test_the_frame_on_the_screen_is_the_light(clip):
    light = resolve(str(clip))
    assert light == VideoLight(clip) and light.moving and light.files() == (clip,)
    for seconds, level in ((0, 0), (0.24, 0), (0.25, 40), (0.3, 40), (1, 160), (1.5, 240)):
        assert _level(light, seconds) == pytest.approx(level, abs=2), seconds
    assert light.level_map(3, 5, 1).shape == (3, 5, 3)


def test_times_may_come_in_any_order_and_the_last_frame_holds(clip):
    light = VideoLight(clip)
    for seconds in (1.3, 0.1, 99, 0.6, 3, 2, 1.75, 0, 1.49):
        index = min(int(seconds * FPS), len(LEVELS) - 1)
        assert _level(light, seconds) == pytest.approx(LEVELS[index], abs=2), seconds


def test_a_long_jump_lands_on_the_right_frame(tmp_path):
    path = tmp_path / "sparse.mp4"  # frames further apart than what is read before a jump
    with media.write(path, size=(16, 16), fps=1, encoding=media.Encoding(crf=0)) as out:
        for time, level in ((0, 20), (1, 60), (9, 100), (10, 140), (30, 180)):
            out.add(np.full((16, 16, 3), level, np.uint8), Fraction(time))
    light = VideoLight(path)
    for seconds, level in ((8.5, 60), (20, 140), (0.5, 20), (31, 180), (9.5, 100), (5, 60)):
        assert _level(light, seconds) == pytest.approx(level, abs=2), seconds


def test_a_folder_of_pictures_is_a_video_of_the_clips_rate(tmp_path):
    folder = tmp_path / "sky"
    folder.mkdir()
    for i, level in enumerate((20, 120, 220)):
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(folder / f"{i}.png")
    light = resolve(f"{folder} + left:intensity=0").for_clip(4)
    assert light.moving and light.files() == (folder,)
    for seconds, level in ((0, 20), (0.25, 120), (0.5, 220), (9, 220)):
        assert _level(light, seconds) == pytest.approx(level, abs=1), seconds
    moving = resolve("left", [f"0={folder}"]).for_clip(4)
    assert _level(moving, 0.3) == pytest.approx(120, abs=1)
    assert parse_light(str(parse_light(str(folder)))) == VideoLight(folder)


def test_a_folder_without_pictures_is_one_line(tmp_path):
    with pytest.raises(RelightError, match="no pictures") as caught:
        resolve(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_it_goes_to_another_process_and_into_other_lights(clip):
    light = resolve(str(clip))
    _level(light, 1)
    copy = pickle.loads(pickle.dumps(light))
    assert copy == light and _level(copy, 1) == pytest.approx(160, abs=2)
    both = parse_light(f"left + {clip}")
    assert both.moving and str(both) == f"left + {clip}"
    expected = parse_light("left").level_map(3, 5) + 120 / 255
    np.testing.assert_allclose(both.level_map(3, 5, 0.8), expected.clip(0, 1), atol=0.01)


def test_a_word_tells_where_the_suffix_does_not(clip, tmp_path):
    plain = tmp_path / "noending"
    plain.write_bytes(clip.read_bytes())
    light = resolve(f"video:{plain}")
    assert str(light) == f"video:{plain}" and _level(light, 1) == pytest.approx(160, abs=2)


def test_what_is_wrong_is_named(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(MediaError, match="broken.mp4"):
        resolve(str(broken))
    with pytest.raises(RelightError, match=r"no light video .*missing.mp4"):
        resolve(str(tmp_path / "missing.mp4"))


def test_two_threads_read_it_at_different_times(tmp_path):
    path = tmp_path / "long.mkv"
    levels = [(7 * i) % 250 for i in range(200)]
    with media.write(path, size=(64, 48), fps=25, encoding=media.Encoding(codec="ffv1")) as out:
        for i, level in enumerate(levels):
            out.add(np.full((48, 64, 3), level, np.uint8), Fraction(i, 25))
    light = VideoLight(path)
    light.check()

    def seen(order):
        return [round(_level(light, (i + 0.5) / 25)) for i in order]

    forwards, backwards = range(200), range(199, 99, -1)
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(seen, (forwards, backwards))
    assert one == levels
    assert other == [levels[i] for i in backwards]
