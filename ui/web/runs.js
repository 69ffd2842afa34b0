// A run as a line of the bar: its name, how far it is, and the button that ends or dismisses it.
"use strict";

Relight.runLine = (run, { cancel, dismiss }, slim = false) => {
  const { el } = Relight;
  const title = Relight.runTitle(run);
  const row = el(`div.run.${run.state}`, { "data-run": run.id }, el("div.runhead", {},
    el("b", { title }, title),
    el("span", {}, run.state === "failed" ? "failed" : Relight.runWords(run))));
  if (run.state === "failed") {
    row.append(el("p.fault", {}, run.error));
    row.append(el("button.small", { onclick: () => dismiss(run), type: "button" }, "Dismiss"));
    return row;
  }
  const percent = Math.floor(100 * (run.fraction || 0));
  const bar = el("div.bar", {
    role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100",
    "aria-valuenow": String(percent), "aria-label": title,
  }, el("i", { style: `width:${percent}%` }));
  const stop = el("button.small.stop", {
    type: "button", "aria-label": `Cancel ${title}`, disabled: run.state === "stopping",
    onclick: () => cancel(run),
  }, "Cancel");
  row.append(el("div.runfoot", {}, bar, el("span.percent", {}, `${percent} %`), stop));
  if (slim) row.classList.add("slim");
  return row;
};

Relight.runTitle = (run) => {
  const what = run.what === "preview" ? "Preview" : run.kind === "relight" ? "Relight" : "Upscale";
  return `${what}: ${run.name}`;
};

Relight.runWords = (run) => {
  const { clock } = Relight;
  if (run.state === "waiting") {
    const place = run.ahead === 1 ? "1 run ahead" : `${run.ahead} runs ahead`;
    if (!run.ahead) return "Queued, starts now";
    return run.starts ? `Queued, ${place}, starts in about ${clock(run.starts)}` : `Queued, ${place}`;
  }
  if (run.state === "stopping") return "Stopping";
  const left = run.left ? `, about ${clock(run.left)} left` : "";
  return `${run.stage || "Starting"}${left}`;
};
