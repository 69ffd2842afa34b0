"""A matte network of the user's own: read by OpenCV, steadied, refused in one line."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from relight.errors import InputError, ModelError
from relight.masks.network import MatteNetwork, network_subject, steadied
from tests.masks.networks import red_matte
from tests.masks.scenes import moving_disc


def test_a_network_finds_its_subject(tmp_path):
    clip, mattes = moving_disc(frames=5, colour=(0.9, 0.1, 0.1), ground=(0.2, 0.4, 0.3))
    found = network_subject(clip, MatteNetwork(red_matte(tmp_path / "red.onnx")))
    assert found.matte.shape == mattes.shape and bool((found.confidence == 1).all())
    inside, both = (found.matte > 0.5), mattes > 0.5
    overlap = (inside & both).sum() / (inside | both).sum()
    assert overlap > 0.9, overlap


def test_a_picture_without_a_subject_has_none(tmp_path):
    network = MatteNetwork(red_matte(tmp_path / "red.onnx"))
    found = network_subject(torch.full((2, 3, 48, 64), 0.3), network)
    assert float(found.matte.max()) < 0.2


def test_what_is_no_network_is_one_line(tmp_path):
    with pytest.raises(InputError, match="there is no matte model"):
        MatteNetwork(tmp_path / "none.onnx")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no network at all")
    with pytest.raises(ModelError, match="can't be read as a network") as caught:
        MatteNetwork(bad)(np.zeros((32, 32, 3), np.uint8))
    assert "\n" not in str(caught.value)


def _told(monkeypatch, tmp_path, name, values):
    """The matte of a network, read from a file of that name, that gives those values."""
    network = SimpleNamespace(setInput=lambda blob: None, forward=lambda: values)
    reader = "readNetFromTFLite" if name.lower().endswith(".tflite") else "readNetFromONNX"
    monkeypatch.setattr(cv2.dnn, reader, lambda path: network)
    (tmp_path / name).write_bytes(b"x")
    return MatteNetwork(tmp_path / name)(np.zeros((16, 16, 3), np.uint8))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["a.onnx", "A.TFLITE"])
def test_scores_far_from_zero_are_sure(monkeypatch, tmp_path, name):
    scores = np.full((1, 1, 16, 16), -200, np.float32)
    scores[..., 8:] = 200
    found = _told(monkeypatch, tmp_path, name, scores)
    assert (found[:, :8] == 0).all() and (found[:, 8:] == 1).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_network_that_gives_no_numbers_is_one_line(monkeypatch, tmp_path, wrong):
    with pytest.raises(ModelError, match="not numbers"):
        _told(monkeypatch, tmp_path, "a.onnx", np.full((1, 1, 16, 16), wrong, np.float32))


def test_flickering_mattes_are_steadied_to_their_edge():
    clip, mattes = moving_disc(frames=7, size=96, radius=22)
    rough = mattes.clone()
    for t in range(7):  # every second frame is cut too small, or too large
        step = (-1) ** t * 3
        rough[t] = (torch.roll(mattes[t], step, -1) * mattes[t]) if t % 2 else mattes[t]
    found = steadied(rough, clip).matte
    errors = [(x - mattes).abs().mean((1, 2, 3)) for x in (rough, found)]
    assert errors[1][1::2].mean() < 0.9 * errors[0][1::2].mean()
    edge = torch.nn.functional.max_pool2d(mattes, 7, 1, 3) - (
        -torch.nn.functional.max_pool2d(-mattes, 7, 1, 3)
    )
    assert float(((found - mattes).abs() * (1 - edge)).max()) < 0.3  # wrong at the edge alone
