"""The one table of video codecs: how FFmpeg's encoders are asked for them.

Every list of codecs and presets elsewhere (command line, studio, help texts, docs) comes from here.
This module imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

_X26X = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower")
_X26X = (*_X26X, "veryslow")


@dataclass(frozen=True, kw_only=True)
class Codec:
    """A video codec as people name it, and how FFmpeg's encoder is asked for it.

    Attributes:
        encoder: FFmpeg's name.
        pixels: bits -> pixel format; odd: the one for sizes with an odd side, where the first
            needs even ones; alpha: the one that also holds transparency.
        crf: (best, worst, default) on the encoder's own scale; None: it has no such setting.
        quality: the encoder's name of that setting.
        presets: in order of speed; default_preset: "" leaves it to the encoder.
        options: always given; default_options: where no preset is asked for.
        about: for people.
        linked: False: only in builds of FFmpeg for the right machine (hardware encoders).
    """

    encoder: str
    pixels: dict[int, str]
    odd: dict[int, str] | None = None
    alpha: dict[int, str] = field(default_factory=dict)
    crf: tuple[int, int, int] | None = None
    quality: str = "crf"
    presets: tuple[str, ...] = ()
    preset_option: str = "preset"
    default_preset: str = ""
    options: dict[str, str] = field(default_factory=dict)
    default_options: dict[str, str] = field(default_factory=dict)
    about: str = ""
    linked: bool = True


_420 = {8: "yuv420p", 10: "yuv420p10le"}
_444 = {8: "yuv444p", 10: "yuv444p10le"}
_NVENC = tuple(f"p{i}" for i in range(1, 8))


def _hardware(
    encoder: str, quality: str, presets: tuple[str, ...], depths: bool, about: str
) -> Codec:
    return Codec(
        encoder=encoder,
        pixels={8: "nv12"} | ({10: "p010le"} if depths else {}),
        odd={},
        crf=(0, 51, 20) if quality != "q" else None,
        quality=quality,
        presets=presets,
        about=about,
        linked=False,
    )


CODECS: dict[str, Codec] = {
    "h264": Codec(
        encoder="libx264",
        pixels=_420,
        odd=_444,
        crf=(0, 51, 17),
        presets=_X26X,
        # The picture of "fast" at crf 18 in two thirds of its time, in files a sixth larger.
        # Presets below "fast" store colour no finer than brightness, which "fast" does: hence the
        # offset (`python -m examples.h264_settings`).
        default_preset="faster",
        default_options={"x264-params": "chroma-qp-offset=-2:partitions=i4x4,i8x8,p8x8"},
        about="H.264: plays everywhere",
    ),
    "h265": Codec(
        encoder="libx265",
        pixels=_420 | {12: "yuv420p12le"},
        odd=_444 | {12: "yuv444p12le"},
        crf=(0, 51, 20),
        presets=_X26X,
        options={"x265-params": "log-level=none"},
        about="H.265: smaller, 10-bit on most devices",
    ),
    "av1": Codec(
        encoder="libsvtav1",
        pixels=_420,
        odd={},
        crf=(1, 63, 26),
        presets=tuple(str(i) for i in range(13, -1, -1)),
        default_preset="8",
        about="AV1: smallest, free of royalties, slow to make",
    ),
    "vp9": Codec(
        encoder="libvpx-vp9",
        pixels={8: "yuv420p"},
        alpha={8: "yuva420p"},
        crf=(0, 63, 14),
        presets=tuple(str(i) for i in range(8, -1, -1)),
        preset_option="cpu-used",
        default_preset="4",
        options={"deadline": "good", "row-mt": "1", "b": "0"},
        about="VP9: for the web, holds transparency",
    ),
    "prores": Codec(
        encoder="prores_ks",
        pixels={10: "yuv422p10le"},
        options={"profile": "3", "vendor": "apl0"},
        about="ProRes 422 HQ: for editing",
    ),
    "prores4444": Codec(
        encoder="prores_ks",
        pixels={10: "yuv444p10le"},
        alpha={10: "yuva444p10le"},
        options={"profile": "4", "vendor": "apl0", "alpha_bits": "16"},
        about="ProRes 4444: for editing, holds transparency",
    ),
    "ffv1": Codec(
        encoder="ffv1",
        pixels={8: "bgr0", 10: "gbrp10le", 12: "gbrp12le", 16: "gbrp16le"},
        alpha={8: "bgra", 10: "gbrap10le", 12: "gbrap12le", 16: "gbrap16le"},
        options={"level": "3", "slicecrc": "1"},
        about="FFV1: lossless RGB, for archives",
    ),
    "h264_nvenc": _hardware("h264_nvenc", "cq", _NVENC, False, "H.264 on an NVIDIA GPU"),
    "h265_nvenc": _hardware("hevc_nvenc", "cq", _NVENC, True, "H.265 on an NVIDIA GPU"),
    "av1_nvenc": _hardware("av1_nvenc", "cq", _NVENC, True, "AV1 on an NVIDIA GPU"),
    "h264_qsv": _hardware("h264_qsv", "global_quality", _X26X[2:], False, "H.264 on an Intel GPU"),
    "h265_qsv": _hardware("hevc_qsv", "global_quality", _X26X[2:], True, "H.265 on an Intel GPU"),
    "h264_videotoolbox": _hardware("h264_videotoolbox", "q", (), False, "H.264 on a Mac"),
    "h265_videotoolbox": _hardware("hevc_videotoolbox", "q", (), True, "H.265 on a Mac"),
}
ON_GPU = tuple(name for name, codec in CODECS.items() if not codec.linked)
"""Those of hardware encoders."""


if TYPE_CHECKING:
    CodecName = str
else:  # a job's field and the command line offer the names of the table
    CodecName = Literal[tuple(CODECS)]
