"""Frames in threads of their own: order, errors, and who has how many threads."""

import threading

import pytest
import torch

from relight.methods import spread as module
from relight.methods.spread import one_thread, spread, threads


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr(module._here, "frames", 2)


def test_results_come_in_order(two_threads):
    held = threading.Event()

    def late(number):
        if number == 0:
            held.wait(10)  # until the next one is done
        held.set()
        return number

    assert list(spread(late, range(5))) == [0, 1, 2, 3, 4]


def test_only_so_many_items_are_taken_ahead(two_threads):
    taken = []
    found = spread(abs, (taken.append(i) or i for i in range(10)), most=2)
    next(found)
    assert taken == [0, 1]


def test_an_error_is_raised_where_the_results_are_used(two_threads):
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda number: 1 // number, [1, 0, 1]))


def test_a_spread_within_a_spread_takes_no_more_threads(two_threads):
    found = list(spread(lambda i: (threads(), list(spread(abs, [-i]))), [1, 2, 3]))
    assert found == [(1, [1]), (1, [2]), (1, [3])]


def test_threads_for_frames_compute_with_one_each_and_others_keep_theirs(two_threads):
    before = torch.get_num_threads() + 2
    found = []
    torch.set_num_threads(before)
    with one_thread():
        assert list(spread(lambda _: torch.get_num_threads(), range(3))) == [1, 1, 1]
        other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        other.start()
        other.join()
    assert found == [before]
    assert torch.get_num_threads() == before
    torch.set_num_threads(before - 2)
