"""The batch's files and runs on the page: what was left out, what became of each."""

import threading
import zipfile

from relight.ui.batch_tab import _pack
from relight.ui.shelf import Entry

from .browsing import put_run, settle

DROP = """names => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([], name));
  const at = document.querySelector('#batch_files').parentNode;
  at.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }));
}"""


def test_what_a_batch_leaves_out_is_named(page):
    page.get_by_role("tab", name="Batch").click()
    page.evaluate(DROP, [".DS_Store", "plan.docx", *(f"{n}.png" for n in range(57))])
    said = page.locator(".pileleft").inner_text()
    assert "Left out: plan.docx (not a clip or picture" in said and "DS_Store" not in said
    assert "Left out: 50.png, 51.png, 52.png, 53.png, 54.png and 2 more (a batch has at" in said
    page.evaluate(DROP, [])
    assert page.locator(".pileleft").inner_text() == ""


def test_a_cancelled_run_of_a_batch_is_counted_as_such(page, served, short):
    page.get_by_role("tab", name="Batch").click()
    batch = "c" * 32
    done = put_run(served, page, short, batch=batch, notes=["The file is cut short."])
    failed = put_run(served, page, short, "failed", batch=batch, error="no good")
    waiting = put_run(served, page, short, "waiting", batch=batch)
    page.locator("tr.queued").wait_for()
    assert "cut short" in page.inner_text("tr.done")
    page.locator("[data-bar=batch] button.stop").click()
    page.locator("#batch_zip").wait_for()
    assert "1 of 3 done, 1 failed, 1 cancelled." in page.inner_text(".pile")
    assert page.locator("tr.cancelled").count() == 1
    assert served.studio.runs.of(done.owner) == [done, failed] and waiting.state == "gone"
    page.get_by_role("button", name="Dismiss").filter(visible=True).click()
    settle(page)
    assert "Cancelled" not in page.inner_text("[data-bar=batch]")
    assert "1 of 3 done, 1 failed, 1 cancelled." in page.inner_text(".pile")


def test_two_zips_at_once_are_both_whole(tmp_path, monkeypatch):
    (tmp_path / "o.mp4").write_bytes(b"o" * 1000)
    (tmp_path / "j.json").write_bytes(b"{}")
    entry = Entry(
        folder=tmp_path, kind="relight", name="a.mp4", source="o.mp4", output="o.mp4", job="j.json"
    )
    both, write = threading.Barrier(2), zipfile.ZipFile.write

    def slowly(packed, *given):
        both.wait(5)
        write(packed, *given)

    monkeypatch.setattr(zipfile.ZipFile, "write", slowly)
    made = []
    pack = [
        threading.Thread(target=lambda: made.append(_pack([entry], tmp_path / "batch.zip")))
        for _ in range(2)
    ]
    for thread in pack:
        thread.start()
    for thread in pack:
        thread.join()
    assert len(made) == 2 and zipfile.ZipFile(made[0]).testzip() is None
    assert not list(tmp_path.glob("*.part"))
