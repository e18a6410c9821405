/* The viewer of a repair. What is shown is one state; the address holds it, and everything is drawn
   from it. Pictures lie beside the page, and a page from disk may not read their pixels: they are
   laid over each other and cut by style alone. */

const PICTURES = ["before", "damaged", "filled", "after"];
const SIDES = ["before", "damaged", "after"]; // what the filled slice is compared with
const NAMES = { before: "before", damaged: "as it was", filled: "filled", after: "after" };
const PARTS = { whole: "whole slice" }; // the others are called what they are
const STATES = { whole: "filled", places: "filled in places", no: "not filled" };

function viewer(slices) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const state = { slice: slices[0].slice, left: "before", split: 50, part: "", error: false, places: true, zoom: 1 };
  let flickering = null; // timer
  let flicked = ""; // the picture that flickering shows

  const current = () => slices.find((each) => each.slice === state.slice);
  /* A slice opens on its first part, unless a part was chosen that it has too. */
  const part = () => current().parts.find((each) => each.name === state.part) ?? current().parts[0];
  const right = () => (part().filled ? "filled" : "after");
  const sides = () => SIDES.filter((name) => part()[name] && name !== right());
  const left = () => (sides().includes(state.left) ? state.left : sides()[0]);
  const turn = () => ["before", "filled", "after"].filter((name) => part()[name]);

  const called = (name) => {
    const number = current().numbers[name] ?? current().slice;
    return `${NAMES[name]}, slice ${number}`;
  };

  /* State and address. */

  const readAddress = () => {
    const address = new URLSearchParams(location.hash.slice(1));
    const slice = parseInt(address.get("slice") ?? "", 10);
    if (slices.some((each) => each.slice === slice)) state.slice = slice;
    if (SIDES.includes(address.get("left"))) state.left = address.get("left");
    state.part = address.get("part") ?? state.part;
    state.split = given(address, "split", 0, 100, state.split);
    state.zoom = given(address, "zoom", 1, 8, state.zoom);
    for (const name of ["error", "places"]) {
      if (address.has(name)) state[name] = address.get(name) === "1";
    }
    return address.has("slice");
  };

  const change = (changes) => {
    Object.assign(state, changes);
    const words = { ...state, error: Number(state.error), places: Number(state.places) };
    history.replaceState(null, "", `#${new URLSearchParams(words)}`);
    show();
  };

  /* What is said of the slice. */

  const tell = () => {
    const each = current();
    const place = slices.indexOf(each) + 1;
    byId("status").textContent = `Slice ${each.slice}, ${STATES[each.filled]} (${place} of ${slices.length})`;
    byId("note").textContent = each.note;
    byId("note").hidden = !each.note;
    byId("reasons").replaceChildren(...each.reasons.map((text) => element("li", { textContent: text })));
    const rows = each.facts.flatMap(([name, text]) => [
      element("dt", { textContent: name }),
      element("dd", { textContent: text }),
    ]);
    if (each.file) {
      rows.push(element("dt", { textContent: "error map" }));
      rows.push(element("dd", {}, element("a", { href: each.file, textContent: each.file })));
    }
    byId("facts").replaceChildren(...rows);
  };

  const tellQuality = () => {
    const { shrunk, box } = part();
    const [, , width, height] = box;
    const lossy = PICTURES.some((name) => part()[name]?.endsWith(".webp"));
    const size = `${width.toLocaleString("en")} × ${height.toLocaleString("en")} pixels`;
    const scale = `${size}${shrunk > 1 ? `, shrunk ${shrunk} times` : ", at full resolution"}.`;
    byId("quality").textContent = `${scale} ${lossy ? "Compressed with some loss: look at the volume for noise and fine texture." : "Lossless."}`;
  };

  /* Pictures. */

  const load = async () => {
    const shown = part();
    const wanted = { before: shown.before, damaged: shown.damaged, filled: shown.filled, after: shown.after, errors: shown.error };
    const images = Object.entries(wanted).map(([id, address]) => {
      const image = byId(id);
      if (address) image.src = address;
      else image.removeAttribute("src");
      return address ? image.decode() : null;
    });
    byId("paper").dataset.ready = "";
    const [x, y, width, height] = shown.box;
    byId("paper").style.aspectRatio = `${width} / ${height}`;
    byId("outline").setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    byId("outline").querySelectorAll("path").forEach((path) => path.setAttribute("d", shown.outline));
    byId("strip").replaceChildren(
      ...PICTURES.filter((name) => shown[name]).map((name) =>
        element(
          "figure",
          {},
          element("img", { src: shown[name], alt: called(name), width, height }),
          element("figcaption", {}, element("b", { textContent: NAMES[name] }), `slice ${current().numbers[name] ?? current().slice}`),
        ),
      ),
    );
    await Promise.allSettled(images);
    if (shown === part()) byId("paper").dataset.ready = `${state.slice} ${shown.name}`;
  };

  const draw = () => {
    const one = flicked;
    const cut = `inset(0 0 0 ${state.split}%)`;
    for (const name of PICTURES) {
      const image = byId(name);
      image.hidden = one ? name !== one : name !== left() && name !== right();
      image.style.zIndex = name === right() ? 1 : 0;
      image.style.clipPath = !one && name === right() ? cut : "none";
    }
    const error = state.error && Boolean(part().error) && !one;
    byId("errors").hidden = !error;
    byId("errors").style.clipPath = cut;
    byId("legend").hidden = !error;
    byId("outline").toggleAttribute("hidden", !(state.places && part().outline));
    byId("divider").hidden = Boolean(one);
    byId("divider").style.left = `${state.split}%`;
    for (const id of ["errors", "outline", "divider"]) byId(id).style.zIndex = 2;
    byId("left-name").textContent = called(one || left());
    byId("right-name").textContent = one ? "" : called(right());
    byId("stage").classList.toggle("comparing", !one && state.zoom === 1);
  };

  /* A picture fits into its frame at zoom 1, whatever its shape. */
  const zoom = () => {
    const stage = byId("stage");
    const [, , width, height] = part().box;
    enlarge(stage, state.zoom, () => {
      const tallest = parseFloat(getComputedStyle(stage).maxHeight);
      const fitting = Math.min(stage.clientWidth, (tallest * width) / height);
      stage.style.height = `${(fitting * height) / width}px`;
      byId("paper").style.width = `${fitting * state.zoom}px`;
      byId("paper").classList.toggle("fine", state.zoom > 1);
    });
  };

  /* Everything from the state; words and pictures only where they changed. */

  const drawn = { slice: null, part: null };

  const show = () => {
    const [newSlice, newPart] = [drawn.slice !== state.slice, drawn.part !== part().name];
    Object.assign(drawn, { slice: state.slice, part: part().name });
    if (newSlice) {
      markCurrent(byId("list"), (button) => Number(button.dataset.slice) === state.slice);
      tell();
      choice(byId("left-side"), sides(), NAMES, (name) => change({ left: name }));
    }
    if (newSlice || newPart) {
      const parts = current().parts.map((each) => each.name);
      byId("part").hidden = parts.length < 2;
      choice(byId("part"), parts, PARTS, (name) => change({ part: name }));
      choose(byId("part"), part().name);
      tellQuality();
      load();
    }
    choose(byId("left-side"), left());
    byId("split").value = state.split;
    byId("split").setAttribute("aria-valuetext", `${state.split} % ${NAMES[left()]}, ${100 - state.split} % ${NAMES[right()]}`);
    byId("flicker").setAttribute("aria-pressed", flicked !== "");
    byId("error").setAttribute("aria-pressed", state.error);
    byId("error").disabled = !part().error;
    byId("places").setAttribute("aria-pressed", state.places);
    byId("places").hidden = !part().outline;
    byId("zoom").value = state.zoom;
    zoom();
    draw();
  };

  /* Controls. */

  const go = (by) => {
    const place = slices.indexOf(current()) + by;
    change({ slice: slices[Math.min(slices.length - 1, Math.max(0, place))].slice });
  };

  const stopFlicker = () => {
    clearInterval(flickering);
    flickering = null;
    flicked = "";
  };

  const flick = () => {
    const names = turn();
    flicked = names[(names.indexOf(flicked) + 1) % names.length];
    draw();
  };

  /* Without motion, each press shows the next picture, and the last one leads back. */
  const toggleFlicker = () => {
    if (still.matches) {
      if (flicked === turn().at(-1)) stopFlicker();
      else flick();
    } else if (flickering !== null) {
      stopFlicker();
    } else {
      flick();
      flickering = setInterval(flick, FLICKER);
    }
    show();
  };

  const toggleError = () => {
    stopFlicker();
    change({ error: !state.error });
  };
  const togglePlaces = () => change({ places: !state.places });
  const nextPart = () => {
    const { parts } = current();
    change({ part: parts[(parts.indexOf(part()) + 1) % parts.length].name });
  };

  const keys = {
    ArrowLeft: () => go(-1),
    ArrowRight: () => go(1),
    ArrowUp: () => go(-1),
    ArrowDown: () => go(1),
    " ": toggleFlicker,
    e: toggleError,
    o: togglePlaces,
    m: nextPart,
  };

  /* Up and down scroll the page unless the viewer has the focus; a control keeps its own keys. */
  const onKey = (event) => {
    const target = event.target;
    const free = target === document.body;
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !(event.key in keys)) return;
    if (!free && !byId("viewer").contains(target)) return;
    if (free && ["ArrowUp", "ArrowDown"].includes(event.key)) return;
    if (target.matches("input") && event.key.startsWith("Arrow")) return;
    if (target.matches(".bar button, a") && event.key === " ") return;
    event.preventDefault();
    if (event.repeat && !event.key.startsWith("Arrow")) return;
    keys[event.key]();
  };

  const onDrag = (stage) => {
    const compare = (event) => {
      const box = byId("paper").getBoundingClientRect();
      const share = Math.round((100 * (event.clientX - box.left)) / box.width);
      stopFlicker();
      change({ split: Math.min(100, Math.max(0, share)) });
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      if (state.zoom === 1) compare(event);
    });
    stage.addEventListener("pointermove", (event) => {
      if (!stage.hasPointerCapture(event.pointerId)) return;
      if (state.zoom === 1) compare(event);
      else stage.scrollBy(-event.movementX, -event.movementY);
    });
  };

  const connect = () => {
    byId("list").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) change({ slice: Number(button.dataset.slice) });
    });
    byId("split").addEventListener("input", (event) => {
      stopFlicker();
      change({ split: event.target.valueAsNumber });
    });
    byId("zoom").addEventListener("input", (event) => change({ zoom: event.target.valueAsNumber }));
    byId("previous").addEventListener("click", () => go(-1));
    byId("next").addEventListener("click", () => go(1));
    byId("flicker").addEventListener("click", toggleFlicker);
    byId("error").addEventListener("click", toggleError);
    byId("places").addEventListener("click", togglePlaces);
    onDrag(byId("stage"));
    document.addEventListener("keydown", onKey);
    window.addEventListener("resize", zoom);
    window.addEventListener("hashchange", () => {
      if (readAddress()) byId("viewer").scrollIntoView();
      show();
    });
  };

  connect();
  readAddress();
  show();
}

const { slices } = JSON.parse(byId("data").textContent);
if (slices.length) viewer(slices);
