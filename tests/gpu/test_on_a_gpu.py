"""Half precision, memory that runs out, devices: on a real card."""

import json

import numpy as np
import pytest
import torch

from relight import media
from relight.engine.failures import run_safely
from relight.engine.run import run_relight, run_upscale
from relight.jobs import Compute, RelightJob, UpscaleJob
from relight.methods.consistent_light_attention import consistent_light_attention
from relight.models.guides import load_enlargement
from relight.models.loader import load_model
from relight.types import Size
from tests.samples import CLIP

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

HALVES = {torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""Relative error that is rounding."""
QUICK = {"prompt": "warm light", "light": "left", "model": "mini", "seed": 1, "overwrite": True}
VIDEO = {"recipe": "best", "transfer": "off", "steps": 2, "relight_steps": 2, "side": 128}


def _frames(path):
    return np.stack([frame.image for frame in media.read(path)]).astype(int)


def _loader(dtype):
    model = load_model("mini", Compute(device="cuda", dtype=dtype))
    return model, lambda *_, **__: model


def _job(tmp_path, name, **given):
    common = {"input": CLIP, "output": tmp_path / name, "frames": 16, "device": "cuda"}
    return RelightJob.make(**{**common, **QUICK, **given})


def _error(made, wanted):
    return float((made.double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("chunk", [None, 3])
@torch.no_grad()
def test_shared_attention_in_half_precision_is_that_of_float64(dtype, chunk):
    unet = load_model("mini", Compute(device="cpu", dtype="float32")).relighter.unet
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(16, unet.config.in_channels, 16, 16, generator=generator)
    text = torch.randn(16, 9, unet.config.cross_attention_dim, generator=generator)
    found = {}
    for kind in (torch.float64, dtype):
        placed = unet.to("cuda", kind)
        with consistent_light_attention(placed, 0.7, halves=2, chunk_size=chunk):
            found[kind] = placed(frames.to("cuda", kind), 500, text.to("cuda", kind)).sample
    assert torch.isfinite(found[dtype]).all()
    assert _error(found[dtype], found[torch.float64]) < HALVES[dtype]


@torch.no_grad()
def test_autocast_keeps_the_shared_attention():
    unet = load_model("mini", Compute(device="cuda", dtype="float32")).relighter.unet
    frames = torch.randn(8, unet.config.in_channels, 16, 16, device="cuda")
    text = torch.randn(8, 9, unet.config.cross_attention_dim, device="cuda")
    with consistent_light_attention(unet, 0.7, halves=2, chunk_size=2):
        wanted = unet(frames, 500, text).sample.double()
        for dtype, most in HALVES.items():
            with torch.autocast("cuda", dtype):
                assert _error(unet(frames, 500, text).sample, wanted) < most


@pytest.mark.parametrize("recipe", [{"recipe": "fast"}, VIDEO])
def test_a_card_gives_what_the_cpu_gives(tmp_path, recipe):
    wanted = run_relight(_job(tmp_path, "cpu.mkv", codec="ffv1", device="cpu", **recipe))
    made = {}
    for dtype, most in (("float32", 1.0), ("float16", 2.0), ("bfloat16", 4.0)):
        _, load = _loader(dtype)
        result = run_relight(
            _job(tmp_path, f"{dtype}.mkv", codec="ffv1", dtype=dtype, **recipe), load=load
        )
        made[dtype] = np.abs(_frames(result.path) - _frames(wanted.path)).mean(), most
    assert all(error <= most for error, most in made.values()), made


def test_a_layer_that_overflows_half_precision_is_computed_in_float32(tmp_path):
    model, load = _loader("float16")
    decoder = model.relighter.vae.decoder
    conv_in, conv_out = decoder.conv_in, decoder.conv_out
    with torch.no_grad():  # float16 ends at 65504; the norms that follow undo the scale
        conv_in.weight.mul_(3e4)
        conv_in.bias.mul_(3e4)
    result = run_relight(_job(tmp_path, "a.mp4", dtype="float16", **VIDEO), load=load)
    assert any("float32 from here on" in note for note in result.notes), result.notes
    assert _frames(result.path).std() > 5
    assert conv_out.weight.dtype == torch.float16  # the next job finds the model as it was


def test_a_card_that_is_full_is_given_fewer_frames(tmp_path):
    _, load = _loader("float16")
    job = {"frames": 16, "dtype": "float16", **VIDEO, "side": 512}
    run_relight(_job(tmp_path, "warm.mp4", **job), load=load)  # libraries keep a workspace each
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    torch.cuda.reset_peak_memory_stats()
    whole = run_relight(_job(tmp_path, "a.mp4", **job), load=load)
    needed = torch.cuda.max_memory_reserved() - before
    assert not any("did not fit" in note for note in whole.notes)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    try:
        torch.cuda.set_per_process_memory_fraction((before + 0.6 * needed) / total)
        tight = run_relight(_job(tmp_path, "b.mp4", **job), load=load)
        torch.cuda.set_per_process_memory_fraction((before + 1e6) / total)
        torch.cuda.empty_cache()
        outcome = run_safely(lambda: run_relight(_job(tmp_path, "c.mp4", **job), load=load))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any("did not fit" in note for note in tight.notes)
    assert np.abs(_frames(tight.path) - _frames(whole.path)).mean() < 1
    assert outcome.error is not None and "out of memory" in outcome.message
    assert "\n" not in outcome.message and not (tmp_path / "c.mp4").exists()


def test_a_process_on_the_device_gives_the_same_as_this_one(tmp_path):
    alone = run_relight(_job(tmp_path, "a.mkv", codec="ffv1", dtype="float16", recipe="fast"))
    there = run_relight(
        _job(tmp_path, "b.mkv", codec="ffv1", dtype="float16", recipe="fast", devices="cuda:0")
    )
    assert np.abs(_frames(alone.path) - _frames(there.path)).max() <= 1
    assert "cuda" in json.dumps(json.loads(there.sidecar.read_text()))


def test_the_guide_in_half_precision_is_within_a_code(tmp_path):
    small = torch.from_numpy(next(iter(media.read(CLIP))).image.copy())
    small = small.permute(2, 0, 1)[None, :, :90, :120].float() / 255
    size = Size(180, 240)
    wanted = load_enlargement("mini")(small, size)
    made = load_enlargement("mini", "cuda", half=True)(small, size).cpu()
    assert (made - wanted).abs().max() < 1 / 255
    job = {"input": CLIP, "frames": 3, "scale": 2, "model": "mini", "codec": "ffv1"}
    files = {
        device: run_upscale(
            UpscaleJob.make(output=tmp_path / f"{device}.mkv", device=device, **job)
        ).path
        for device in ("cpu", "cuda")
    }
    assert np.abs(_frames(files["cpu"]) - _frames(files["cuda"])).max() <= 2
