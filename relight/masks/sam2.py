"""The subject by SAM 2 (arXiv:2408.00714): pointed out in one frame, followed by its memory.

transformers' `Sam2VideoModel`, fed directly: its processor needs torchvision, and what it does here
is a resize, a mean and a deviation. Nothing is downloaded; a folder with `config.json` and
safetensors is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import Sam2VideoInferenceSession, Sam2VideoModel

from relight.errors import InputError, ModelError
from relight.masks.grabcut import CONTEXT, Subject, find_subject
from relight.masks.network import steadied
from relight.masks.seeds import Box, Click, Known, Seed

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures it was trained on, by channel."""
POINT, CORNERS = (1,), (2, 3)
"""Labels of a point on the subject, and of a box's two corners."""
OBJECT = 1


def load_sam2(folder: Path) -> Sam2VideoModel:
    """The model in a folder.

    Raises:
        ModelError: it holds none, or one that is damaged.
    """
    try:
        model = Sam2VideoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"the folder {folder} holds no SAM 2 video model: {reason}") from None
    return model.eval().requires_grad_(False)


@torch.no_grad()
def followed(frames: Tensor, model: Sam2VideoModel, seed: Seed | None = None) -> Subject:
    """Track what is pointed out through a clip.

    Args:
        frames: (frames, 3, h, w) in [0, 1], in order.
        seed: a click, a box or a matte of one frame; None: what GrabCut finds most clearly.

    Returns:
        the subject at the frames' size, steady along their motion; confidence 1 where the model
        sees it, 0 where it is hidden or gone.

    Raises:
        InputError: the seed is outside of the frames.
    """
    if seed is None:
        seed = _clearest(frames)
        if seed is None:
            return Subject(torch.zeros_like(frames[:, :1]), torch.zeros(len(frames)))
    if not 0 <= seed.at < len(frames):
        raise InputError(f"the seed is in frame {seed.at}, but there are {len(frames)} frames")
    size = _side(model)
    session = Sam2VideoInferenceSession(
        video=_pixels(frames, size),
        video_height=size,
        video_width=size,
        dtype=torch.float32,
    )
    index = session.obj_id_to_idx(OBJECT)
    if isinstance(seed, Known):
        matte = F.interpolate(seed.matte[None].float(), (size, size), mode="bilinear")
        session.add_mask_inputs(index, seed.at, (matte > 0.5).float())
    else:
        session.add_point_inputs(index, seed.at, _points(seed, size))
    session.obj_with_new_inputs = [OBJECT]
    scores: dict[int, tuple[Tensor, float]] = {}
    for backwards in (False, True):
        out: Any
        for out in model.propagate_in_video_iterator(session, seed.at, reverse=backwards):
            scores[out.frame_idx] = out.pred_masks[0], float(out.object_score_logits.flatten()[0])
    logits = torch.stack([scores[t][0] for t in range(len(frames))]).float()
    seen = torch.tensor([float(scores[t][1] > 0) for t in range(len(frames))])
    mattes = F.interpolate(logits, frames.shape[-2:], mode="bilinear").sigmoid()
    found = steadied(mattes * seen.view(-1, 1, 1, 1), frames)
    return Subject(found.matte, seen * found.confidence)


def _clearest(frames: Tensor) -> Known | None:
    """The matte of the frame among the first in which GrabCut is surest of its subject."""
    found = find_subject(frames[: 4 * CONTEXT])
    at = int(found.confidence.argmax())
    return Known(found.matte[at], at) if float(found.confidence[at]) > 0 else None


def _points(seed: Click | Box, size: int) -> dict[str, Tensor]:
    if isinstance(seed, Click):
        places, labels = [(seed.x, seed.y)], POINT
    else:
        places, labels = [(seed.left, seed.top), (seed.right, seed.bottom)], CORNERS
    return {
        "point_coords": torch.tensor(places)[None, None] * size,  # 1, 1, points, 2
        "point_labels": torch.tensor(labels, dtype=torch.int32)[None, None],
    }


def _side(model: Sam2VideoModel) -> int:
    size = model.config.image_size
    return int(size if isinstance(size, int) else size[0])


def _pixels(frames: Tensor, size: int) -> Tensor:
    """Stretched to a square and normalised."""
    square = F.interpolate(frames.float(), (size, size), mode="bilinear", antialias=True)
    mean, deviation = (torch.tensor(x).view(1, 3, 1, 1) for x in (MEAN, DEVIATION))
    return (square - mean) / deviation
