// A result beside its source: one picture over the other, a wipe between them, both in step.
"use strict";

Relight.compare = (holder, result) => {
  const { el, svg, icons } = Relight;
  const url = Relight.file;
  let wipe = 50;
  const make = (path, side) => {
    if (result.still) return el(`img.${side}`, { src: url(path), alt: side === "before" ? "Before" : "After" });
    const video = el(`video.${side}`, {
      src: url(path), playsinline: true, loop: true, preload: "auto", "aria-label": side,
    });
    video.muted = side === "before";
    return video;
  };
  const before = make(result.before, "before");
  const after = make(result.after, "after");
  const line = el("div.wipeline", {}, svg('<path d="M9 7l-5 5 5 5M15 7l5 5-5 5"/>'));
  const slider = el("input.wipe", {
    type: "range", min: "0", max: "100", step: "1", value: "50",
    "aria-label": "Before and after: the share that shows the source",
  });
  const frame = el("div.wipeframe", {}, after, before, line,
    el("span.tag.left", {}, "Before"), el("span.tag.right", {}, "After"), slider);
  const place = () => {
    before.style.clipPath = `inset(0 ${100 - wipe}% 0 0)`;
    line.style.left = `${wipe}%`;
    frame.style.setProperty("--wipe", `${wipe}%`);
    slider.setAttribute("aria-valuetext", `${wipe} percent before`);
  };
  slider.addEventListener("input", () => {
    wipe = Number(slider.value);
    place();
  });
  place();

  const foot = el("div.comparefoot");
  if (!result.still) foot.append(player(frame, before, after));
  const links = el("div.links", {},
    el("a.button.primary", { href: url(result.output, result.name), download: result.name },
      svg(icons.down), result.still ? "Download the picture" : "Download the clip"),
    el("a.button", { href: url(result.job, result.job_name), download: result.job_name }, "Download settings"));
  holder.replaceChildren(
    el("div.compare", { "data-result-id": result.id },
      el("p.about", { role: "status" }, result.about),
      ...(result.notes || []).map((note) => el("p.note", {}, note)), frame, foot, links));

  function player() {
    const button = el("button.round", { type: "button", "aria-label": "Play" }, svg(icons.play));
    const time = el("span.time", {}, "0.0 s");
    const seek = el("input.seek", {
      type: "range", min: "0", max: "1", step: "0.001", value: "0", "aria-label": "Moment",
    });
    const mute = el("label.mute", {}, el("input", { type: "checkbox", checked: true,
      onchange: (event) => (after.muted = !event.target.checked) }), "Sound");
    const step = () => {
      if (after.paused) return;
      if (Math.abs(after.currentTime - before.currentTime) > 0.08) before.currentTime = after.currentTime;
      tell();
      requestAnimationFrame(step);
    };
    const tell = () => {
      const length = after.duration || 1;
      seek.value = String(after.currentTime / length);
      time.textContent = `${after.currentTime.toFixed(1)} / ${length.toFixed(1)} s`;
      seek.setAttribute("aria-valuetext", `${after.currentTime.toFixed(1)} seconds`);
    };
    const look = () => {
      const playing = !after.paused;
      button.replaceChildren(svg(playing ? icons.pause : icons.play));
      button.setAttribute("aria-label", playing ? "Pause" : "Play");
    };
    button.addEventListener("click", () => {
      if (after.paused) {
        before.currentTime = after.currentTime;
        Promise.all([before.play(), after.play()]).catch(() => null).then(step);
      } else {
        before.pause();
        after.pause();
      }
      setTimeout(look, 60);
    });
    after.addEventListener("play", look);
    after.addEventListener("pause", look);
    after.addEventListener("loadedmetadata", () => {
      after.currentTime = before.currentTime = (after.duration || 0) / 2;
      tell();
    }, { once: true });
    after.addEventListener("seeked", tell);
    seek.addEventListener("input", () => {
      before.pause();
      after.pause();
      before.currentTime = after.currentTime = Number(seek.value) * (after.duration || 0);
      tell();
    });
    return el("div.player", {}, button, seek, time, result.sound ? mute : null);
  }
};
