"""Codecs, quality, depth and sequences as people ask for them, checked before any work."""

import importlib.util
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from relight.errors import InputError, MediaError
from relight.media import Encoding, Reading, check_output, encoders, formats, probe, read, write
from relight.media.codecs import CODECS
from relight.media.formats import FORMATS, format_of

from .heif import heic
from .making import (
    TWO,
    clapper,
    clip,
    copy,
    encode,
    nothing_but,
    number_of,
    numbered,
    one_line,
    probed,
)

BUILT = {"h264": "h264", "h265": "hevc", "av1": "av1", "vp9": "vp9"}
BUILT |= {"prores": "prores", "prores4444": "prores", "ffv1": "ffv1"}
CASES = [
    (each.extensions[0], name)
    for each in FORMATS
    if each.kind == "video" and each.written
    for name in each.codecs
    if name in BUILT
]


@pytest.mark.parametrize(("extension", "name"), CASES)
def test_every_codec_in_every_container(here, extension, name):
    clapper("a.mkv", count=12, marks=(5,))
    copy("a.mkv", f"b{extension}", codec=name)
    entries = "stream=codec_name,color_space,color_range,codec_tag_string,width"
    video = probed(f"b{extension}", entries)["streams"][0]
    assert (video["codec_name"], video["width"]) == (BUILT[name], 64)
    assert video["color_space"] == ("gbr" if name == "ffv1" else "bt709")
    if name == "h265" and extension in (".mp4", ".mov"):
        assert video["codec_tag_string"] == "hvc1"
    frames = list(read(f"b{extension}"))
    assert [f.image.mean() > (128 if f.image.dtype == np.uint8 else 128 * 257) for f in frames] == [
        i == 5 for i in range(12)
    ]


def test_the_table_and_the_build_agree():
    for name in BUILT:
        assert name in encoders.available(
            next("b" + f.extensions[0] for f in FORMATS if name in f.codecs)
        )
    assert {name for each in FORMATS for name in each.codecs} == set(CODECS)
    assert all(extension == extension.lower() for extension in formats.READ)
    assert format_of("x.unknown") is None


def test_quality_and_speed_are_passed_on(here):
    source = Path(__file__).parents[2] / "examples/clips/big_buck_bunny.mp4"
    sizes = {}
    for name in ("h264", "h265", "av1"):
        for crf in (20, 45):
            target = f"{name}{crf}.mkv"
            copy(source, target, codec=name, crf=crf, frames=4, audio=False,
                 preset=CODECS[name].presets[0])  # fmt: skip
            sizes[name, crf] = Path(target).stat().st_size
        assert sizes[name, 45] < 0.6 * sizes[name, 20]
    copy(source, "p.mp4", frames=2, audio=False, pix_fmt="yuv422p")
    assert probed("p.mp4", "stream=pix_fmt")["streams"] == [{"pix_fmt": "yuv422p"}]


@pytest.mark.parametrize(
    ("preset", "wanted"),
    [
        (None, (b"analyse=0x3:0x13", b"subme=4", b"chroma_qp_offset=-2")),
        ("fast", (b"analyse=0x3:0x113", b"subme=6", b"mixed_ref=1")),
    ],
)
def test_h264_is_tuned_only_where_no_preset_is_asked_for(here, preset, wanted):
    clip("a.mp4", 1)
    copy("a.mp4", "b.mp4", preset=preset)
    written = Path("b.mp4").read_bytes()  # x264 writes its settings into the stream
    assert all(setting in written for setting in wanted)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_h265_of_few_frames_is_whole(here, count):
    """x265 gives the packets of one or two frames random times of decoding: one in five failed."""
    clip("a.mp4", count)
    for _ in range(12):
        copy("a.mp4", "b.mp4", codec="h265", overwrite=True)
        assert [f.time for f in read("b.mp4")] == [Fraction(k, 25) for k in range(count)]


def test_ffv1_is_lossless(here):
    images = list(np.random.default_rng(0).integers(0, 255, (3, 49, 65, 3), np.uint8))
    with write("a.mkv", size=(65, 49), fps=25, encoding=Encoding(codec="ffv1")) as out:
        for i, image in enumerate(images):
            out.add(image, Fraction(i, 25))
    assert all(np.array_equal(f.image, i) for f, i in zip(read("a.mkv"), images, strict=True))


WRONG = [
    ("b.mov", {"codec": "vp9"}, "does not fit into .mov"),
    ("b.mp4", {"codec": "divx"}, "unknown codec"),
    ("b.mp4", {"crf": 60}, "0 (best) to 51"),
    ("b.mov", {"codec": "prores", "crf": 5}, "has no crf"),
    ("b.mp4", {"preset": "warp"}, "unknown preset"),
    ("b.mp4", {"pix_fmt": "yuv999"}, "pix-fmt yuv999"),
    ("b.mp4", {"depth": 16}, "holds 8 or 10"),
    ("b.png", {"depth": 10}, "holds 8 or 16"),
    ("b.png", {"crf": 5}, "for videos"),
    ("b.jpg", {"codec": "h264"}, "for videos"),
    ("b.mp4", {"matte": "no colour"}, "give a colour"),
    ("b.mp4", {"codec": "h264_videotoolbox"}, "this build of PyAV has no"),
]


@pytest.mark.parametrize(("target", "settings", "words"), WRONG)
def test_what_cannot_be_is_refused_before_any_work(here, target, settings, words):
    with pytest.raises(InputError) as error:
        check_output(target, encoding=Encoding(**settings))
    assert words in one_line(error)
    nothing_but(here)


def test_a_hardware_encoder_without_its_hardware(here):
    if "h264_nvenc" not in encoders.available("b.mp4"):
        pytest.skip("this build of PyAV has no h264_nvenc")
    if Path("/dev/nvidia0").exists():
        pytest.skip("there is an NVIDIA GPU here")
    with (
        pytest.raises(InputError, match="driver is missing") as error,
        write("b.mp4", encoding=Encoding(codec="h264_nvenc"), **TWO) as out,
    ):
        out.add(numbered(0), Fraction(0))
    one_line(error)
    nothing_but(here)


def test_an_odd_side_is_refused_by_codecs_that_need_even_ones(here):
    with (
        pytest.raises(InputError, match="odd side"),
        write("b.mp4", size=(65, 48), fps=25, encoding=Encoding(codec="av1")),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "size", "encoding", "said"),
    [
        ("b.mp4", (65, 48), Encoding(), True),
        ("b.mkv", (64, 49), Encoding(codec="h265"), True),
        ("b.mp4", (64, 48), Encoding(), False),
        ("b.webm", (65, 49), Encoding(), False),
        ("b.mov", (65, 49), Encoding(codec="prores"), False),
        ("b.mp4", (65, 48), Encoding(pix_fmt="yuv444p"), False),
    ],
)
def test_an_odd_side_that_few_players_show_is_said(here, name, size, encoding, said):
    encode("a.mkv", [numbered(0, size)], pix_fmt="yuv444p")
    notes = []
    with write(
        name, probe("a.mkv"), size=size, fps=25, encoding=encoding, on_note=notes.append
    ) as out:
        out.add(numbered(0, size), Fraction(0))
    found = [note for note in notes if "odd side" in note]
    assert len(found) == said
    assert not said or (f"{size[0]}x{size[1]}" in found[0] and "4:4:4" in found[0])


# -- sequences -----------------------------------------------------------------------------------


def pictures(folder, numbers, name="%04d.png", size=(64, 48)):
    Path(folder).mkdir(exist_ok=True)
    for number in numbers:
        Image.fromarray(numbered(number, size)).save(Path(folder) / (name % number))


@pytest.mark.parametrize("path", ["f/%04d.png", "f/*.png", "f"])
def test_numbered_pictures_are_a_clip(here, path):
    pictures("f", range(1, 7))
    Path("f/._0001.png").write_bytes(b"AppleDouble")
    Path("f/.hidden.png").write_bytes(b"x")
    how = Reading(fps=10, as_clip=path == "f")
    info = probe(path, how)
    assert (info.kind, info.frames, info.fps, info.duration) == ("sequence", 6, 10, 0.6)
    frames = list(read(path, how=how))
    assert [number_of(f.image) for f in frames] == [1, 2, 3, 4, 5, 6]
    assert [f.time for f in frames] == [Fraction(i, 10) for i in range(6)]
    copy(path, "b.mp4", how=how)
    assert probe("b.mp4").fps == 10 and len(list(read("b.mp4"))) == 6
    assert [number_of(f.image) for f in read(path, how=how, start=0.3, frames=2)] == [4, 5]


def test_sequences_say_what_they_lack(here):
    pictures("f", [1, 2, 5, 9, 10], name="%d.png")
    notes = probe("f/%d.png").notes
    assert any("no frame rate" in note and "--fps" in note for note in notes)
    assert any("3 to 4, 6 to 8 are missing" in note for note in notes)
    assert [number_of(f.image) for f in read("f/*.png")] == [1, 2, 5, 9, 10]  # 10 after 9
    with pytest.raises(InputError, match="no pictures of that name") as error:
        probe("f/%d.exr")
    one_line(error)
    pictures("f", [11], name="%d.png", size=(32, 48))
    said = []
    last = list(read("f/%d.png", on_note=said.append))[-1].image
    assert "11.png" in said[0] and "bars" in said[0]
    assert last.shape == (48, 64, 3) and last[:, :15].max() == 0 and last[:, 20:44].min() > 10
    with pytest.raises(InputError, match="--as-clip"):
        probe("f")


def test_a_video_keeps_its_own_rate(here):
    clip("a.mp4", 2)
    with pytest.raises(InputError, match="keeps its own times"):
        probe("a.mp4", Reading(fps=12))


def test_a_sequence_never_overwrites_its_own_pictures(here):
    pictures("f", [1, 2])
    for source in ("f/%04d.png", "f/*.png", "f"):
        with pytest.raises(InputError, match="input itself"):
            check_output("f/%04d.png", source, overwrite=True)


def test_the_table_costs_nothing_to_import():
    heavy = "{'torch', 'av', 'cv2', 'PIL', 'numpy', 'tifffile'}"
    code = f"import sys, relight.media.formats, relight.jobs; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                           env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert found.stdout.strip() == "set()", found.stdout + found.stderr


# -- damage --------------------------------------------------------------------------------------


def _samples():
    clip("a.mp4", 4)
    clip("a.mkv", 4)
    clip("a.ts", 4)
    image = Image.fromarray(numbered(7))
    for name in ("a.png", "a.jpg", "a.webp", "a.gif", "a.tif", "a.bmp", "a.avif", "a.jp2"):
        image.save(name)
    image.save("b.jpg", format="MPO", save_all=True, append_images=[image])
    frames = [Image.fromarray(numbered(i)) for i in range(3)]
    for name in ("b.gif", "b.webp", "b.png"):
        frames[0].save(name, save_all=True, append_images=frames[1:], duration=40)
    with write("a.exr", **TWO) as out:
        out.add(numbered(3), Fraction(0))
    Image.fromarray(np.full((48, 64), 0x8000, np.uint16)).save("c.png")
    tifffile.imwrite("c.tif", np.full((48, 64, 3), 0x8000, np.uint16), photometric="rgb")
    if importlib.util.find_spec("pi_heif"):
        heic("a.heic", numbered(9, (128, 64)), 2)
    return sorted(Path().iterdir())


def _damaged(count, seed):
    """Files with a few flipped bytes, or cut short: only errors of one line come out of them."""
    random, samples = np.random.default_rng(seed), _samples()
    Path("bad").mkdir()
    for index in range(count):
        source = samples[index % len(samples)]
        data = bytearray(source.read_bytes())
        if index % 3 == 0:
            data = data[: random.integers(1, len(data))]
        for at in random.integers(0, len(data), random.integers(1, 6)):
            data[at] = random.integers(0, 256)
        path = Path("bad") / source.name
        path.write_bytes(data)
        for use in (probe, lambda path: list(read(path, on_note=lambda note: None))):
            try:
                use(path)
            except (InputError, MediaError) as error:
                assert "\n" not in str(error) and len(str(error)) < 500


def test_damaged_files_give_one_line(here):
    _damaged(120, seed=0)


def test_an_encoder_leaves_the_scheduling_of_its_process_alone(tmp_path):
    # SVT-AV1, run as root, takes realtime priority for all its threads and its caller.
    if not Path("/proc/self/task").is_dir():
        pytest.skip("threads are listed by Linux only")
    before = set(_policies())
    with write(tmp_path / "a.mp4", size=(64, 48), fps=25, encoding=Encoding(codec="av1")) as out:
        out.add(np.zeros((48, 64, 3), np.uint8), 0)
        assert set(_policies()) == before
    assert set(_policies()) == before


def _policies():
    return [os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()]
