"""Chunks: every frame once, in order, blended without a jump, whatever the sizes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.engine.chunks import joined, windows

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 12)).flatmap(
    lambda nl: st.tuples(st.just(nl[0]), st.just(nl[1]), st.integers(0, nl[1] - 1))
)


def _join(chunks, values, begin=0):
    stream = joined(chunks, lambda c: values[c.index], lambda x, i: x[i], begin)
    return [float(x[0]) for x in stream]


@given(SIZES)
def test_windows_cover_the_clip_and_are_full(sizes):
    count, length, overlap = sizes
    chunks = windows(count, length, overlap)
    assert {i for c in chunks for i in range(c.first, c.last)} == set(range(count))
    assert all(len(c) == min(length, count) for c in chunks)
    assert [c.index for c in chunks] == list(range(len(chunks)))
    for a, b in pairwise(chunks):
        assert a.first < b.first <= a.first + length - overlap
        assert a.tail == b.head == a.last - b.first
    assert chunks[0].head == chunks[-1].tail == 0


@given(SIZES, st.integers(0, 59))
def test_joining_windows_that_agree_changes_nothing(sizes, begin):
    count, length, overlap = sizes
    begin %= count
    chunks = windows(count, length, overlap)
    values = [np.arange(c.first, c.last, dtype=np.float32)[:, None] for c in chunks]
    assert np.allclose(_join(chunks, values, begin), np.arange(begin, count), atol=1e-4)


@given(SIZES, st.integers(0, 59))
def test_a_stream_that_begins_later_gives_the_same_frames(sizes, begin):
    count, length, overlap = sizes
    begin %= count
    chunks = windows(count, length, overlap)
    noise = np.random.default_rng(0)
    values = [noise.normal(size=(len(c), 1)).astype(np.float32) for c in chunks]
    assert _join(chunks, values, begin) == _join(chunks, values)[begin:]


def test_an_overlap_moves_linearly_from_the_old_value_to_the_new():
    chunks = windows(9, 6, 3)
    values = [np.zeros((6, 1), np.float32), np.ones((6, 1), np.float32)]
    assert _join(chunks, values) == [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1]


def test_a_last_window_that_reaches_far_back_meets_what_was_blended_before():
    chunks = windows(9, 5, 3)  # (0, 5), (2, 7), (4, 9): frame 4 is in all three
    values = [np.full((5, 1), i, np.float32) for i in range(3)]
    assert _join(chunks, values)[4] == pytest.approx(0.75 + 0.25 * (2 - 0.75))


def test_few_chunks_are_held_at_a_time():
    chunks = windows(1000, 8, 2)
    loaded = []

    def load(chunk):
        loaded.append(chunk.index)
        return np.zeros((8, 1), np.float32)

    for seen, _ in enumerate(joined(chunks, load, lambda x, i: x[i])):
        assert loaded[-1] <= seen // 6 + 1
    assert loaded == sorted(set(loaded))  # each once, in order


@pytest.mark.parametrize("overlap", [-1, 4, 9])
def test_an_overlap_as_long_as_the_window_is_refused(overlap):
    with pytest.raises(ValueError, match="overlap"):
        windows(9, 4, overlap)
