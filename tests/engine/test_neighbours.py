"""The flow between neighbours is found once, and is the same whether it was kept or not."""

import numpy as np
import pytest
import torch

from relight.engine import neighbours
from relight.engine.neighbours import Neighbours
from relight.masks.steady import motion_of
from relight.methods import optical_flow


def moving(count: int, cut: int | None = None) -> list[np.ndarray]:
    """A texture that moves 3 pixels to the right a frame, and another one from `cut` on."""
    kinds = [np.random.default_rng(seed).integers(0, 255, (24, 60, 3), np.uint8) for seed in (0, 1)]
    large = [kind.repeat(4, 0).repeat(4, 1) for kind in kinds]
    shown = [large[int(cut is not None and t >= cut)] for t in range(count)]
    return [one[:, 60 - 3 * t : 204 - 3 * t].copy() for t, one in enumerate(shown)]


def test_the_motion_is_that_of_the_frames():
    motion = Neighbours(moving(3)).motion(range(3), (48, 72))
    across, trust = motion.ahead[0]
    assert float(across[0, 12:-12, 12:-12].median()) == pytest.approx(1.5, abs=0.1)
    assert float(trust[:, 12:-12, 12:-12].mean()) > 0.8
    assert float(motion.back[1][0][0, 12:-12, 12:-12].median()) == pytest.approx(-1.5, abs=0.1)


def test_at_the_size_of_the_frames_it_is_what_masks_would_find():
    frames = moving(3)
    found = Neighbours(frames).motion(range(3), (96, 144))
    pixels = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
    direct = motion_of(pixels, (96, 144))
    for one, other in zip(found.ahead + found.back, direct.ahead + direct.back, strict=True):
        assert torch.allclose(one[0], other[0], atol=0.02)
        assert torch.allclose(one[1], other[1], atol=0.001)


def test_a_part_begins_where_it_is_asked_to_and_cuts_are_counted_from_there():
    assert Neighbours(moving(6, cut=4)).motion(range(2, 6), (48, 72)).cuts == {2}


def test_a_way_leads_to_either_neighbour():
    found = Neighbours(moving(3))
    there, _ = found.way(1, 2, (96, 144))
    back, _ = found.way(1, 0, (96, 144))
    assert float(there[0, 20:-20, 20:-20].median()) == pytest.approx(3, abs=0.2)
    assert float(back[0, 20:-20, 20:-20].median()) == pytest.approx(-3, abs=0.2)


def test_kept_or_found_anew_it_is_the_same_bit_for_bit(monkeypatch):
    frames = moving(5)
    kept = Neighbours(frames)
    first = kept.motion(range(5), (48, 72))
    monkeypatch.setattr(neighbours, "KEPT", 1)  # the last one alone
    anew = Neighbours(frames)
    for motion in (kept.motion(range(5), (48, 72)), anew.motion(range(5), (48, 72))):
        for one, other in zip(motion.ahead + motion.back, first.ahead + first.back, strict=True):
            assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    assert len(anew._found) == 1


def test_a_pair_is_found_once(monkeypatch):
    calls = []
    flow = optical_flow._flow
    monkeypatch.setattr(optical_flow, "_flow", lambda *given: calls.append(1) or flow(*given))
    found = Neighbours(moving(4))
    for size in ((48, 72), (32, 48)):
        found.motion(range(4), size)
    found.way(2, 1, (48, 72))
    assert len(calls) == 6  # there and back
