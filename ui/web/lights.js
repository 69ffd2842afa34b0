// The list of lights beside the frame: kind, colour, temperature, and whatever the kind has.
"use strict";

Relight.lights = (stage, given, trigger, server) => {
  const { el, svg, icons, clamp } = Relight;
  const kinds = given.kinds;
  const { state } = stage;
  const holder = () => document.querySelector('[data-lights="relight"]');

  const titled = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const range = (control, value, set, id) => {
    const [low, high] = control.shown || [control.low, control.high];
    const box = el("input.num", { type: "number", step: "any", value: String(round(value)),
      "aria-label": titled(control.name), onchange: (event) => {
        const number = Number(event.target.value);
        if (Number.isFinite(number)) set(clamp(number, control.low, control.high));
      } });
    const slider = el("input", { type: "range", min: String(low), max: String(high),
      step: String((high - low) / 200), value: String(value), id,
      "aria-label": `${titled(control.name)}: ${control.help}`,
      oninput: (event) => {
        box.value = String(round(Number(event.target.value)));
        set(Number(event.target.value), false);
      }, onchange: () => stage.lightChanged() });
    return el("div.field", {}, el("span.cap", { title: control.help }, titled(control.name)), slider, box);
  };
  const round = (value) => Math.round(value * 1000) / 1000;

  const colour = (light, control) => {
    const text = stage.value(light, control) || "white";
    const kelvin = /^[\d.]+k$/i.test(text) ? parseFloat(text) : null;
    const set = (value, done = true) => {
      light.settings[control.name] = value;
      if (done) stage.lightChanged();
      else {
        stage.ask();
        stage.redraw();
      }
    };
    const face = stage.css({ settings: { color: text } });
    const pick = el("input.swatch", { type: "color", value: hex(face), "aria-label": "Colour of the light",
      oninput: (event) => (light.settings[control.name] = event.target.value) && stage.ask(),
      onchange: (event) => set(event.target.value) });
    const warm = el("input", { type: "range", min: "1700", max: "12000", step: "50",
      value: String(kelvin || 6500), class: "kelvin", "aria-label": "Colour temperature in kelvin",
      "aria-valuetext": kelvin ? `${kelvin} kelvin` : "not set",
      oninput: (event) => {
        light.settings[control.name] = `${event.target.value}K`;
        shown.textContent = `${event.target.value} K`;
        pick.value = hex(Relight.kelvin(Number(event.target.value)));
        stage.ask();
      }, onchange: (event) => set(`${event.target.value}K`) });
    const shown = el("span.value", {}, kelvin ? `${kelvin} K` : text === "white" ? "white" : text);
    return el("div.field", {}, el("span.cap", {}, "Colour"), pick, warm, shown);
  };
  const hex = (css) => {
    if (/^#[0-9a-f]{6}$/i.test(css)) return css;
    const context = document.createElement("canvas").getContext("2d");
    context.fillStyle = css;
    return context.fillStyle;
  };

  const dial = (light, index) => {
    const angle = stage.angle(light);
    const node = el("div.dial", { role: "slider", tabindex: "0", "aria-valuemin": "0", "aria-valuemax": "359",
      "aria-valuenow": String(Math.round(angle)), "aria-valuetext": `${Math.round(angle)} degrees`,
      "aria-label": "Direction the light comes from" }, el("i"));
    node.style.setProperty("--turn", `${-angle}deg`);
    const turn = (degrees, done) => {
      stage.setAngle(light, degrees);
      node.style.setProperty("--turn", `${-stage.angle(light)}deg`);
      value.textContent = `${Math.round(stage.angle(light))}°`;
      node.setAttribute("aria-valuenow", String(Math.round(stage.angle(light))));
      stage.ask();
      stage.redrawSoon();
      if (done) stage.lightChanged();
    };
    Relight.drag(node, (event) => {
      const box = node.getBoundingClientRect();
      turn((Math.atan2(box.top + box.height / 2 - event.clientY, event.clientX - box.left - box.width / 2) * 180) / Math.PI);
    }, () => stage.lightChanged());
    node.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: 5, ArrowUp: 5, ArrowRight: -5, ArrowDown: -5 };
      if (!turns[event.key]) return;
      event.preventDefault();
      turn(stage.angle(light) + turns[event.key]);
      settle();
    });
    const value = el("span.value", {}, `${Math.round(angle)}°`);
    return el("div.field", {}, el("span.cap", {}, "Direction"), node, value);
  };
  const settle = Relight.once(300, () => stage.lightChanged());
  stage.settlers.push(settle.now);
  stage.redrawSoon = Relight.once(60, () => stage.redraw());

  const picked = (light, control) => {
    const pick = el("input", { type: "file", class: "filepick", "aria-label": control.help });
    const name = light.settings[control.name]?.name;
    const button = el("button.small", { type: "button", id: "light_image", onclick: () => pick.click() },
      name || "Choose a file");
    pick.addEventListener("change", async () => {
      const file = pick.files[0];
      if (!file) return;
      button.textContent = `Uploading ${file.name}`;
      try {
        const path = await Relight.upload(file, given.limit);
        const told = await server.keep({ who: Relight.who, path, name: file.name });
        if (told.error) throw new Error(told.error);
        light.settings[control.name] = told;
        stage.lightChanged();
      } catch (error) {
        button.textContent = error.message;
      }
    });
    return el("div.field", {}, el("span.cap", { title: control.help }, titled(control.name)), button, pick);
  };

  const chosen = (light, control) => {
    const options = control.kind === "light" ? given.simple : control.choices;
    const select = el("select", { "aria-label": titled(control.name), onchange: (event) => {
      light.settings[control.name] = event.target.value;
      stage.lightChanged();
    } }, ...options.map((one) => el("option", { value: one }, titled(one))));
    select.value = String(stage.value(light, control));
    return el("div.field", {}, el("span.cap", { title: control.help }, titled(control.name)), select);
  };

  const field = (light, control, index) => {
    if (control.name === "angle") return dial(light, index);
    if (control.kind === "color") return colour(light, control);
    if (control.kind === "file") return picked(light, control);
    if (control.kind === "choice" || control.kind === "light") return chosen(light, control);
    return range(control, stage.value(light, control), (value, done = true) => {
      light.settings[control.name] = round(value);
      if (done) stage.lightChanged();
      else {
        stage.ask();
        stage.redrawSoon();
      }
    });
  };

  const card = (light, index) => {
    const kind = stage.kindOf(light.word);
    const open = index === stage.selected;
    const select = el("select", { "aria-label": `Kind of light ${index + 1}`, id: index ? null : "light", onchange: (event) => {
      const next = kinds.find((one) => one.title === event.target.value);
      const kept = {};
      for (const control of next.controls) {
        const had = light.settings[control.name];
        if (had !== undefined && kind.controls.some((c) => c.name === control.name && c.kind === control.kind)) kept[control.name] = had;
      }
      state.lights[index] = { word: next.words[0] === "angle" ? "left" : next.words[0], settings: kept };
      if (next.words[0] === "angle") delete kept.angle;
      stage.selected = index;
      stage.lightChanged();
      stage.redraw();
    } }, ...kinds.map((one) => el("option", { value: one.title }, one.title)));
    select.value = kind.title;
    const head = el("div.cardhead", {},
      el("button.badge", { type: "button", style: `--lamp:${stage.css(light)}`, "aria-expanded": String(open),
        "aria-label": `Light ${index + 1}`, onclick: () => { stage.selected = open ? -1 : index; stage.drawLights(true); } },
      String(index + 1)),
      select,
      el("button.iconbutton", { type: "button", "aria-label": `Remove light ${index + 1}`,
        disabled: state.lights.length < 2, onclick: () => {
          state.lights.splice(index, 1);
          stage.selected = 0;
          stage.lightChanged();
          stage.redraw();
        } }, svg(icons.close)));
    const box = el("div.lightcard", { "data-light": String(index) }, head);
    if (open) box.append(el("p.kindhelp", {}, kind.help), ...kind.controls.map((control) => field(light, control, index)));
    return box;
  };

  let shown = null;
  stage.drawLights = (force = false) => {
    const node = holder();
    if (!node) return;
    const shape = JSON.stringify([state.lights, stage.selected, state.references.length]);
    const inside = node.contains(document.activeElement) && document.activeElement.type === "range";
    if (!force && (shape === shown || inside)) return;
    shown = shape;
    const focus = document.activeElement?.getAttribute?.("aria-label");
    const had = node.contains(document.activeElement);
    node.replaceChildren(...state.lights.map(card),
      el("button.small", { type: "button", id: "add_light", onclick: () => {
        if (state.lights[0]?.word === "none") state.lights = [];
        const spread = 0.3 + 0.4 * ((state.lights.length * 0.62) % 1);
        state.lights.push({ word: "point", settings: { x: Math.round(100 * spread) / 100, y: 0.35, radius: 0.3 } });
        stage.selected = state.lights.length - 1;
        stage.lightChanged();
        stage.redraw();
        document.querySelector("#relight_stage .picture")?.scrollIntoView({ block: "nearest" });
      } }, svg(icons.plus), "Add a lamp"));
    if (had && focus) node.querySelector(`[aria-label="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  };

  // What is lit: everything, the subject, or what is behind it.
  const region = () => {
    const node = document.querySelector('[data-region="relight"]');
    if (!node || !given.regions) return;
    const mask = state.mask || (state.mask = {});
    const mode = mask.mode || "all";
    const shape = JSON.stringify([mask, Boolean(stage.picking), Boolean(state.clip)]);
    if (node.dataset.shape === shape) return;
    node.dataset.shape = shape;
    const set = (change) => {
      Object.assign(mask, change);
      stage.picking = stage.picking && (mask.mode || "all") !== "all";
      stage.changed();
      stage.redraw();
      region();
    };
    const choice = (value, text) => el("label.choice", {}, el("input", {
      type: "radio", name: "region", value, checked: mode === value, onchange: () => set({ mode: value }) }), text);
    const children = [el("fieldset.choices", {}, el("legend", {}, "What is relit"),
      choice("all", "All"), choice("subject", "Subject"), choice("background", "Background"))];
    if (mode !== "all") {
      children.push(el("div.row", {},
        el("button.small", { type: "button", id: "pick_subject", "aria-pressed": String(Boolean(stage.picking)), onclick: () => {
          stage.picking = !stage.picking;
          if (stage.picking) document.querySelector("#relight_stage").scrollIntoView({ block: "start" });
          stage.redraw();
          region();
        } }, stage.picking ? "Click on the subject in the frame" : mask.click ? "Point at it again" : "Point at the subject"),
        mask.click ? el("button.small", { type: "button", onclick: () => set({ click: null }) }, "Find it by itself") : null,
        el("span.hint", {}, mask.click ? `Followed from ${mask.click.moment.toFixed(2)} s` : "Found by itself")));
    }
    const behind = mask.background || {};
    const words = el("input.search", { type: "text", value: behind.words || "", placeholder: "a beach at dusk (optional)",
      "aria-label": "New background in words", onchange: (event) => set({ background: event.target.value ? { words: event.target.value } : null }) });
    const pick = el("input", { type: "file", class: "filepick", "aria-label": "Picture or clip for the background" });
    pick.addEventListener("change", async () => {
      try {
        const path = await Relight.upload(pick.files[0], given.limit);
        const told = await server.keep({ who: Relight.who, path, name: pick.files[0].name });
        if (told.error) throw new Error(told.error);
        set({ background: told });
      } catch (error) {
        words.placeholder = error.message;
      }
    });
    children.push(el("div.field.behind", {}, el("span.cap", {}, "Background"), words,
      behind.id ? el("button.small", { type: "button", onclick: () => set({ background: null }) }, `Remove ${behind.name}`)
        : el("button.small", { type: "button", onclick: () => pick.click() }, "Picture"), pick));
    node.replaceChildren(...children);
  };
  stage.region = region;

  // Presets as pictures of this very frame.
  const grid = () => document.querySelector('[data-presets="relight"]');
  const fill = Relight.newest(async () => {
    const node = grid();
    if (!node || !Relight.who) return;
    const told = await server.presets({ who: Relight.who, clip: state.clip?.id || null, moment: state.moment });
    if (!told || !told.presets) return;
    node.replaceChildren(...told.presets.map((preset) => el("button.preset", {
      type: "button", "data-preset": preset.name, onclick: () => {
        state.lights = JSON.parse(JSON.stringify(preset.lights));
        state.keys = [];
        stage.selected = 0;
        stage.changed();
        stage.redraw();
        trigger("select", { words: preset.words });
      },
    }, el("img", { src: preset.url, alt: "" }), el("span", {}, preset.name))));
  });
  let filled = "";
  const look = () => {
    const wanted = `${state.clip?.id || ""}`;
    if (Relight.who && grid() && filled !== wanted + (state.clip ? "c" : "e")) {
      filled = wanted + (state.clip ? "c" : "e");
      fill();
    }
    stage.drawLights();
    region();
  };
  setInterval(look, 700);
};
