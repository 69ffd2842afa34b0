"""Chunks that don't fit into memory, or come out as no numbers: computed again, never silently."""

import gc
import json

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from relight.engine.failures import explain, is_out_of_memory, run_safely
from relight.engine.loading import Runner
from relight.engine.run import run_relight, run_upscale
from relight.errors import ModelError, OutOfMemory
from relight.jobs import RelightJob, UpscaleJob
from relight.models.loader import load_model, load_upscaler
from tests.conftest import CPU
from tests.engine.test_run import QUICK, _images
from tests.samples import CLIP

SHORT = {"frames": 8, "transfer": "off", "side": 64, "steps": 1, "relight_steps": 1}


@pytest.fixture
def model(tiny_model):
    """A fresh model: its parts are tampered with."""
    return load_model(str(tiny_model), CPU)


def _job(tmp_path, model, name="a.mp4", **given):
    settings = {"input": CLIP, "output": tmp_path / name, **QUICK, **SHORT, "model": model.name}
    return RelightJob.make(**{**settings, **given})


def _layer(model):
    """A layer of the relighter's UNet that is computed some frames at a time."""
    return model.relighter.unet.down_blocks[0].resnets[0].conv1


class Allocator:
    """Lets a module run out of memory when it is given more than `most` frames at once, or always
    in a number format that is not `dtype`.

    It stands where PyTorch's own allocator raises: within the call.
    """

    def __init__(self, module, most=10**9, dtype=None):
        self.most, self.dtype, self.given = most, dtype, []
        self.hook = module.register_forward_pre_hook(self)

    def __call__(self, module, given):
        self.given.append(len(given[0]))
        if len(given[0]) > self.most or self.dtype not in (None, given[0].dtype):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.slow
def test_fewer_frames_at_a_time_then_fit_and_stay(tmp_path, model):
    """With guidance, the UNet sees each frame twice."""
    lossless = {"codec": "ffv1"}
    whole = run_relight(_job(tmp_path, model, "a.mkv", **lossless), load=lambda *_: model)
    allocator = Allocator(_layer(model), most=8)
    result = run_relight(_job(tmp_path, model, "b.mkv", **lossless), load=lambda *_: model)
    said = [note for note in result.notes if "did not fit" in note]
    assert len(said) == 1 and "4 frames at a time" in said[0]
    assert json.loads(result.sidecar.read_text())["made"]["notes"].count(said[0]) == 1
    tried = [count for count in allocator.given if count > 8]
    assert len(tried) == 1  # and never again
    difference = np.abs(_images(whole.path).astype(int) - _images(result.path))
    # Sums of other lengths differ in the last bits: in two values of 5.5 million by two codes.
    assert difference.max() <= 2 and np.mean(difference > 1) < 1e-6
    assert np.mean(difference > 0) < 0.0005
    assert model.frames_a_pass is None  # the next job finds the model as it was


@pytest.mark.slow
def test_half_precision_is_the_last_way_out_and_the_model_is_loaded_anew(tmp_path, tiny_model):
    runner = Runner()
    runner(_job(tmp_path, load_model(str(tiny_model), CPU)))
    model = runner._relighting._model
    Allocator(_layer(model), dtype=torch.bfloat16)
    result = runner(_job(tmp_path, model, "b.mp4"))
    assert any("half precision" in note for note in result.notes)
    again = runner(_job(tmp_path, model, "c.mp4"))
    assert runner._relighting._model is not model
    assert np.array_equal(_images(again.path), _images(tmp_path / "a.mp4"))


@pytest.mark.slow
def test_three_ways_are_tried_then_one_line_says_what_to_do(tmp_path, model):
    allocator = Allocator(_layer(model), most=0)
    outcome = run_safely(lambda: run_relight(_job(tmp_path, model), load=lambda *_: model))
    assert isinstance(outcome.error, OutOfMemory)
    assert "--memory low" in outcome.message and "\n" not in outcome.message
    assert len(allocator.given) == 4
    assert not list(tmp_path.iterdir())


def _tensors():
    """Megabytes of all tensors that something still holds."""
    gc.collect()
    alive = [one for one in gc.get_objects() if isinstance(one, torch.Tensor)]
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in alive}
    return sum(storages.values()) / 2**20


@pytest.mark.slow
def test_memory_is_back_at_the_baseline_after_running_out_and_the_next_job_works(
    tmp_path, tiny_model
):
    """As on a real device: much is there when the last straw doesn't fit."""
    runner, here = Runner(), psutil.Process()
    runner(_job(tmp_path, load_model(str(tiny_model), CPU), "a.mkv", codec="ffv1"))
    whole = _images(tmp_path / "a.mkv")
    before, resident = _tensors(), here.memory_info().rss

    def full(module, given):
        half_done = [torch.ones(2**22) for _ in range(10)]  # 160 MB
        raise torch.OutOfMemoryError(f"CUDA out of memory after {len(half_done)} tensors")

    hook = _layer(runner._relighting._model).register_forward_pre_hook(full)
    job = _job(tmp_path, load_model(str(tiny_model), CPU), "b.mkv", codec="ffv1")
    outcome = run_safely(lambda: runner(job))
    assert isinstance(outcome.error, OutOfMemory)  # and is kept, as a report keeps it
    assert _tensors() < before + 5
    assert here.memory_info().rss < resident + 60 * 2**20
    hook.remove()
    assert np.array_equal(_images(runner(job).path), whole)
    assert _tensors() < before + 5


@pytest.mark.slow
def test_the_next_job_after_a_failed_one_works_and_vae_settings_are_put_back(tmp_path, model):
    allocator = Allocator(_layer(model), most=2)
    run_relight(_job(tmp_path, model), load=lambda *_: model)  # with slices and tiles
    vae = model.relighter.vae
    assert not vae.use_slicing and not vae.use_tiling
    allocator.hook.remove()
    assert run_relight(_job(tmp_path, model, "b.mp4"), load=lambda *_: model).frames == 8


@pytest.mark.slow
def test_what_a_run_has_learnt_is_known_when_it_is_resumed(tmp_path, model):
    job = _job(tmp_path, model, frames=40, light_fps=30, keep_work=True)
    allocator = Allocator(_layer(model), most=16)
    run_relight(job, load=lambda *_: model)
    first = len([count for count in allocator.given if count > 16])
    assert first == 1
    (next(tmp_path.glob(".a.mp4.relight")) / "light-00001.safetensors").unlink()
    allocator.given.clear()
    run_relight(job.model_copy(update={"overwrite": True}), load=lambda *_: model)
    assert allocator.given and max(allocator.given) <= 16


@pytest.mark.slow
def test_an_upscaler_takes_smaller_tiles(tmp_path):
    upscaler = load_upscaler("mini", CPU, moving=False)
    unet = upscaler.pipe.unet

    def small_only(module, given):
        if given[0].shape[-1] > 16:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    unet.conv_in.register_forward_pre_hook(small_only)
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "in.png")
    job = UpscaleJob.make(
        input=tmp_path / "in.png",
        output=tmp_path / "a.png",
        identity=0.5,
        steps=1,
        scale=2,
        tile=256,
        seed=1,
    )
    result = run_upscale(job, load=lambda *_, **__: upscaler)
    assert any("tiles of 128" in note for note in result.notes)


PLACES = {
    "unet": lambda model: model.relighter.unet.conv_out,
    "video unet": lambda model: model.pipe.unet.conv_out,
    "vae encoder": lambda model: model.relighter.vae.encoder.conv_out,
    "vae decoder": lambda model: model.relighter.vae.decoder.conv_out,
    "text encoder": lambda model: model.relighter.text_encoder.final_layer_norm,
}


@pytest.mark.slow
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("place", PLACES)
def test_no_numbers_anywhere_are_an_error_and_never_a_black_clip(tmp_path, model, place, value):
    with torch.no_grad():
        PLACES[place](model).bias[0] = value
    outcome = run_safely(lambda: run_relight(_job(tmp_path, model), load=lambda *_: model))
    assert isinstance(outcome.error, ModelError)
    assert "not numbers" in outcome.message and "nothing was written" in outcome.message
    assert not list(tmp_path.glob("a.mp4*"))  # chunks before it may be kept


@pytest.mark.slow
def test_a_half_precision_that_overflows_is_computed_in_float32(tmp_path, model):
    decoder = model.relighter.vae.decoder

    def overflow(module, given, made):
        return made * torch.inf if made.dtype == torch.bfloat16 else made

    for pipe in model.pipes:
        pipe.to(torch.bfloat16)
    decoder.conv_out.register_forward_hook(overflow)
    result = run_relight(_job(tmp_path, model), load=lambda *_: model)
    assert any("float32 from here on" in note for note in result.notes)
    assert _images(result.path).max() > 0
    assert all(pipe.dtype == torch.bfloat16 for pipe in model.pipes)


def test_black_frames_of_a_lit_source_are_refused(tmp_path, model):
    decoder = model.relighter.vae.decoder
    decoder.conv_out.register_forward_hook(lambda module, given, made: made * 0 - 1)
    with pytest.raises(ModelError, match="black"):
        run_relight(_job(tmp_path, model), load=lambda *_: model)
    assert not list(tmp_path.glob("a.mp4*"))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("x"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("x.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_memory_is_named_whoever_ran_out_of_it(error):
    assert is_out_of_memory(error) and "out of memory" in str(explain(error))


def test_other_errors_are_no_lack_of_memory():
    for error in (ValueError("out of memory"), RuntimeError("size mismatch"), OSError(28, "full")):
        assert not is_out_of_memory(error)
