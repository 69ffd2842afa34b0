// Many clips: chosen or dropped, also whole folders; then their runs, and a zip of the results.
"use strict";

Relight.pile = (element, props, trigger, server, watch, given) => {
  const { el, svg, icons } = Relight;
  // runs: those of the batch as they were last heard of; one that was cancelled is listed no more.
  const state = { files: [], batch: null, runs: new Map() };
  const pick = el("input", { type: "file", class: "filepick", multiple: true, "aria-label": "Choose clips" });
  const folder = el("input", { type: "file", class: "filepick", "aria-label": "Choose a folder" });
  folder.setAttribute("webkitdirectory", "");
  const table = el("div.piletable");
  const left = el("div.pileleft", { role: "status" });
  const zone = el("div.pilezone", {},
    el("strong", {}, "Drop clips, pictures or folders here"),
    el("span", {}, `${given.formats}. Up to ${given.most} files, ${Relight.size(given.limit)} each.`),
    el("div.row", {},
      el("button.small", { type: "button", onclick: () => pick.click() }, "Choose files"),
      el("button.small", { type: "button", onclick: () => folder.click() }, "Choose a folder")));
  const foot = el("div.links");
  element.replaceChildren(el("div.pile", { id: "batch_files" }, zone, pick, folder, left, table, foot));

  const keep = () => {
    props.value = {
      files: state.files.filter((file) => file.id).map((file) => ({ id: file.id, name: file.name })),
      nonce: Math.random(),
    };
    trigger("change");
  };
  const take = async (files) => {
    state.batch = null;
    left.replaceChildren();
    document.dispatchEvent(new CustomEvent("relight-clip", { detail: { tab: "batch" } }));
    const seen = files.filter((file) => !file.name.startsWith(".")); // folders hold .DS_Store and the like
    const reads = (file) => given.endings.includes(`.${file.name.split(".").pop().toLowerCase()}`);
    const known = seen.filter(reads);
    const room = given.most - state.files.length;
    for (const file of known.slice(0, room)) {
      const entry = { name: file.name, part: 0, file };
      state.files.push(entry);
    }
    leftOut("not a clip or picture that can be read", seen.filter((file) => !reads(file)));
    leftOut(`a batch has at most ${given.most} files`, known.slice(room));
    draw();
    await Relight.known();
    for (const entry of state.files.filter((one) => one.file)) {
      try {
        const path = await Relight.upload(entry.file, given.limit, (part) => {
          entry.part = part;
          draw();
        });
        const told = await server.keep({ who: Relight.who, path, name: entry.file.name });
        if (told.error) throw new Error(told.error);
        Object.assign(entry, told, { part: 1 });
      } catch (error) {
        entry.error = error.message;
      }
      delete entry.file;
      draw();
    }
    keep();
  };
  // Names what was not taken; `left` is emptied when files are chosen again.
  const leftOut = (why, files) => {
    if (!files.length) return;
    const names = files.slice(0, 5).map((file) => file.name).join(", ");
    const more = files.length > 5 ? ` and ${files.length - 5} more` : "";
    left.append(el("p.note", {}, `Left out: ${names}${more} (${why}).`));
  };
  pick.addEventListener("change", () => take(Array.from(pick.files)));
  folder.addEventListener("change", () => take(Array.from(folder.files)));
  Relight.dropzone(element, take, { folders: true });

  const ofBatch = () => {
    if (!state.batch) return [];
    const listed = (Relight.desk.state?.runs || []).filter((run) => run.batch === state.batch);
    const now = new Map(listed.map((run) => [run.id, run]));
    for (const [id, run] of state.runs) {
      const over = run.state === "done" || run.state === "failed";
      if (run.batch === state.batch && !now.has(id)) now.set(id, over ? run : { ...run, state: "cancelled" });
    }
    state.runs = now;
    return [...now.values()].sort((one, other) => one.created - other.created);
  };
  const draw = () => {
    const runs = ofBatch();
    const lines = runs.length ? runs.map((run) => ({
      name: run.name, state: run.state === "waiting" ? "queued" : run.state,
      text: run.state === "running" ? `${Math.floor(100 * run.fraction)} %` : run.error || (run.result?.notes || []).join(" "),
    })) : state.files.map((file) => ({
      name: file.name, state: file.error ? "failed" : file.id ? "ready" : "uploading", file,
      text: file.error || (file.id ? "" : `${Math.floor(100 * (file.part || 0))} %`),
    }));
    table.replaceChildren(...(lines.length ? [el("table", {}, el("caption", {}, `${lines.length} files`),
      el("tbody", {}, ...lines.map((one) => el("tr", { class: one.state },
        el("td", { title: one.name }, one.name), el("td", {}, one.state), el("td", {}, one.text),
        one.file ? el("td", {}, el("button.iconbutton", { type: "button", "aria-label": `Remove ${one.name}`,
          onclick: () => { state.files = state.files.filter((file) => file !== one.file); draw(); keep(); } },
        svg(icons.close))) : null))))] : []));
    const over = runs.length && runs.every((run) => ["done", "failed", "cancelled"].includes(run.state));
    const count = (kind) => runs.filter((run) => run.state === kind).length;
    const done = count("done");
    const rest = ["failed", "cancelled"].filter(count).map((kind) => `, ${count(kind)} ${kind}`).join("");
    const key = over && done ? `${state.batch} ${done} ${rest}` : "";
    if (foot.dataset.key !== key) {
      foot.dataset.key = key;
      foot.replaceChildren(...(key ? [
        el("p.about", { role: "status" }, `${done} of ${runs.length} done${rest}.`),
        el("button.button.primary", { type: "button", id: "batch_zip", onclick: zip }, svg(icons.down), "Download all as a zip"),
      ] : []));
    }
  };
  const zip = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    const told = await server.zip({ who: Relight.who, batch: state.batch }).catch(() => null);
    button.disabled = false;
    if (!told || told.error) return button.after(el("p.fault", { role: "alert" }, told?.error || "the connection was lost"));
    el("a", { href: Relight.file(told.path, told.name), download: told.name }).click();
  };
  document.addEventListener("relight-runs", (event) => {
    if (!state.batch && !state.files.length) {
      const last = event.detail.filter((run) => run.batch && !run.seen).slice(-1)[0];
      if (last) state.batch = last.batch;
    }
    if (state.batch) draw();
  });
  watch("value", () => {
    const told = props.value || {};
    if (told.batch) {
      state.batch = told.batch;
      state.files = [];
      draw();
    }
  });
  draw();
};
