"""Everything has its place on the page, on a phone and on a desktop, however long a name is."""

import pytest

from tests.samples import small_picture

from .browsing import bar, choose, put_run, result

TABS = ("Relight", "Upscale", "Batch", "History")


@pytest.mark.slow
def test_every_tab_fits_a_desk_and_a_phone(page):
    for width in (360, 390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        for tab in TABS:
            page.get_by_role("tab", name=tab, exact=True).first.click()
            page.wait_for_timeout(120)
            page.wait_for_function(  # it fits, and no tab makes the page jump
                "width => document.documentElement.scrollWidth <= window.innerWidth &&"
                " document.querySelector('.gradio-container').offsetWidth === width",
                arg=width,
            )


BEHIND = """name => {
  Relight.parts.relight.state.mask = { background: { id: "none", name } };
  Relight.parts.relight.region();
}"""

OUTSIDE = """width => [
  ...(document.documentElement.scrollWidth > width ? ['page'] : []),
  ...[...document.querySelectorAll('.stage, .lights, .field, .region, .result, .run, .barbody')]
    .filter((home) => home.offsetParent && [...home.querySelectorAll('*')].some((node) =>
      node.offsetParent && !node.closest('.layer, .filepick, .mark, .icon')
      && (node.getBoundingClientRect().right > home.getBoundingClientRect().right + 1
        || (node.tagName === 'BUTTON' && node.scrollWidth > node.clientWidth + 1))))
    .map((home) => home.className),
]"""


def _nothing_sticks_out(page, *widths):
    for width in widths:
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_timeout(60)
        assert page.evaluate(OUTSIDE, width) == [], width


def test_long_names_and_light_cards_stay_in_their_columns(page, served, short, tmp_path):
    clip = tmp_path / f"{'a_long_name' * 13}.mp4"
    clip.write_bytes(short.read_bytes())
    choose(page, clip)
    put_run(served, page, clip)
    result(page, "done in")
    put_run(served, page, clip, "failed", error="no good")
    bar(page, "no good", seconds=10)
    _nothing_sticks_out(page, 390, 768, 900, 1000, 1280)


def test_long_names_of_pictures_stay_in_their_buttons(page, tmp_path):
    page.get_by_label("Kind of light 1").select_option("Image")
    with page.expect_file_chooser() as chooser:
        page.click("#light_image")
    chooser.value.set_files(small_picture(tmp_path / f"{'a_long_name' * 9}.png"))
    page.wait_for_function("document.querySelector('#light_image').innerText.endsWith('.png')")
    page.evaluate(BEHIND, "a_long_name" * 9)
    _nothing_sticks_out(page, 390, 800, 1280)
