"""`relight eval`: pairs of files and folders, tables, JSON and CSV, and one line for bad input."""

import csv
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from relight import media
from relight.cli import main
from relight.cli.evaluate import _write_csv
from relight.engine.scoring import evaluate
from relight.errors import MediaError
from tests.media.test_colours import hdr


def scene(frames=9, step=2, size=(48, 80)):
    """A camera that pans over smooth noise, (F, h, w, 3) uint8."""
    height, width = size
    noise = np.random.default_rng(0).normal(size=(height, width + step * frames, 3))
    wide = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 2)
    wide = np.uint8(40 + 150 * (wide - wide.min()) / np.ptp(wide))
    return np.stack([wide[:, step * i : step * i + width] for i in range(frames)])


def lit(clip):
    """Warm light from the left."""
    ramp = np.linspace(1.2, 0.4, clip.shape[2]).reshape(1, 1, -1, 1)
    return np.uint8((clip * ramp * [1.0, 0.8, 0.5]).clip(0, 255))


def save(path, clip, fps=24):
    height, width = clip.shape[1:3]
    fine = media.Encoding(crf=None if path.suffix == ".png" else 4)
    with media.write(path, size=(width, height), fps=fps, encoding=fine) as out:
        for index, image in enumerate(clip):
            out.add(np.ascontiguousarray(image), index / fps)
    return path


@pytest.fixture
def files(tmp_path):
    clip = scene()
    return save(tmp_path / "in.mp4", clip), save(tmp_path / "out.mp4", lit(clip))


def scored(capsys, *arguments):
    assert main(["eval", *map(str, arguments), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# --- scores


def test_a_result_has_all_scores(files, capsys):
    (row,) = scored(capsys, *files, "--light", "left", "--prompt", "orange light")
    assert (row["frames"], row["width"], row["height"]) == (9, 80, 48)
    assert row["lean"] > 0.7 and row["change"] > 20 and row["structure"] > 0.9
    assert row["temperature"] < 4500 and row["hue_error"] < 30
    assert 0 < row["flicker"] < 3 and row["notes"] == []
    for name in ("warp_ssim", "flicker", "structure", "light stability"):
        beside = row["summary"].replace("warp SSIM", "warp_ssim").split(name)[1]
        assert f"[change {row['change']:.0f}, lean {row['lean']:+.2f}" in beside.split("]")[0]
    (other,) = scored(capsys, *files, "--light", "right")
    assert other["lean"] == pytest.approx(-row["lean"])


def test_doing_nothing_wins_nothing(files, capsys):
    (row,) = scored(capsys, files[0], files[0], "--light", "left")
    assert row["change"] == row["lean"] == 0 and row["psnr"] is None
    assert row["flicker"] == row["flicker_source"]
    assert row["summary"].startswith("Almost nothing was changed")
    assert row["summary"].endswith("wins nothing.")


def test_a_table_for_people(files, capsys):
    assert main(["eval", *map(str, files), "--light", "left"]) == 0
    printed = capsys.readouterr().out
    assert "warp_ssim" in printed and "hue_error" not in printed and "wins nothing" in printed
    assert all(len(line) < 110 for line in printed.splitlines()[1:-1])


def test_pictures_have_the_scores_that_need_no_motion(tmp_path, capsys):
    clip = scene(1)
    one, other = save(tmp_path / "a.png", clip), save(tmp_path / "b.png", lit(clip))
    (row,) = scored(capsys, one, other, "--light", "left")
    assert row["frames"] == 1 and row["flicker"] is None and row["lean"] > 0.7


# --- what does not fit together


def test_frame_rates_are_matched_by_time(tmp_path, capsys):
    clip = scene(24)
    source = save(tmp_path / "in.mp4", clip, fps=24)
    result = save(tmp_path / "out.mp4", lit(clip)[::3], fps=8)
    (row,) = scored(capsys, source, result)
    assert row["match"] == "time" and row["frames"] == 8 and row["structure"] > 0.9
    assert "source 24 frames a second, result 8: frames are matched by their times" in row["notes"]
    (turned,) = scored(capsys, result, source)  # the higher rate is the result's
    assert turned["frames"] == 8 and turned["structure"] > 0.9


def test_a_result_that_plays_too_slowly_is_matched_by_number(tmp_path, capsys):
    clip = scene(24)
    source = save(tmp_path / "in.mp4", clip, fps=24)
    result = save(tmp_path / "out.mp4", lit(clip)[:16], fps=8)
    (row,) = scored(capsys, source, result)
    assert row["match"] == "index" and row["frames"] == 16 and row["structure"] > 0.9
    (forced,) = scored(capsys, source, result, "--match", "time")
    assert forced["frames"] == 8 and forced["structure"] < row["structure"] - 0.2


def test_another_size_is_squashed_or_cropped_as_it_was_made(tmp_path, capsys):
    clip = scene(4)
    source = save(tmp_path / "in.mp4", clip)
    squashed = [cv2.resize(frame, (64, 64), interpolation=cv2.INTER_CUBIC) for frame in lit(clip)]
    cropped = [cv2.resize(frame[:, 16:64], (96, 96)) for frame in lit(clip)]
    for name, frames, fit, size in (
        ("squashed", squashed, "stretch", (80, 48)),
        ("cropped", cropped, "crop", (48, 48)),
    ):
        result = save(tmp_path / f"{name}.mp4", np.stack(frames))
        (row,) = scored(capsys, source, result)
        assert row["fit"] == fit and (row["width"], row["height"]) == size
        assert row["structure"] > 0.85, name
        assert len(row["notes"]) == 1 and "source 80x48" in row["notes"][0]


def test_a_shorter_result_is_compared_as_far_as_it_goes(tmp_path, capsys):
    clip = scene(9)
    source, result = save(tmp_path / "in.mp4", clip), save(tmp_path / "out.mp4", clip[3:8])
    (row,) = scored(capsys, source, result, "--start", 3 / 24)
    assert row["frames"] == 5 and row["change"] < 2
    (late,) = scored(capsys, source, result)
    assert late["change"] > 5 and "9 and 5 frames: 5 pairs" in late["notes"][0]


# --- folders and files


def test_folders_pair_up_by_name(tmp_path, capsys):
    clip = scene(3)
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    for name in ("bear", "bear_2"):
        save(tmp_path / "in" / f"{name}.mp4", clip)
    for name in ("bear_left", "bear_2", "fox"):
        save(tmp_path / "out" / f"{name}.mp4", lit(clip))
    table = tmp_path / "scores.csv"
    arguments = ["eval", tmp_path / "in", tmp_path / "out", "--json", "--csv", table]
    assert main([str(word) for word in arguments]) == 0
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    names = {(row["source"].split("/")[-1], row["result"].split("/")[-1]) for row in rows}
    assert names == {("bear.mp4", "bear_left.mp4"), ("bear_2.mp4", "bear_2.mp4")}
    assert "fox.mp4: no source of that name" in printed.err
    with table.open() as file:
        stored = list(csv.DictReader(file))
    assert [float(row["change"]) for row in stored] == [row["change"] for row in rows]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out", "scores.csv"]


def test_one_source_and_a_folder_of_results(files, tmp_path, capsys):
    (tmp_path / "results").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "results" / name).write_bytes(files[1].read_bytes())
    rows = scored(capsys, files[0], tmp_path / "results")
    assert len(rows) == 2 and rows[0]["change"] == rows[1]["change"]


def test_one_bad_file_does_not_stop_the_others(files, tmp_path, capsys):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.mp4").write_bytes(b"no video")
    (tmp_path / "results" / "b.mp4").write_bytes(files[1].read_bytes())
    assert main(["eval", str(files[0]), str(tmp_path / "results"), "--json"]) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert len([line for line in printed.err.splitlines() if "a.mp4" in line]) == 1


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["missing.mp4", "{result}"], "missing.mp4: No such file or directory"),
        (["{source}", "{result}", "--light", "front"], "light is 'front': give left"),
        (["{source}", "{result}", "--match", "never"], "never"),
        (["{source}", "{result}", "--csv", "none/a.csv"], "there is no folder none"),
        (["{source}", "{result}", "--csv", "/proc/a.csv"], "choose another folder"),
        (["{source}", "{result}", "--csv", "{source}"], "exists: give another name"),
        (["{folder}", "{result}"], "is a folder and"),
        (["{source}", "{folder}/empty"], "holds no clips"),
        (["{source}", "{result}", "--start", "9"], "start 9 s"),
    ],
)
def test_bad_input_is_one_line(files, tmp_path, capsys, arguments, said):
    (tmp_path / "empty").mkdir()
    words = {"source": files[0], "result": files[1], "folder": tmp_path}
    code = main(["eval", *(word.format(**words) for word in arguments)])
    printed = capsys.readouterr()
    assert code in (1, 2) and printed.out == ""
    assert len(printed.err.splitlines()) == 1 and said in printed.err, printed.err


def test_the_table_has_the_columns_of_all_pairs(files, tmp_path, capsys):
    one, two, table = tmp_path / "one", tmp_path / "two", tmp_path / "t.csv"
    one.mkdir()
    two.mkdir()
    for folder in (one, two):
        save(folder / "a.png", scene(frames=1))  # one frame comes first
        (folder / "b.mp4").write_bytes(files[0].read_bytes())
    assert main(["eval", str(one), str(two), "--csv", str(table)]) == 0
    capsys.readouterr()
    with table.open(newline="") as file:
        picture, clip = csv.DictReader(file)
    assert clip["warp_ssim"] and picture["warp_ssim"] == "" and picture["ssim"]


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "t.csv").mkdir()  # it has appeared meanwhile
    with pytest.raises(MediaError, match="cannot be written"):
        _write_csv(tmp_path / "t.csv", [{"ssim": 1.0}])
    assert [one.name for one in tmp_path.iterdir()] == ["t.csv"]


def test_a_source_of_hdr_is_scored_as_it_was_relit(tmp_path, capsys):
    hdr(str(tmp_path / "hdr.mp4"), 16)
    how = media.Reading(tonemap=True)
    shown = np.stack(
        [media.to_uint8(one.image) for one in media.read(tmp_path / "hdr.mp4", how=how)]
    )
    save(tmp_path / "out.mkv", shown, fps=25)
    (row,) = scored(capsys, tmp_path / "hdr.mp4", tmp_path / "out.mkv", "--tonemap")
    assert row["frames"] == 3 and row["change"] < 4


def test_folders_are_clips_of_one_rate_on_request(tmp_path, capsys):
    clip = scene(frames=4)
    for name, images in (("in", clip), ("out", lit(clip))):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            save(tmp_path / name / f"{i}.png", image[None])
    (row,) = scored(capsys, tmp_path / "in", tmp_path / "out", "--as-clip", "--fps", "8")
    assert (row["frames"], row["match"], row["notes"]) == (4, "time", [])
    source = save(tmp_path / "in.mp4", clip, fps=24)
    (row,) = scored(capsys, source, tmp_path / "out" / "%d.png")
    assert (row["frames"], row["match"], row["notes"]) == (4, "time", [])


def test_it_needs_no_torch(files):
    code = (
        "import sys; from relight.cli import main; "
        f"main(['eval', {str(files[0])!r}, {str(files[1])!r}]); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_frames_done_are_reported(files):
    seen = []
    evaluate(*files, on_frame=seen.append)
    assert seen == list(range(1, 10))
