"""What settings of x264 cost and give, on frames as they are before they are encoded.

    relight run clip.mp4 -o lit.mkv --codec ffv1 --prompt "sunset" --light left
    python -m examples.h264_settings lit.mkv [--settings mixed-refs=1 mixed-refs=0 refs=1]

Each setting is given beside the usual preset and quality. One is as good as another where it makes
no larger a file of no lower PSNR and SSIM.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

from relight import media, metrics
from relight.media.codecs import CODECS

SETTINGS = ("mixed-refs=1", "mixed-refs=0", "refs=1")


def encoded(source: Path, target: Path, setting: str, count: int) -> float:
    """Write the first frames of a clip under a setting; returns CPU seconds a frame."""
    name, value = setting.split("=")
    CODECS["h264"] = replace(CODECS["h264"], default_options={name: value})
    frames = list(islice(media.read(source), count))
    info = media.probe(source)
    begun = time.process_time()
    with media.write(target, size=(info.width, info.height), fps=info.fps) as writer:
        for frame in frames:
            writer.put(frame)
    return (time.process_time() - begun) / len(frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path, help="lossless ones")
    parser.add_argument("--settings", nargs="+", default=SETTINGS)
    parser.add_argument("--frames", type=int, default=40)
    asked = parser.parse_args()
    print("| clip | setting | CPU ms a frame | kB | PSNR, dB | SSIM |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "encoded.mp4"
        for clip in asked.clips:
            source = [frame.image for frame in islice(media.read(clip), asked.frames)]
            for setting in asked.settings:
                seconds = encoded(clip, target, setting, asked.frames)
                result = [frame.image for frame in media.read(target)]
                psnr, ssim = metrics.psnr(source, result), metrics.ssim(source, result)
                size = target.stat().st_size / 1e3
                row = f"{1e3 * seconds:.1f} | {size:.0f} | {psnr:.2f} | {ssim:.5f}"
                print(f"| {clip.stem} | {setting} | {row} |", flush=True)
                target.unlink()


if __name__ == "__main__":
    main()
