// The visitor's runs: asked of the server again and again, drawn into every tab's bar.
"use strict";

Relight.desk = (element, props, trigger, server, watch, given) => {
  const { el, clock, runLine } = Relight;
  const BUSY_MS = 600;
  const IDLE_MS = 2500;
  // shown: the run whose result a tab shows; told: what its bar has to say.
  const desk = { runs: [], told: {}, shown: {}, watched: {}, plans: {}, asked: {}, answered: {}, live: {},
    boot: null, lost: false };
  Relight.desk.state = desk;
  // Two plans may be under way at once, as the page goes on changing: each answer says which
  // question it is of, and only the last one's counts.
  desk.asking = (tab) => (desk.asked[tab] = (desk.asked[tab] || 0) + 1);
  let timer = null;

  const bars = () => document.querySelectorAll("[data-bar]");
  const tabOf = (run) => (run.batch ? "batch" : run.kind);
  const place = (kind, tab) => document.querySelector(`[data-${kind}="${tab}"]`);

  const ask = async () => {
    clearTimeout(timer);
    if (!Relight.who) {
      timer = setTimeout(ask, 200);
      return;
    }
    try {
      const told = await server.look({ who: Relight.who });
      if (!told || !told.runs) throw new Error("no answer");
      if (desk.boot && desk.boot !== told.boot) {
        window.location.reload(); // the studio was started anew, its page with it
        return;
      }
      desk.boot = told.boot;
      desk.lost = false;
      seen(told);
    } catch (error) {
      desk.lost = true;
    }
    draw();
    const busy = desk.runs.some((run) => run.state === "waiting" || run.state === "running");
    timer = setTimeout(ask, busy && !document.hidden ? BUSY_MS : IDLE_MS);
  };
  desk.ask = ask;

  const seen = (told) => {
    const before = new Map(desk.runs.map((run) => [run.id, run.state]));
    desk.runs = told.runs;
    desk.disk = told.disk;
    for (const tab of ["relight", "upscale"]) {
      if (desk.watched[tab] !== undefined) continue;
      const own = told.runs.filter((run) => !run.batch && run.kind === tab && !run.seen);
      const newest = own.filter((run) => run.state === "running" || run.state === "waiting")[0] || own.slice(-1)[0];
      if (newest) desk.watched[tab] = newest.id;
    }
    for (const [tab, id] of Object.entries(desk.shown)) {
      if (told.runs.some((run) => run.id === id && run.result)) continue;
      delete desk.shown[tab]; // it was deleted, here or elsewhere
      place("result", tab)?.replaceChildren();
    }
    for (const run of told.runs) {
      const tab = tabOf(run);
      const was = before.get(run.id);
      if (run.state === "done" && was && was !== "done") {
        document.dispatchEvent(new CustomEvent("relight-made", { detail: run }));
      }
      if (run.state === "done" && desk.watched[tab] === run.id && desk.shown[tab] !== run.id) {
        show(tab, run, was !== undefined);
      }
      if (run.state === "running" && run.picture && !run.batch) live(tab, run);
    }
    document.dispatchEvent(new CustomEvent("relight-runs", { detail: told.runs }));
  };

  const live = async (tab, run) => {
    const now = Date.now();
    if (desk.watched[tab] !== run.id || now - (desk.live[run.id] || 0) < 1500) return;
    desk.live[run.id] = now;
    const holder = place("result", tab);
    if (!holder) return;
    const got = await server.live({ who: Relight.who, id: run.id }).catch(() => null);
    if (!got || !got.url || desk.watched[tab] !== run.id || desk.shown[tab] === run.id) return;
    let image = holder.querySelector("img.live");
    if (!image) {
      image = el("img.live", { alt: "The frames as they are now" });
      holder.replaceChildren(el("figure.liveframe", {}, image,
        el("figcaption", {}, "As it is now. It gets clearer with every step.")));
    }
    image.src = got.url;
  };

  const show = (tab, run, fresh) => {
    const holder = place("result", tab);
    if (!holder || !run.result) return; // a tab that was not opened yet has no place for it
    desk.shown[tab] = run.id;
    const said = desk.told[tab] || {};
    if (fresh && said.text && !said.stays) desk.told[tab] = {};
    Relight.compare(holder, run.result);
    const { top } = holder.getBoundingClientRect(); // its first line says what was done
    if (fresh && holder.offsetParent && (top < 0 || top > window.innerHeight * 0.6)) {
      holder.scrollIntoView({ behavior: "smooth", block: "start" });
    }
  };

  const cancel = async (run) => {
    run.state = "stopping";
    draw();
    await server.cancel({ who: Relight.who, id: run.id }).catch(() => null);
    const tab = tabOf(run);
    if (!run.batch) desk.told[tab] = { text: "Cancelled. Nothing was written." }; // a batch's table says it
    place("result", tab)?.querySelector(".liveframe")?.remove();
    ask();
  };

  const dismiss = async (...runs) => {
    desk.runs = desk.runs.filter((one) => !runs.includes(one));
    draw();
    await Promise.all(runs.map((run) => server.dismiss({ who: Relight.who, id: run.id }).catch(() => null)));
    ask();
  };
  const ends = { cancel, dismiss };

  // A failure says nothing any more once another run of its tab is started, or its clip is changed.
  const outdated = (tab, started = null) => {
    const old = desk.runs.filter((run) => tabOf(run) === tab && run.state === "failed"
      && run.id !== started && run.batch !== started);
    if (old.length) dismiss(...old);
  };
  document.addEventListener("relight-clip", (event) => outdated(event.detail.tab));

  // Redraws a node only where its text has changed, so that focus stays on its button.
  const replace = (node, children) => {
    const fresh = el("div", {}, ...children);
    if (node.innerHTML === fresh.innerHTML) return;
    const focused = node.contains(document.activeElement)
      ? document.activeElement.getAttribute("aria-label") : null;
    const opened = node.querySelector("details")?.open;
    node.replaceChildren(...fresh.childNodes);
    if (opened) node.querySelector("details")?.setAttribute("open", "");
    if (focused) {
      for (const one of node.querySelectorAll("[aria-label]")) {
        if (one.getAttribute("aria-label") === focused) one.focus({ preventScroll: true });
      }
    }
  };

  const draw = () => {
    for (const bar of bars()) {
      const tab = bar.dataset.bar;
      const own = desk.runs.filter((run) => tabOf(run) === tab);
      const others = desk.runs.filter((run) => !own.includes(run));
      const busy = own.filter((run) => run.state !== "done" && run.state !== "failed");
      const current = busy.find((run) => run.id === desk.watched[tab]) || busy[0];
      const failed = own.filter((run) => run.state === "failed").slice(-1)[0];
      const children = [];
      const told = desk.told[tab] || {};
      if (desk.lost) {
        children.push(el("p.hint.warn", { role: "status" },
          "No connection to the studio. Runs go on there; trying again."));
      }
      if (told.error) children.push(el("p.fault", { role: "alert" }, told.error));
      if (current) children.push(runLine(current, ends));
      else if (failed && !told.error) children.push(runLine(failed, ends));
      if (!current && !told.error && told.text) {
        children.push(el("p.hint", { role: "status" }, told.text));
      } else if (!current && !told.error && !failed) children.push(hint(tab));
      const rest = [...busy.filter((run) => run !== current),
        ...others.filter((run) => run.state === "running" || run.state === "waiting")];
      if (rest.length) {
        children.push(el("details.queue", {},
          el("summary", {}, `${rest.length} more in the queue`),
          ...rest.map((run) => runLine(run, ends, true))));
      }
      replace(bar, children);
    }
  };
  desk.draw = draw;

  const hint = (tab) => {
    const plan = desk.plans[tab];
    if (plan?.fault) return el("p.hint.warn", { role: "status" }, plan.fault);
    if (!plan || !plan.lines) {
      const looking = desk.asked[tab] !== desk.answered[tab] && Relight.parts[tab]?.state.clip;
      const text = looking ? "Finding out what this takes." : desk.hints?.[tab] || "";
      return el("p.hint", { role: "status" }, text);
    }
    const box = el("div.plan", { role: "status" });
    box.append(...plan.lines.map((one) => el("span", {}, one)));
    if (plan.offer) {
      const offers = el("div.offer", {}, el("b", {}, plan.offer));
      if (plan.trim) {
        offers.append(el("button.small", {
          type: "button", onclick: () => Relight.parts[tab]?.trim(plan.trim),
        }, `Take the first ${clock(plan.trim)}`));
      }
      if (plan.fast) {
        offers.append(el("button.small", {
          type: "button", onclick: () => trigger("select", { tab, fast: true }),
        }, "Use fast"));
      }
      box.append(offers);
    }
    return box;
  };

  // What Python has to say: {who}, {tab, run}, {tab, error, field}, {tab, plan}.
  const hear = (told) => {
    if (told.who) Relight.who = told.who;
    if (told.tab) {
      const tab = told.tab;
      if (told.run) {
        desk.watched[tab] = told.run;
        desk.told[tab] = {};
        outdated(tab, told.run);
      }
      if (told.plan && told.asked === desk.asked[tab]) {
        desk.plans[tab] = told.plan;
        desk.answered[tab] = told.asked;
        const said = desk.told[tab] || {};
        const over = (said.text && !said.stays) || (said.answered && (said.field || said.stays));
        if (told.plan.lines && over) desk.told[tab] = {};
      }
      if (told.text) desk.told[tab] = { text: told.text, stays: told.stays };
      if (told.error) {
        desk.told[tab] = { error: told.error, field: told.field };
        point(tab, told.field);
      }
    }
    ask();
  };
  desk.hear = hear;
  watch("value", () => hear(props.value || {}));

  // A plan asked for before an error was told may arrive after it. It must not wipe the error out:
  // only what the visitor does after reading it can.
  for (const kind of ["input", "change", "drop", "pointerdown"]) {
    document.addEventListener(kind, () => {
      for (const said of Object.values(desk.told)) said.answered = true;
    }, true);
  }

  // Leads the eye to the control that an error is about.
  const point = (tab, field) => {
    if (!field) return;
    const node = document.querySelector(`#${tab}_${field}`) || document.querySelector(`#${field}`);
    if (!node) return;
    setTimeout(() => {
      const inner = node.querySelector("input, textarea, button, [tabindex]") || node;
      node.classList.add("faulty");
      inner.setAttribute("aria-invalid", "true");
      inner.focus({ preventScroll: true });
      node.scrollIntoView({ behavior: "smooth", block: "center" });
      const over = () => {
        node.classList.remove("faulty");
        inner.removeAttribute("aria-invalid");
      };
      node.addEventListener("input", over, { once: true });
      setTimeout(over, 8000);
    }, 150);
  };

  document.addEventListener("visibilitychange", () => !document.hidden && ask());
  window.addEventListener("online", ask);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    for (const button of document.querySelectorAll(".actions button.primary")) {
      if (button.offsetParent) {
        event.preventDefault();
        button.click();
        return;
      }
    }
  });
  desk.hints = given.hints;
  setInterval(draw, 700); // a tab that is shown for the first time has an empty bar
  ask();
};
