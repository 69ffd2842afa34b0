"""Thin parts of a subject, which a coarse cut loses; what is near it in colour stays out."""

import pytest
import torch

from relight.masks import Click, Known, find_subject
from relight.masks.fine import FINE_CONTEXT, _doubt, _refined, fine_subject
from relight.masks.grabcut import Coarse
from tests.masks.scenes import moving_disc, texture
from tests.masks.test_grabcut import edge_error


def with_ears(frames=5, size=192):
    """A disc with two thin ears on a ground of other colours, moving: clip and mattes."""
    ground = texture(size, size, (0.3, 0.45, 0.3), 1)
    coat = texture(2 * size, 2 * size, (0.75, 0.5, 0.4), 2)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    clip, mattes = [], []
    for t in range(frames):
        cx, cy = size * 0.45 + 2 * t, size * 0.6
        body = (x - cx) ** 2 + (y - cy) ** 2 < (size * 0.2) ** 2
        for side in (-1, 1):
            axis = (x - cx - side * (0.07 * size + (cy - y) * 0.3)).abs()
            body |= (axis < size * 0.013) & (y < cy) & (y > cy - size * 0.42)
        inside = body.float()[None]
        own = coat[:, :size, size - 2 * t : 2 * size - 2 * t]  # moves with the disc
        clip.append(inside * own + (1 - inside) * ground)
        mattes.append(inside)
    return torch.stack(clip), torch.stack(mattes)


def iou(matte, truth):
    inside, truth = matte > 0.5, truth > 0.5
    return float((inside & truth).sum() / (inside | truth).sum())


@pytest.mark.slow
def test_thin_parts_are_found_that_a_coarse_cut_loses():
    clip, truth = with_ears()
    ears = truth.clone()
    ears[:, :, 72:] = 0  # above the disc
    fine, coarse = fine_subject(clip), find_subject(clip)
    kept = float((fine.matte * ears).sum() / ears.sum())
    assert kept > 0.85 > 0.3 > float((coarse.matte * ears).sum() / ears.sum())
    assert iou(fine.matte, truth) > max(0.95, iou(coarse.matte, truth))


@pytest.mark.slow
def test_the_outline_of_what_moves_is_within_half_a_pixel():
    clip, truth = moving_disc()
    assert edge_error(fine_subject(clip).matte, truth) < 0.5


def test_a_click_has_its_thin_parts_too():
    clip, truth = with_ears(frames=3)
    assert iou(fine_subject(clip, Click(0.47, 0.62, at=1)).matte, truth) > 0.9


@pytest.mark.slow
def test_a_matte_that_is_known_is_followed():
    clip, truth = with_ears()
    found = fine_subject(clip, Known(truth[0]))
    assert iou(found.matte[4], truth[4]) > 0.9


@pytest.mark.slow
def test_a_frame_depends_on_its_context_alone():
    clip, _ = moving_disc(frames=2 * FINE_CONTEXT + 4, size=48, radius=11, step=0.3)
    whole, part = fine_subject(clip), fine_subject(clip[2 : 2 * FINE_CONTEXT + 3])
    assert torch.allclose(whole.matte[FINE_CONTEXT + 2], part.matte[FINE_CONTEXT], atol=1e-5)


@pytest.mark.slow
def test_what_moves_as_a_whole_is_the_subject_whatever_stands_out_behind_it():
    clip, truth = moving_disc(frames=8, step=3, pan=0)
    clip, still = clip.clone(), clip[:, :, 20:60, 90:120]
    still[:] = torch.tensor([0.9, 0.8, 0.1]).view(1, 3, 1, 1)  # a bright thing that stands still
    clip = torch.where(truth.bool(), moving_disc(frames=8, step=3, pan=0)[0], clip)
    assert iou(fine_subject(clip).matte, truth) > 0.85


def test_what_has_some_evidence_beside_a_clear_subject_is_in_doubt():
    score = torch.full((1, 1, 40, 40), 0.02)
    score[..., 10:, 10:26] = 0.9  # a figure
    score[..., 20:, 26:32] = 0.3  # its sleeve
    found = _doubt(score)[0, 0]
    assert found[30, 29] > 0.5 and found[30, 35] == 0


def test_nothing_is_in_doubt_where_evidence_tells_no_two_sides():
    score = torch.linspace(0.2, 0.6, 40).expand(1, 1, 40, 40)
    assert float(_doubt(score).max()) == 0


def test_what_was_found_half_a_second_ago_and_has_not_moved_stays_the_subject():
    score = torch.full((9, 1, 48, 48), 0.02)
    score[..., 10:, 10:26] = 0.95  # a figure
    score[..., 24:, 26:38] = 0.3  # its sleeve, of the wall's colours
    score[:4, :, 24:, 26:38] = 0.95  # and well seen in some frames
    still = texture(48, 48, (0.4, 0.4, 0.4), 1).expand(9, -1, -1, -1)
    coarse = Coarse(still, score, (score > 0.5).float(), torch.ones(9))
    sleeve = _refined(still, coarse)[:, 0, 30:44, 28:36].mean((1, 2))
    assert sleeve[:7].min() > 0.6
