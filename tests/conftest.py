"""Fixtures: tiny real components (random weights), which prove shapes and parity, never quality."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here may depend on a network
os.environ["RELIGHT_ESTIMATES"] = "off"  # the user's own file is not the tests' business
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from pathlib import Path

import diffusers
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLLTXVideo,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    MotionAdapter,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from relight.jobs import Compute
from relight.models.loader import load_model
from relight.pipelines import AnimateDiffRelightPipeline, DiffuseHighSDXLPipeline
from relight.relighters.ic_light import ICLightPipeline, ic_light_scheduler, ic_light_unet

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)  # tiny tensors: threads cost more than they bring

GOLDEN = Path(__file__).parent / "golden"
TINY = GOLDEN / "tiny"
CPU = Compute(device="cpu")


@pytest.fixture(scope="session")
def mini():
    """A `load` that gives the embedded model, loaded once."""
    model = load_model("mini", CPU)
    return lambda *_: model


@pytest.fixture(autouse=True)
def _ordinary_scheduling():
    """No test may leave this process with realtime priority, as SVT-AV1 does where it is root.

    Every process started after it, browsers too, would take the machine from everybody else.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    after = os.sched_getscheduler(0)
    if after != before:
        os.sched_setscheduler(0, before, os.sched_param(0))
    assert after == before, "the scheduling policy was changed: see relight.media.scheduling"


@pytest.fixture(scope="session")
def sd15():
    """Stable Diffusion 1.5 components at tiny size; shared, so tests must not change them."""
    folder = TINY / "sd15"
    return {
        "vae": AutoencoderKL.from_pretrained(folder / "vae").eval(),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder").eval(),
        "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        "unet": UNet2DConditionModel.from_pretrained(folder / "unet").eval(),
    }


@pytest.fixture(scope="session")
def sdxl(sd15):
    """Stable Diffusion XL components at tiny size; shared, so tests must not change them."""
    folder = TINY / "sdxl"
    projected = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2")
    return {
        "vae": AutoencoderKL.from_pretrained(folder / "vae").eval(),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder").eval(),
        "text_encoder_2": projected.eval(),
        "tokenizer": sd15["tokenizer"],
        "tokenizer_2": sd15["tokenizer"],
        "unet": UNet2DConditionModel.from_pretrained(folder / "unet").eval(),
    }


@pytest.fixture
def diffusehigh(sdxl):
    """A fresh DiffuseHighSDXLPipeline over the shared components."""
    scheduler = EulerDiscreteScheduler.from_pretrained(TINY / "sdxl" / "scheduler")
    pipe = DiffuseHighSDXLPipeline(**sdxl, scheduler=scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def relighter(sd15):
    unet = ic_light_unet(sd15["unet"], TINY / "iclight_fc.safetensors")
    return ICLightPipeline(**{**sd15, "unet": unet}, scheduler=ic_light_scheduler())


@pytest.fixture
def animatediff(sd15):
    """A fresh AnimateDiffRelightPipeline over the shared components."""
    scheduler = EulerAncestralDiscreteScheduler.from_pretrained(
        TINY / "sd15" / "scheduler", beta_schedule="linear"
    )
    adapter = MotionAdapter.from_pretrained(TINY / "motion_adapter")
    pipe = AnimateDiffRelightPipeline(**sd15, motion_adapter=adapter, scheduler=scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A model folder of the catalogue's layout, made of the tiny random components."""
    folder = tmp_path_factory.mktemp("tiny_model")
    for part in ("vae", "text_encoder", "tokenizer", "unet", "scheduler"):
        (folder / part).symlink_to(TINY / "sd15" / part)
    (folder / "motion_adapter").symlink_to(TINY / "motion_adapter")
    (folder / "iclight_fc.safetensors").symlink_to(TINY / "iclight_fc.safetensors")
    return folder


def tiny_ltx_vae(channels, halvings, **config):
    """An LTX VAE with random weights; each of `halvings` that is true halves space and time."""
    torch.manual_seed(0)
    vae = AutoencoderKLLTXVideo(
        latent_channels=channels,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=halvings,
        decoder_spatio_temporal_scaling=halvings,
        **config,
    ).eval()
    vae.latents_mean.copy_(torch.randn(channels) * 0.1)
    vae.latents_std.copy_(torch.rand(channels) + 0.5)
    return vae


def case_id(value):
    """A short name of a parametrised case, the same in every process that collects the tests."""
    return "-".join(value) if isinstance(value, dict) else str(value)[:40]
