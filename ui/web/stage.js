// The clip's frame: chosen, looked at at any moment, trimmed, and lit by lamps that are dragged.
"use strict";

Relight.stage = (element, props, trigger, server, watch, given) => {
  const { el, svg, icons, clock, drag, clamp } = Relight;
  const tab = given.tab;
  const lit = tab === "relight";
  const state = Object.assign({
    clip: null, info: null, moment: 0, begin: 0, end: null, lights: [], keys: [],
    references: [], mask: {},
  }, props.value || {});
  delete state.set;
  if (lit && !state.lights.length) state.lights = [{ word: "left", settings: {} }];
  const stage = { state, selected: 0, prompt: "", shape: 0.8, intensity: 1, plain: false };
  Relight.parts[tab] = stage;
  const kinds = given.kinds || [];
  stage.kindOf = (word) => kinds.find((kind) => kind.words.includes(word)) || kinds[0];

  // --- what is drawn -------------------------------------------------------------------------
  const input = el("input", { type: "file", class: "filepick", "aria-label": "Choose a clip or a picture" });
  const relit = el("input", { type: "file", class: "filepick", id: "reference_file", "aria-label": "Choose a relit frame" });
  const image = el("img.frame", { alt: "The clip's frame under the light", draggable: false });
  image.hidden = true;
  const layer = el("div.layer");
  const note = el("div.stagenote", { role: "status" });
  const picture = el("div.picture", {}, image, layer, note);
  const choose = el("button.choose", { type: "button", onclick: () => input.click() },
    el("strong", {}, "Choose a clip or a picture"),
    el("span", {}, `or drop it here. ${given.formats}. Up to ${Relight.size(given.limit)}.`));
  const example = el("button.small.example", {
    type: "button", id: `${tab}_example`, onclick: () => takeExample(), hidden: !given.example,
  }, "Use the example clip");
  const empty = el("div.stageempty", {}, choose, example);
  const facts = el("div.facts", { id: `${tab}_facts` });
  const moment = el("input.moment", { type: "range", min: "0", max: "1", step: "0.001", value: "0",
    "aria-label": "Moment that is shown" });
  const time = el("span.time", {}, "0.0 s");
  const begin = el("input.trimend", { type: "range", min: "0", max: "1", step: "0.001", value: "0",
    "aria-label": "Begin" });
  const end = el("input.trimend", { type: "range", min: "0", max: "1", step: "0.001", value: "1",
    "aria-label": "End" });
  const kept = el("div.kept");
  const marks = el("div.marks");
  const trimmed = el("span.trimmed", { role: "status" });
  const tools = el("div.tools");
  const timeline = el("div.timeline", { hidden: true },
    el("div.row", {}, el("span.cap", {}, "Moment"), el("div.rail", {}, marks, moment), time),
    el("div.row", {}, el("span.cap", {}, "Trim"), el("div.rail.two", {}, kept, begin, end), trimmed));
  const root = el("div.stage", { id: `${tab}_stage` },
    el("div.screen", {}, empty, picture), input, relit, facts, timeline, tools);
  element.replaceChildren(root);

  // --- value --------------------------------------------------------------------------------
  const keepNow = () => {
    props.value = JSON.parse(JSON.stringify(state));
    trigger("change");
  };
  const keep = Relight.once(120, keepNow);
  stage.changed = (look = true) => {
    keep();
    if (look) ask();
    stage.draw();
  };

  const length = () => (state.info && state.info.seconds) || 0;
  const last = () => Math.max(length() - 1 / ((state.info && state.info.fps) || 25), 0);
  const fresh = (told) => {
    Object.assign(state, {
      clip: told.clip, info: told.info, moment: Math.min(told.moment ?? 0, told.info.seconds || 0),
      begin: told.begin || 0, end: told.end ?? null,
    });
    if (told.info.fault) state.clip = null;
    if (!told.keep) Object.assign(state, { keys: [], references: [], mask: {} });
    if (lit && !state.lights.length) state.lights = [{ word: "left", settings: {} }];
    stage.changed();
    keepNow();
    otherClip();
    trigger("upload");
  };

  const otherClip = () => document.dispatchEvent(new CustomEvent("relight-clip", { detail: { tab } }));

  // --- files --------------------------------------------------------------------------------
  const take = async (files) => {
    const file = files[0];
    if (!file) return;
    busy(`Uploading ${file.name}`, 0);
    try {
      const path = await Relight.upload(file, given.limit,
        (part) => busy(`Uploading ${file.name}`, part));
      await Relight.known();
      busy(`Looking at ${file.name}`);
      await got(await server.take({ who: Relight.who, path, name: file.name, tab }));
    } catch (error) {
      fault(error.message);
    }
    input.value = "";
  };
  const takeExample = async () => {
    busy("Getting the example");
    const told = Relight.known().then(() => server.example({ who: Relight.who, tab }));
    await got(await told.catch((error) => ({ error: error.message || String(error) })));
  };
  const got = async (told) => {
    note.replaceChildren();
    note.hidden = true;
    if (!told || told.error) return fault(told ? told.error : "the connection was lost: try again");
    fresh(told);
  };
  const busy = (text, part) => {
    note.hidden = false;
    const bar = part === undefined ? null
      : el("div.bar", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100",
        "aria-valuenow": String(Math.floor(100 * part)), "aria-label": text },
      el("i", { style: `width:${Math.floor(100 * part)}%` }));
    const percent = part === undefined ? "" : `, ${Math.floor(100 * part)} %`;
    note.replaceChildren(el("span", {}, `${text}${percent}`), ...(bar ? [bar] : []));
  };
  const fault = (text) => {
    note.hidden = true;
    facts.classList.add("bad");
    facts.setAttribute("role", "alert");
    facts.replaceChildren(text);
  };
  const exportFrame = async () => {
    const told = await server.export({ who: Relight.who, clip: state.clip.id, moment: state.moment })
      .catch(() => null);
    if (!told || told.error) return fault(told?.error || "the connection was lost: try again");
    el("a", { href: Relight.file(told.path, told.name), download: told.name }).click();
  };
  relit.addEventListener("change", async () => {
    const file = relit.files[0];
    if (!file) return;
    busy(`Uploading ${file.name}`, 0);
    try {
      const path = await Relight.upload(file, given.limit, (part) => busy(`Uploading ${file.name}`, part));
      const told = await server.refer({ who: Relight.who, path, name: file.name });
      if (told.error) throw new Error(told.error);
      if (told.seconds === null && state.references.length) told.seconds = state.moment;
      state.references.push(told);
      note.hidden = true;
      stage.changed();
    } catch (error) {
      fault(error.message);
    }
    relit.value = "";
  });
  input.addEventListener("change", () => take(Array.from(input.files)));
  Relight.dropzone(root, take);
  stage.take = take;

  // --- the frame under the light --------------------------------------------------------------
  const ask = Relight.newest(async () => {
    if (!state.clip || !Relight.who) return;
    const wanted = { who: Relight.who, clip: state.clip.id, moment: state.moment, tab };
    if (lit && !stage.plain && !state.references.length) {
      Object.assign(wanted, {
        begin: state.begin, lights: state.lights, keys: state.keys, prompt: stage.prompt,
        shape: stage.shape, intensity: stage.intensity, mask: state.mask, outline: Boolean(stage.picking),
      });
    }
    const told = await server.frame(wanted);
    if (told && told.url) {
      image.src = told.url;
      image.hidden = false;
    } else if (told && told.error) {
      fault(told.error);
    }
  });
  stage.ask = ask;

  // --- time -----------------------------------------------------------------------------------
  // A light that was changed just now belongs to the moment that is left.
  stage.settlers = [];
  const leave = () => stage.settlers.forEach((now) => now());
  const onMoment = () => {
    leave();
    state.moment = Number(moment.value) * last();
    lampsAt();
    keep();
    ask();
    stage.draw();
  };
  moment.addEventListener("input", onMoment);
  // A trim takes the moment along: a preview, a keyframe and an exported frame are of what is run.
  const within = () => {
    const until = state.end === null ? last() : state.end - 1 / ((state.info && state.info.fps) || 25);
    const held = clamp(state.moment, state.begin, Math.max(until, state.begin));
    if (held === state.moment) return false;
    state.moment = held;
    lampsAt();
    return true;
  };
  begin.addEventListener("input", () => {
    leave();
    const until = state.end ?? length();
    state.begin = clamp(Number(begin.value) * length(), 0, Math.max(until - 0.1, 0));
    if (state.begin < 0.02) state.begin = 0;
    stage.changed(within() || state.moment === state.begin);
  });
  end.addEventListener("input", () => {
    leave();
    const value = clamp(Number(end.value) * length(), state.begin + 0.1, length());
    state.end = value >= length() - 0.02 ? null : value;
    stage.changed(within());
  });
  stage.trim = (seconds) => {
    leave();
    state.end = Math.min(state.begin + seconds, length());
    if (state.end >= length()) state.end = null;
    stage.changed(within());
  };
  stage.show = (seconds) => {
    leave();
    state.moment = clamp(seconds, 0, last());
    lampsAt();
    stage.changed();
  };

  // The lights between keyframes: numbers of lights of one kind go evenly from one to the next.
  const lampsAt = () => {
    if (!state.keys.length) return;
    const at = state.moment - state.begin;
    const before = state.keys.filter((key) => key.seconds <= at + 1e-3);
    const after = state.keys[before.length];
    const one = before[before.length - 1] || after;
    const lights = JSON.parse(JSON.stringify(one.lights));
    if (before.length && after) {
      let part = (at - one.seconds) / (after.seconds - one.seconds);
      if (after.smooth) part = part * part * (3 - 2 * part);
      lights.forEach((light, index) => {
        const to = after.lights[index];
        if (!to || to.word !== light.word) return;
        for (const control of stage.kindOf(light.word).controls) {
          if (control.kind !== "number" && control.kind !== "angle") continue;
          const [a, b] = [stage.value(light, control), stage.value(to, control)];
          light.settings[control.name] = a + part * (b - a);
        }
      });
    }
    state.lights = lights;
  };
  // A light that was changed by hand: with keyframes, it is one of this moment.
  stage.lightChanged = () => {
    if (state.keys.length) keyHere();
    stage.changed();
  };
  const keyHere = () => {
    const at = Math.max(Math.round((state.moment - state.begin) * 100) / 100, 0);
    const near = 0.5 / ((state.info && state.info.fps) || 25) + 0.005;
    state.keys = state.keys.filter((key) => Math.abs(key.seconds - at) > near);
    state.keys.push({ seconds: at, smooth: true, lights: JSON.parse(JSON.stringify(state.lights)) });
    state.keys.sort((a, b) => a.seconds - b.seconds);
  };

  // --- lights on the frame ----------------------------------------------------------------------
  stage.value = (light, control) => light.settings[control.name] ?? control.default;
  stage.has = (light, name) => stage.kindOf(light.word).controls.find((c) => c.name === name);

  const place = (event) => {
    const box = picture.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  // A click on the subject, for the mask.
  picture.addEventListener("click", (event) => {
    if (!stage.picking) return;
    const [x, y] = place(event);
    state.mask.click = { x: Math.round(1e4 * clamp(x, 0, 1)) / 1e4, y: Math.round(1e4 * clamp(y, 0, 1)) / 1e4, moment: state.moment };
    stage.changed();
    stage.region?.();
  });
  const lampNode = (light, index) => {
    const [cx, cy] = [stage.has(light, "x"), stage.has(light, "y")];
    const cr = stage.has(light, "radius");
    const color = stage.css(light);
    const lamp = el("button.lamp", {
      type: "button", "data-lamp": String(index),
      style: `--lamp:${color}`,
      onfocus: () => select(index),
    }, String(index + 1));
    const ring = cr ? el("div.ring", { style: `--lamp:${color}` }) : null;
    const grip = cr ? el("button.grip", {
      type: "button", "data-grip": String(index), tabindex: "-1",
      "aria-label": `Radius of lamp ${index + 1}`,
    }) : null;
    const put = () => {
      const [x, y] = [stage.value(light, cx), stage.value(light, cy)];
      lamp.style.left = `${100 * clamp(x, 0.01, 0.99)}%`;
      lamp.style.top = `${100 * clamp(y, 0.01, 0.99)}%`;
      lamp.setAttribute("aria-label",
        `Lamp ${index + 1} at ${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % ` +
        "from the top; arrow keys move it, plus and minus change its radius");
      if (!ring) return;
      const r = stage.value(light, cr);
      Object.assign(ring.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${200 * r}%` });
      const right = x + r <= 0.98 ? x + r : x - r;
      Object.assign(grip.style, { left: `${100 * clamp(right, 0.02, 0.98)}%`, top: `${100 * clamp(y, 0, 1)}%` });
    };
    const move = (x, y) => {
      light.settings.x = Math.round(1000 * clamp(x, -0.2, 1.2)) / 1000;
      light.settings.y = Math.round(1000 * clamp(y, -0.2, 1.2)) / 1000;
      put();
      ask();
      keep();
    };
    const grow = (r) => {
      if (!cr) return;
      light.settings.radius = Math.round(1000 * clamp(r, 0.03, 1.5)) / 1000;
      put();
      ask();
      keep();
    };
    put();
    drag(lamp, (event) => {
      select(index);
      move(...place(event));
    }, () => stage.lightChanged());
    if (grip) {
      drag(grip, (event) => {
        select(index);
        const box = picture.getBoundingClientRect();
        const [x, y] = place(event);
        const across = x - stage.value(light, cx);
        const down = ((y - stage.value(light, cy)) * box.height) / box.width;
        grow(Math.hypot(across, down));
      }, () => stage.lightChanged());
    }
    lamp.addEventListener("wheel", (event) => {
      event.preventDefault();
      grow(stage.value(light, cr) * (event.deltaY < 0 ? 1.08 : 1 / 1.08));
      settle();
    }, { passive: false });
    lamp.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.1 : 0.02;
      const [x, y] = [stage.value(light, cx), stage.value(light, cy)];
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
      if (moves[event.key]) move(x + moves[event.key][0], y + moves[event.key][1]);
      else if (cr && (event.key === "+" || event.key === "=")) grow(stage.value(light, cr) * 1.08);
      else if (cr && event.key === "-") grow(stage.value(light, cr) / 1.08);
      else return;
      event.preventDefault();
      settle();
    });
    return [ring, lamp, grip].filter(Boolean);
  };
  const settle = Relight.once(250, () => stage.lightChanged());
  stage.settlers.push(settle.now);

  // A direction as a sun on the frame's edge.
  const sunNode = (light, index) => {
    const control = stage.has(light, "angle");
    const sun = el("button.sun", {
      type: "button", role: "slider", "data-sun": String(index), style: `--lamp:${stage.css(light)}`,
      "aria-valuemin": "0", "aria-valuemax": "359", "aria-label": `Direction of light ${index + 1}`,
      onfocus: () => select(index),
    }, svg('<circle cx="12" cy="12" r="4.2" fill="currentColor"/><path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M5.6 18.4l2.1-2.1M16.3 7.7l2.1-2.1"/>'));
    const put = () => {
      const angle = (stage.angle(light) * Math.PI) / 180;
      sun.style.left = `${50 + 44 * Math.cos(angle)}%`;
      sun.style.top = `${50 - 41 * Math.sin(angle)}%`;
      sun.setAttribute("aria-valuenow", String(Math.round(stage.angle(light))));
      sun.setAttribute("aria-valuetext", `${Math.round(stage.angle(light))} degrees`);
    };
    const turn = (angle) => {
      stage.setAngle(light, angle);
      put();
      ask();
      keep();
    };
    put();
    drag(sun, (event) => {
      select(index);
      const [x, y] = place(event);
      turn(Math.round((Math.atan2((0.5 - y) / 0.41, (x - 0.5) / 0.44) * 180) / Math.PI));
    }, () => stage.lightChanged());
    sun.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: 5, ArrowUp: 5, ArrowRight: -5, ArrowDown: -5 };
      if (!turns[event.key]) return;
      event.preventDefault();
      turn(stage.angle(light) + turns[event.key]);
      settle();
    });
    return control ? [sun] : [];
  };

  const select = (index) => {
    if (stage.selected === index) return;
    stage.selected = index;
    stage.drawLights?.();
  };
  stage.select = select;

  // Words such as "left" stand for an angle.
  const ANGLES = given.angles || {};
  stage.angle = (light) => light.settings.angle ?? ANGLES[light.word] ?? 180;
  stage.setAngle = (light, degrees) => {
    const angle = ((Math.round(degrees) % 360) + 360) % 360;
    const named = Object.entries(ANGLES).find(([, value]) => value === angle);
    delete light.settings.angle;
    light.word = named ? named[0] : "angle";
    if (!named) light.settings.angle = angle;
  };
  stage.css = (light) => {
    const color = light.settings.color || "white";
    return /^\d/.test(color) ? Relight.kelvin(parseFloat(color)) : color;
  };

  // --- drawing ----------------------------------------------------------------------------------
  stage.draw = () => {
    const { clip, info } = state;
    empty.hidden = Boolean(clip);
    picture.hidden = !clip;
    picture.classList.toggle("picking", Boolean(stage.picking));
    timeline.hidden = !clip || !info || info.still;
    if (!clip || !info) {
      image.hidden = true;
      if (!facts.classList.contains("bad")) facts.replaceChildren();
      tools.replaceChildren();
      return;
    }
    picture.style.aspectRatio = `${info.width} / ${info.height}`;
    picture.style.maxWidth = `min(100%, calc(var(--stagehigh) * ${info.width / info.height}))`;
    facts.classList.remove("bad");
    facts.removeAttribute("role");
    facts.replaceChildren(el("span.name", { title: clip.name }, clip.name),
      ...info.facts.map((fact) => el("span", {}, fact)), ...info.notes.map((one) => el("p", {}, one)));
    const [total, until] = [length() || 1, state.end ?? length()];
    if (document.activeElement !== moment) moment.value = String(last() ? state.moment / last() : 0);
    begin.value = String(state.begin / total);
    end.value = String(until / total);
    kept.style.left = `${(100 * state.begin) / total}%`;
    kept.style.right = `${100 - (100 * until) / total}%`;
    time.textContent = `${state.moment.toFixed(2)} s`;
    moment.setAttribute("aria-valuetext", `${state.moment.toFixed(2)} seconds`);
    begin.setAttribute("aria-valuetext", `${state.begin.toFixed(2)} seconds`);
    end.setAttribute("aria-valuetext", `${until.toFixed(2)} seconds`);
    const whole = state.begin === 0 && state.end === null;
    trimmed.textContent = whole ? "all of it" : `${(until - state.begin).toFixed(1)} s`;
    const at = state.moment - state.begin;
    marks.replaceChildren(...state.keys.map((key) => el("button.mark", {
      type: "button", "aria-label": `Keyframe at ${key.seconds.toFixed(2)} seconds`,
      style: `left:${(100 * (key.seconds + state.begin)) / (last() || 1)}%`,
      class: Math.abs(key.seconds - at) < 0.03 ? "mark here" : "mark",
      onclick: () => stage.show(key.seconds + state.begin),
    })));
    drawTools();
    drawLayer();
    stage.drawLights?.();
  };

  const drawLayer = () => {
    const dragged = layer.querySelector(":active") || (layer.contains(document.activeElement) && layer.dataset.shape === shapeOf());
    if (dragged) {
      return; // what is being dragged stays; its place is its own
    }
    layer.dataset.shape = shapeOf();
    const nodes = [];
    if (stage.picking && state.mask.click) {
      const { x, y } = state.mask.click;
      nodes.push(el("i.point", { style: `left:${100 * x}%;top:${100 * y}%` }));
    }
    if (lit && !state.references.length && !stage.picking) {
      state.lights.forEach((light, index) => {
        if (stage.has(light, "x")) nodes.push(...lampNode(light, index));
        else if (stage.has(light, "angle")) nodes.push(...sunNode(light, index));
      });
    }
    const focused = layer.contains(document.activeElement) ? { ...document.activeElement.dataset } : {};
    layer.replaceChildren(...nodes, ...(stage.extras ? stage.extras() : []));
    for (const [kind, number] of Object.entries(focused)) {
      layer.querySelector(`[data-${kind}="${number}"]`)?.focus({ preventScroll: true });
    }
  };
  const shapeOf = () => JSON.stringify([state.lights.map((one) => [one.word, one.settings.color]),
    state.keys.length, state.moment, state.references.length, Boolean(stage.picking), state.clip?.id]);
  stage.redraw = () => {
    layer.dataset.shape = "";
    if (layer.contains(document.activeElement)) document.activeElement.blur();
    drawLayer();
    picture.classList.toggle("picking", Boolean(stage.picking));
    ask();
  };

  const drawTools = () => {
    const nodes = [el("button.small", { type: "button", onclick: () => input.click() }, "Another clip")];
    if (lit && !state.info.still) {
      nodes.push(el("button.small", { type: "button", id: "add_key", onclick: () => {
        if (!state.keys.length && state.moment - state.begin > 0.05) {
          state.keys.push({ seconds: 0, smooth: true, lights: JSON.parse(JSON.stringify(state.lights)) });
        }
        keyHere();
        stage.changed();
      } }, svg(icons.key), "Add keyframe"));
      const at = state.moment - state.begin;
      const here = state.keys.find((key) => Math.abs(key.seconds - at) < 0.03);
      if (here) {
        nodes.push(el("button.small", { type: "button", onclick: () => {
          state.keys = state.keys.filter((key) => key !== here);
          stage.changed();
        } }, "Remove keyframe"));
      }
    }
    if (lit) {
      nodes.push(el("button.small", { type: "button", id: "export_frame", onclick: exportFrame },
        svg(icons.down), "Export this frame"));
      nodes.push(el("button.small", { type: "button", id: "add_reference", onclick: () => relit.click(),
        title: "A frame of this clip that you have relit with any tool: the clip follows it" },
      svg(icons.plus), "Use a relit frame"));
      nodes.push(el("label.check", {}, el("input", {
        type: "checkbox", checked: stage.plain,
        onchange: (event) => {
          stage.plain = event.target.checked;
          ask();
        },
      }), "Show without light"));
    }
    for (const one of state.references) {
      nodes.push(el("span.chip", { "data-reference": one.id }, el("b", {}, one.name),
        one.seconds === null ? "moment found by itself" : `at ${one.seconds.toFixed(2)} s`,
        el("button.iconbutton", { type: "button", "aria-label": `Remove ${one.name}`, onclick: () => {
          state.references = state.references.filter((other) => other !== one);
          stage.changed();
        } }, svg(icons.close))));
    }
    if (state.references.length) {
      nodes.push(el("p.hint", {}, "The clip follows the light of your picture. Lamps and model are not used."));
    }
    const focused = document.activeElement?.id;
    tools.replaceChildren(...nodes);
    if (focused) tools.querySelector(`#${CSS.escape(focused)}`)?.focus({ preventScroll: true });
  };

  watch("value", () => {
    const told = props.value || {};
    if (told.set === undefined) return;
    delete told.set;
    if (state.clip && told.clip && told.clip.id !== state.clip.id) otherClip();
    Object.assign(state, told);
    if (lit && !state.lights.length) state.lights = [{ word: "left", settings: {} }];
    layer.dataset.shape = "";
    if (told.frames && state.info) state.end = state.begin + told.frames / state.info.fps;
    if (state.end !== null && state.end >= length() - 0.02) state.end = null;
    delete state.frames;
    if (state.info) within();
    stage.changed();
    keepNow();
  });
  if (lit) Relight.lights(stage, given, trigger, server);
  const askSoon = Relight.once(150, ask); // not for each letter that is typed
  document.addEventListener("relight-words", (event) => {
    if (event.detail.tab !== tab) return;
    const typed = event.detail.values.prompt !== stage.prompt;
    Object.assign(stage, event.detail.values);
    (typed ? askSoon : ask)();
  });
  stage.draw();
  if (state.clip) stage.changed();
};

// Colour of a black body on a screen, roughly (for lamps' faces only).
Relight.kelvin = (kelvin) => {
  const t = Relight.clamp(kelvin, 1667, 25000) / 100;
  const red = t <= 66 ? 255 : 329.7 * (t - 60) ** -0.1332;
  const green = t <= 66 ? 99.47 * Math.log(t) - 161.1 : 288.1 * (t - 60) ** -0.0755;
  const blue = t >= 66 ? 255 : t <= 19 ? 0 : 138.5 * Math.log(t - 10) - 305;
  const channel = (v) => Math.round(Relight.clamp(v, 0, 255)).toString(16).padStart(2, "0");
  return `#${channel(red)}${channel(green)}${channel(blue)}`;
};
