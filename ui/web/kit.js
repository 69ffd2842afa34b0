// Helpers that all parts of the page share. Text of visitors only ever goes into text nodes.
"use strict";
window.Relight = { parts: {}, ready: false, who: null };

Relight.mount = (name, element, props, trigger, server, watch, given) => {
  document.documentElement.lang = "en";
  Relight[name](element, props, trigger, server, watch, given);
};

// el("button.small", {onclick, "aria-label": ...}, child, "text")
Relight.el = (spec, attributes = {}, ...children) => {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

Relight.svg = (content, box = "0 0 24 24") => {
  const holder = document.createElement("span");
  holder.className = "icon";
  holder.innerHTML =
    `<svg viewBox="${box}" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" ` +
    `stroke-linecap="round" stroke-linejoin="round">${content}</svg>`;
  return holder;
};

Relight.icons = {
  plus: '<path d="M12 5v14M5 12h14"/>',
  close: '<path d="M6 6l12 12M18 6L6 18"/>',
  play: '<path d="M7 4.5v15l12-7.5z" fill="currentColor"/>',
  pause: '<path d="M8 5v14M16 5v14" stroke-width="3"/>',
  down: '<path d="M12 4v11m0 0l-4.5-4.5M12 15l4.5-4.5M5 20h14"/>',
  key: '<path d="M12 4l7 8-7 8-7-8z"/>',
  bin: '<path d="M5 7h14M10 11v6M14 11v6M7 7l1 13h8l1-13M9 7V4h6v3"/>',
  again: '<path d="M4 12a8 8 0 1 1 2.5 5.8M4 19v-5h5"/>',
};

Relight.clock = (seconds) => {
  if (!Number.isFinite(seconds)) return "";
  const whole = Math.max(seconds, 0);
  if (whole >= 3600) {
    return `${Math.floor(whole / 3600)}:${String(Math.floor(whole / 60) % 60).padStart(2, "0")} h`;
  }
  if (whole >= 59.5) {
    const round = Math.round(whole);
    return `${Math.floor(round / 60)}:${String(round % 60).padStart(2, "0")} min`;
  }
  return whole < 9.95 ? `${whole.toFixed(1)} s` : `${Math.round(whole)} s`;
};

Relight.size = (bytes) =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(bytes / 1e6, 0.1).toFixed(1)} MB`;

Relight.once = (wait, call) => {
  let timer = null;
  let due = null;
  const now = () => {
    clearTimeout(timer);
    const last = due;
    due = null;
    if (last) call(...last);
  };
  pending.add(now);
  const soon = (...given) => {
    clearTimeout(timer);
    due = given;
    timer = setTimeout(now, wait);
  };
  soon.now = now;
  return soon;
};

// A button of the bar means what is on the page now, also what would have been sent a moment later.
const pending = new Set();
const settled = () => [1, 2].forEach(() => pending.forEach((now) => now())); // one may cause another
document.addEventListener("pointerdown", (event) => event.target.closest?.(".actions") && settled(), true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.target.closest?.(".actions")) settled();
}, true);

// Calls one after another; while one is under way, only the newest of the others is kept.
Relight.newest = (call) => {
  let busy = false;
  let next = null;
  const run = async (given) => {
    busy = true;
    try {
      await call(given);
    } catch (error) {
      console.warn("relight:", error);
    }
    busy = false;
    if (next !== null) {
      const then = next;
      next = null;
      run(then);
    }
  };
  return (given) => {
    if (busy) next = given;
    else run(given);
  };
};

// The address of a file that the server has given.
Relight.file = (path, name) => {
  const place = path.split("/").map(encodeURIComponent).join("/");
  const url = new URL(`gradio_api/file=${place}`, document.baseURI);
  if (name) url.searchParams.set("as", name);
  return url.href;
};

// Resolves once the page knows its visitor and has put back what was there before a reload.
Relight.known = async () => {
  for (let look = 0; look < 150 && !(Relight.who && Relight.ready); look += 1) {
    await new Promise((done) => setTimeout(done, 60));
  }
  if (!Relight.who) throw new Error("the connection was lost: reload the page");
};

// Uploads one file; resolves to its place in the server's cache.
Relight.upload = (file, limit, onPart) =>
  new Promise((resolve, reject) => {
    if (limit && file.size > limit) {
      const [size, most] = [Relight.size(file.size), Relight.size(limit)];
      reject(new Error(`${file.name} has ${size}; at most ${most} can be uploaded`));
      return;
    }
    const form = new FormData();
    form.append("files", file, file.name);
    const call = new XMLHttpRequest();
    call.open("POST", new URL("gradio_api/upload", document.baseURI).href);
    call.upload.onprogress = (event) =>
      event.lengthComputable && onPart && onPart(event.loaded / event.total);
    call.onload = () => {
      if (call.status === 200) resolve(JSON.parse(call.responseText)[0]);
      else if (call.status === 413) reject(new Error(`${file.name} is too large for this studio`));
      else reject(new Error(`${file.name} was not taken by the server (${call.status})`));
    };
    call.onerror = () => reject(new Error(`the connection was lost; choose ${file.name} again`));
    call.send(form);
  });

// A place for files: click, keys or drop; `taken` gets a list of File objects.
Relight.dropzone = (node, taken, { folders = false } = {}) => {
  node.addEventListener("dragover", (event) => {
    event.preventDefault();
    node.classList.add("over");
  });
  node.addEventListener("dragleave", () => node.classList.remove("over"));
  node.addEventListener("drop", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    node.classList.remove("over");
    const items = Array.from(event.dataTransfer.items || []);
    const entries = items.map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    if (folders && entries.some((entry) => entry && entry.isDirectory)) {
      taken((await Promise.all(entries.filter(Boolean).map(Relight.walk))).flat());
    } else {
      taken(Array.from(event.dataTransfer.files));
    }
  });
};

Relight.walk = (entry) =>
  new Promise((resolve) => {
    if (entry.isFile) {
      entry.file((file) => resolve([file]), () => resolve([]));
      return;
    }
    const reader = entry.createReader();
    const found = [];
    const more = () =>
      reader.readEntries(async (entries) => {
        if (!entries.length) resolve((await Promise.all(found.map(Relight.walk))).flat());
        else {
          found.push(...entries);
          more();
        }
      }, () => resolve([]));
    more();
  });

// Follows a pointer from its press to its release.
Relight.drag = (node, onMove, onEnd) => {
  node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    node.focus({ preventScroll: true });
    node.setPointerCapture(event.pointerId);
    const move = (moved) => onMove(moved);
    const end = () => {
      node.removeEventListener("pointermove", move);
      node.removeEventListener("pointerup", end);
      node.removeEventListener("pointercancel", end);
      if (onEnd) onEnd();
    };
    node.addEventListener("pointermove", move);
    node.addEventListener("pointerup", end);
    node.addEventListener("pointercancel", end);
  });
};

Relight.clamp = (value, low, high) => Math.min(Math.max(value, low), high);
