"""Windows over streams: everything once, in order, blended without a jump."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from relight.engine.windows import blended, windows

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 12)).flatmap(
    lambda nl: st.tuples(st.just(nl[0]), st.just(nl[1]), st.integers(0, nl[1] - 1))
)


@given(SIZES)
def test_windows_cover_the_stream_and_are_full(sizes):
    count, length, overlap = sizes
    parts = list(windows(range(count), length, overlap))
    assert all(items == list(range(start, start + len(items))) for start, items in parts)
    assert {i for _, items in parts for i in items} == set(range(count))
    assert all(len(items) == min(length, count) for _, items in parts)
    for (a, _), (b, _) in pairwise(parts):
        assert a < b <= a + length - overlap


@given(SIZES)
def test_blending_agreeing_windows_changes_nothing(sizes):
    count, length, overlap = sizes
    parts = (
        (start, torch.tensor(items, dtype=torch.float32)[:, None])
        for start, items in windows(range(count), length, overlap)
    )
    joined = torch.stack(list(blended(parts, torch.lerp)))
    assert torch.allclose(joined[:, 0], torch.arange(count, dtype=torch.float32), atol=1e-4)


def test_an_overlap_moves_linearly_from_the_old_value_to_the_new():
    parts = [(0, torch.zeros(6, 1)), (3, torch.ones(6, 1))]
    joined = torch.cat(list(blended(iter(parts), torch.lerp)))
    assert joined.tolist() == [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1]


def test_one_window_is_no_window():
    values = torch.randn(5, 3)
    assert torch.equal(torch.stack(list(blended([(0, values)], torch.lerp))), values)


def test_at_most_two_windows_of_the_stream_are_read_ahead():
    read = []
    stream = (read.append(i) or i for i in range(1000))
    taken = windows(stream, 8, 2)
    next(taken)
    assert len(read) == 8
    next(taken)
    assert len(read) == 14


@pytest.mark.parametrize("overlap", [-1, 4, 9])
def test_an_overlap_as_long_as_the_window_is_refused(overlap):
    with pytest.raises(ValueError, match="overlap"):
        list(windows(range(9), 4, overlap))
