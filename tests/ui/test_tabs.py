"""The other ways through the page: pictures, upscaling, batches, frames relit elsewhere."""

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from relight import media
from relight.cli import main
from tests.samples import CLIP
from tests.ui.browsing import bar, choose, quick, result
from tests.ui.conftest import small_clip


def _picture(path):
    with media.write(path, size=(72, 48), fps=1) as out:
        out.add(np.ascontiguousarray(next(media.read(CLIP)).image[100:148, 200:272]), 0)
    return path


@pytest.mark.slow
def test_a_picture_is_upscaled_and_downloaded_by_its_name(page, tmp_path):
    page.get_by_role("tab", name="Upscale").click()
    choose(page, _picture(tmp_path / "klein ü.png"), "upscale")
    page.get_by_role("button", name="Advanced").filter(visible=True).click()
    page.locator("#upscale_steps :is(input, textarea)").fill("2")
    page.get_by_label("3 ×").check()
    page.click("#upscale_preview")
    result(page, "Preview of the middle", "upscale")
    page.click("#upscale_go")
    result(page, "done in", "upscale")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the picture").filter(visible=True).click()
    assert got.value.suggested_filename == "klein ü-upscaled.png"
    got.value.save_as(tmp_path / "got.png")
    assert next(media.read(tmp_path / "got.png")).image.shape == (144, 216, 3)


@pytest.mark.slow
def test_a_picture_is_relit_as_a_picture(page, tmp_path):
    choose(page, _picture(tmp_path / "small.png"))
    assert page.locator("#relight_stage .timeline").is_hidden()
    page.locator("#prompt textarea").fill("red light")
    quick(page)
    page.click("#relight_go")
    result(page, "done in")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the picture").filter(visible=True).click()
    assert got.value.suggested_filename == "small-relit.png"


@pytest.mark.slow
def test_trim_chooses_what_is_run_whatever_the_extension(page, tmp_path):
    clip = tmp_path / "Urlaub 1.MOV"
    small_clip(tmp_path / "a.mov", count=16)
    (tmp_path / "a.mov").rename(clip)
    choose(page, clip)
    page.locator("#prompt textarea").fill("red light")
    begin, end = page.get_by_label("Begin"), page.get_by_label("End", exact=True)
    begin.evaluate("n => { n.value = 0.25; n.dispatchEvent(new Event('input')); }")
    end.evaluate("n => { n.value = 0.75; n.dispatchEvent(new Event('input')); }")
    assert "1.0 s" in page.inner_text(".trimmed")
    quick(page)
    bar(page, "8 frames")
    page.click("#relight_go")
    result(page, "done in")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download settings").filter(visible=True).click()
    settings = json.loads(Path(got.value.path()).read_text())["settings"]
    assert (settings["start"], settings["frames"]) == (0.5, 8)
    assert settings["input"] == "Urlaub 1.MOV"


def test_a_clip_is_dropped_onto_another(page, short, tmp_path):
    choose(page, short)
    other = small_clip(tmp_path / "other.ts.mp4", count=3)
    page.evaluate(
        """async ([name, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], name, {type: ''}));
          const at = document.querySelector('#relight_stage');
          at.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true}));
        }""",
        ["Drop me.MKV", list(_as(other, tmp_path / "x.mkv").read_bytes())],
    )
    page.wait_for_function(
        "document.querySelector('#relight_stage .facts .name')?.innerText === 'Drop me.MKV'"
    )


def _as(clip, target):
    """A clip in another container."""
    with media.write(target, size=(96, 64), fps=8) as out:
        for frame in media.read(clip):
            out.add(frame.image, frame.time)
    return target


@pytest.mark.slow
def test_a_relit_frame_is_followed_without_a_model(page, short, tmp_path):
    choose(page, short)
    with page.expect_download() as got:
        page.click("#export_frame")
    assert got.value.suggested_filename.startswith("toy [1]-frame-0.")
    relit = tmp_path / got.value.suggested_filename
    got.value.save_as(relit)
    image = cv2.imread(str(relit)).astype(np.float32)
    assert image.shape == (64, 96, 3)
    ramp = np.linspace(1.6, 0.4, 96, dtype=np.float32)[None, :, None]
    cv2.imwrite(str(relit), np.clip(image * ramp * (0.5, 0.8, 1.3), 0, 255).astype(np.uint8))
    page.set_input_files("#reference_file", relit)
    page.wait_for_selector("[data-reference]")
    assert "at 0." in page.inner_text("[data-reference]")
    assert page.locator(".lamp, .sun").count() == 0
    assert "no model needed" in bar(page, "no model needed")
    page.click("#relight_go")
    result(page, "done in")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the clip").filter(visible=True).click()
    made = [frame.image.astype(int) for frame in media.read(got.value.path())]
    source = [frame.image.astype(int) for frame in media.read(short)]
    change = np.stack(made).mean((0, 1, 3)) - np.stack(source).mean((0, 1, 3))
    assert change[:30].mean() > change[-30:].mean() + 15


@pytest.mark.slow
def test_a_batch_goes_on_past_a_failure_and_gives_a_zip(page, served, tmp_path, monkeypatch):
    light = tmp_path / "my light.png"
    cv2.imwrite(str(light), np.full((8, 8, 3), 200, np.uint8))
    page.locator("#prompt textarea").fill("a bunny, green light")
    quick(page)
    page.get_by_label("Kind of light 1").select_option("Image")
    with page.expect_file_chooser() as chooser:
        page.click("#light_image")
    chooser.value.set_files(light)
    page.wait_for_function("document.querySelector('#light_image').innerText === 'my light.png'")
    page.wait_for_timeout(400)
    page.get_by_role("tab", name="Batch").click()
    files = [small_clip(tmp_path / name, count=2) for name in ("one.mp4", "three.mp4")]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 2000)
    page.set_input_files("#batch_files input[multiple]", [files[0], broken, files[1]])
    page.locator("tr.ready").nth(2).wait_for()
    page.wait_for_timeout(300)
    page.click("#batch_go")
    page.locator("#batch_zip").wait_for(timeout=60_000)
    assert "2 of 3 done" in page.inner_text(".pile") and "1 failed" in page.inner_text(".pile")
    assert "broken.mp4" in page.locator("tr.failed").inner_text()
    with page.expect_download() as got:
        page.locator("#batch_zip").click()
    with zipfile.ZipFile(got.value.path()) as packed:
        names = sorted(packed.namelist())
        packed.extractall(tmp_path / "out")
    own = ["file0.png", "one-relit.mp4", "relight-job.json"]
    assert [n for n in names if n.startswith("01-")] == [f"01-one/{name}" for name in own]
    (tmp_path / "out" / "01-one" / "one.mp4").write_bytes(files[0].read_bytes())
    made = (tmp_path / "out" / "01-one" / "one-relit.mp4").read_bytes()
    (tmp_path / "out" / "01-one" / "one-relit.mp4").unlink()
    monkeypatch.chdir(tmp_path / "out" / "01-one")
    assert main(["run", "relight-job.json"]) == 0
    assert Path("one-relit.mp4").read_bytes() == made


@pytest.mark.slow
def test_a_subject_is_clicked_and_alone_relit(page, short):
    choose(page, short)
    page.locator("#prompt textarea").fill("red light")
    quick(page)
    page.get_by_label("Subject", exact=True).check()
    page.click("#pick_subject")
    frame = page.locator(".picture").bounding_box()
    page.locator(".picture").click(
        position={"x": 0.5 * frame["width"], "y": 0.55 * frame["height"]}
    )
    page.click("#relight_go")  # at once: the click on the frame counts
    result(page, "done in")
    assert "Followed from" in page.inner_text(".region")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download settings").first.click()
    settings = json.loads(Path(got.value.path()).read_text())["settings"]
    assert settings["relight"] == "subject" and settings["mask"].startswith("click:0.")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the clip").first.click()
    made, source = (list(media.read(path)) for path in (got.value.path(), short))
    change = np.abs(made[3].image.astype(int) - source[3].image).mean(-1)
    assert change.max() > 20  # the subject is lit
    assert np.median(np.r_[change[0], change[:, 0], change[:, -1]]) < 3  # what is behind it isn't
