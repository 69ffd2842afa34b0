"""The first pass over a clip: which frames a model sees, and their small copies."""

from fractions import Fraction

import numpy as np
import pytest

from relight.engine.pairs import LOOKED_AT, PAIRS, load_pairs
from relight.engine.stored import decoded, encoded
from relight.engine.survey import SmallFrames, Survey, plain, sparse, survey
from relight.engine.work import Work
from relight.media import Frame, Moment


def clip(count, fps=30, size=(24, 32)):
    """Frames of a moving pattern, made one by one."""
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]]
    for i in range(count):
        image = np.stack([xs * 6 + i, ys * 8, 128 + 0 * xs], axis=-1) % 256
        yield Frame(image=image.astype(np.uint8), time=Fraction(i, fps))


@pytest.mark.parametrize(
    "fps, wanted, count",
    [(30, 8, 300), (25, 8, 250), (24, 8, 240), (8, 8, 80), (5, 8, 50), (60, 7.5, 600)],
)
def test_the_model_sees_the_asked_rate_and_both_ends(fps, wanted, count):
    seen = list(sparse(clip(count, fps), wanted))
    times = [frame.time for _, frame in seen]
    assert times[0] == 0 and times[-1] == Fraction(count - 1, fps)
    assert all(Fraction(index, fps) == frame.time for index, frame in seen)
    expected = min(fps, wanted) * count / fps
    assert abs(len(times) - expected) <= 2
    gaps = np.diff([float(t) for t in times])
    assert gaps[:-1].max() <= max(1 / wanted, 1 / fps) + 1 / fps + 1e-6


def test_no_rate_means_every_frame():
    assert [index for index, _ in sparse(clip(9), None)] == list(range(9))


def test_variable_rates_and_long_gaps_are_followed():
    times = [Fraction(t) for t in (0, "0.01", "0.02", 3, "3.01", "3.2")]
    frames = [Frame(image=np.zeros((2, 2, 3), np.uint8), time=t) for t in times]
    assert [frame.time for _, frame in sparse(frames, 8)] == [0, 3, Fraction("3.2")]


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100])
def test_a_survey_and_its_small_frames_are_found_again(tmp_path, count):
    work = Work(tmp_path)
    made = survey(
        map(Moment.of, clip(count, 8)), work, fps=None, scale=lambda image: image[::2, ::2]
    )
    again = Survey.load(work)
    assert (again.times, again.seen) == (made.times, made.seen)
    assert np.array_equal(again.thumbs, made.thumbs) and len(made.thumbs) == count
    assert made.times == tuple(Fraction(i, 8) for i in range(count))
    small = SmallFrames(work)
    for i, frame in enumerate(clip(count, 8)):
        assert np.array_equal(small[i], frame.image[::2, ::2])
    assert small.stack(0, count).shape == (count, 12, 16, 3)


@pytest.mark.parametrize("scaled", [True, False])
def test_frames_are_made_only_of_what_is_looked_at(tmp_path, scaled):
    made = []

    def moment(frame):
        return Moment(frame.time, lambda: made.append(frame.time) or frame, lambda: None)

    scale = (lambda image: image[::2, ::2]) if scaled else None
    found = survey(map(moment, clip(31, 30)), Work(tmp_path), fps=8, scale=scale, pairs=scaled)
    assert len(found.times) == 31
    assert made == ([found.times[i] for i in found.seen] if scaled else [])


@pytest.mark.parametrize("shot", [1, 2, 3, 5])
def test_each_shot_is_seen_however_short(tmp_path, shot):
    rng = np.random.default_rng(shot)
    shots = np.repeat(rng.integers(0, 256, (12, 3, 4, 3), np.uint8), shot, 0)
    images = shots.repeat(30, 1).repeat(30, 2) + rng.integers(0, 9, (len(shots), 90, 120, 1))
    frames = [
        Frame(image=image.clip(0, 255).astype(np.uint8), time=Fraction(i, 24))
        for i, image in enumerate(images)
    ]
    moments = map(Moment.of, frames)
    found = survey(moments, Work(tmp_path), fps=2, scale=lambda image: image[::5, ::5])
    assert {i // shot for i in found.seen} == set(range(12))
    due = [index for index, _ in sparse(frames, 2)]
    extra = set(found.seen) - set(due)
    assert all(i % shot == 0 for i in extra)  # where it begins, and no more


def test_what_moves_slowly_is_seen_no_more_often(tmp_path):
    frames = list(clip(60, 30))
    found = survey(map(Moment.of, frames), Work(tmp_path), fps=4, scale=lambda image: image)
    assert list(found.seen) == [index for index, _ in sparse(frames, 4)]


def test_without_a_survey_there_is_none(tmp_path):
    assert Survey.load(Work(tmp_path)) is None


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_stored_pictures_are_lossless(kind):
    image = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (9, 7, 3)).astype(kind)
    assert np.array_equal(decoded(encoded(image)), image)


def test_what_light_has_nothing_to_fall_on_is_told():
    even = np.full((3, 8, 8, 3), 128, np.uint8)
    assert plain(even) == "flat" and plain(even * 0) == "black" and plain(even[:0]) is None
    even[1, :4] = 140
    assert plain(even) is None
    assert plain(np.stack([np.full((8, 8, 3), v, np.uint8) for v in (40, 200)])) == "flat"


@pytest.mark.parametrize("count", [1, 2, 7, 64, 301])
def test_some_neighbours_are_kept_from_all_over_the_clip(tmp_path, count):
    frames = list(clip(count, 8))
    survey(map(Moment.of, frames), Work(tmp_path), fps=None, scale=None, pairs=True)
    pairs = load_pairs(Work(tmp_path))
    numbers = list(pairs)
    assert len(numbers) == min(count - 1, PAIRS) and numbers == sorted(numbers)
    for number, pair in pairs.items():
        assert np.array_equal(pair, [frames[number].image, frames[number + 1].image])
    if count > 60:
        assert numbers[0] < count / 8 and numbers[-1] > count * 6 / 8
        assert np.diff(numbers).max() < count / 2


def test_large_frames_are_kept_smaller(tmp_path):
    survey(
        map(Moment.of, clip(2, 8, size=(720, 1080))),
        Work(tmp_path),
        fps=None,
        scale=None,
        pairs=True,
    )
    assert load_pairs(Work(tmp_path))[0][1].shape == (LOOKED_AT, 810, 3)
