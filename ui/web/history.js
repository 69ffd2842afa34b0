// One's results: searched, looked at, downloaded, deleted (and brought back), started from again.
"use strict";

Relight.shelf = (element, props, trigger, server, watch, given) => {
  const { el, svg, icons } = Relight;
  const state = { entries: [], chosen: null, words: "", deleted: null };
  const search = el("input.search", { type: "search", placeholder: "Search by name or prompt", "aria-label": "Search results",
    oninput: (event) => { state.words = event.target.value.toLowerCase(); draw(); } });
  const about = el("p.hint", { role: "status" });
  const list = el("ul.cards", { id: "gallery" });
  const detail = el("div.detail");
  element.replaceChildren(el("div.shelf", {}, el("div.shelfhead", {}, search, about), el("div.shelfbody", {}, list, detail)));

  const fill = async () => {
    if (!Relight.who) return;
    const told = await server.entries({ who: Relight.who }).catch(() => null);
    if (!told || !told.entries) return;
    Object.assign(state, told);
    draw();
  };
  const draw = () => {
    const shown = state.entries.filter((entry) =>
      `${entry.clip} ${entry.prompt} ${entry.kind}`.toLowerCase().includes(state.words));
    list.replaceChildren(...shown.map((entry) => el("li", {}, el("button.card", {
      type: "button", "data-entry": entry.id, "aria-pressed": String(entry.id === state.chosen), onclick: () => choose(entry),
    }, el("img", { src: entry.small ? Relight.file(entry.small) : "", alt: "", loading: "lazy" }),
    el("b", {}, entry.clip), el("span", {}, entry.prompt || (entry.kind === "upscale" ? "Upscaled" : "")),
    el("small", {}, entry.line)))));
    about.replaceChildren(state.entries.length
      ? `${state.entries.length} ${state.entries.length === 1 ? "result" : "results"}, ${Relight.size(state.bytes || 0)}; ${Relight.size(state.free || 0)} free on the disk.${state.removed ? ` ${state.removed}` : ""}`
      : "Nothing here yet. Every finished clip is kept here, also after a reload.");
    if (state.deleted) {
      about.append(" ", el("button.small", { type: "button", id: "undo", onclick: undo }, `Undo: bring ${state.deleted.clip} back`));
    }
    if (state.chosen && !state.entries.some((entry) => entry.id === state.chosen)) {
      state.chosen = null;
      detail.replaceChildren();
    }
  };
  const choose = (entry) => {
    state.chosen = entry.id;
    draw();
    const holder = el("div");
    detail.replaceChildren(holder, el("div.links", {},
      el("button.button", { type: "button", id: "again", onclick: () => again(entry) }, svg(icons.again), "Use these settings again"),
      el("button.button.stop", { type: "button", id: "delete", onclick: () => remove(entry) }, svg(icons.bin), "Delete")));
    Relight.compare(holder, entry);
    if (detail.getBoundingClientRect().top > window.innerHeight * 0.7) detail.scrollIntoView({ behavior: "smooth" });
  };
  const again = (entry) => {
    props.value = { again: entry.id, nonce: Math.random() };
    trigger("select", { id: entry.id });
  };
  const remove = async (entry) => {
    const told = await server.remove({ who: Relight.who, id: entry.id }).catch(() => null);
    if (told && !told.error) state.deleted = entry;
    Relight.desk.state.ask(); // another tab may show it
    fill();
  };
  const undo = async () => {
    const told = await server.restore({ who: Relight.who, id: state.deleted.id }).catch(() => null);
    if (told && !told.error) state.deleted = null;
    fill();
  };
  document.addEventListener("relight-made", fill);
  watch("value", fill);
  const wait = setInterval(() => {
    if (!Relight.who) return;
    clearInterval(wait);
    fill();
  }, 300);
};
