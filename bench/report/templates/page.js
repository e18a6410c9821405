/* The leaderboard: sorting by header, filtering by form. */

function sortBoard(table) {
  const headers = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];

  const sort = (column, direction) => {
    const sign = direction === "ascending" ? 1 : -1;
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      const difference = x - y;
      return sign * (Number.isNaN(difference) ? x.localeCompare(y) : difference);
    };
    body.append(...[...body.rows].sort(compare));
    headers.forEach((header) => header.removeAttribute("aria-sort"));
    headers[column].setAttribute("aria-sort", direction);
  };

  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const opposite = { ascending: "descending", descending: "ascending" };
      sort(column, opposite[header.getAttribute("aria-sort")] ?? header.dataset.first);
    });
  });
}

function filterBoard(form, table) {
  const words = ["dataset", "loss", "preset", "kind"];
  const rows = [...table.tBodies[0].rows];
  const ceilings = [...(table.tFoot?.rows ?? [])];

  const apply = () => {
    const wanted = (word) => form.elements[word]?.value ?? ""; // none where all rows have one
    const text = wanted("text").trim().toLowerCase();
    for (const row of rows) {
      row.hidden =
        words.some((word) => wanted(word) && row.dataset[word] !== wanted(word)) ||
        !row.cells[0].textContent.toLowerCase().includes(text);
    }
    for (const row of ceilings) {
      row.hidden = Boolean(wanted("dataset")) && row.dataset.dataset !== wanted("dataset");
    }
    const shown = rows.filter((row) => !row.hidden).length;
    form.elements.count.value = `${shown} of ${rows.length} cells`;
  };

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}

/* The rows that are shown, in their order: unrounded, each figure with its interval. */
function boardCsv(table) {
  const names = [...table.tHead.rows[0].cells].map((header) => header.dataset.name);
  const facts = ["dataset", "loss", "preset", "fold", "seed"];
  const figures = names.filter(Boolean).flatMap((name) => [name, `${name}_low`, `${name}_high`]);
  const line = (row) => [
    row.cells[0].firstChild.textContent,
    ...facts.map((name) => row.dataset[name] ?? ""),
    row.cells[2].textContent,
    ...[...row.cells].filter((_, column) => names[column]).flatMap(({ dataset }) => [dataset.value, dataset.low, dataset.high]),
  ];
  const quoted = (text = "") => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = [...table.querySelectorAll("tbody tr, tfoot tr")].filter((row) => !row.hidden);
  const lines = [["cell", ...facts, "triplets", ...figures], ...rows.map(line)];
  return lines.map((cells) => `${cells.map(quoted).join(",")}\n`).join("");
}

function download(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

/* Where the browser lets nobody write to the clipboard, the command is selected. */
async function copy(button) {
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), COPIED);
}

/* The viewer. What is shown is one state; the address holds it, and everything is drawn from it. */

const SIDES = ["before", "truth", "prediction", "after"];
const REAL = { before: 0, truth: 1, after: 2 };
const TYPES = { crop: "image/png", preview: "image/jpeg" };
const COPIED = 1500; // milliseconds that a button says so
const ERROR_REACH = 80; // grey levels at the ends of the error's colours

/* Blue over white to brown: readable with any colour vision, and the sign in grey print is not lost
   to a rainbow. Each end is a straight way to the colour of that end. */
function errorColour(error) {
  const share = Math.min(1, Math.abs(error) / ERROR_REACH);
  const end = error < 0 ? [5, 75, 140] : [140, 70, 0];
  return end.map((channel) => Math.round(255 + (channel - 255) * share));
}

function viewer(data) {
  const cells = new Map(data.cells.map((cell) => [cell.id, cell]));
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const state = { cell: "", triplet: -1, left: "truth", right: "prediction", split: 50, zoom: 1, error: false };
  let pictures = null; // canvases of the current triplet by side
  let flickering = null; // timer
  let flicked = ""; // the side that flickering shows: left, right or none

  const cell = () => cells.get(state.cell);
  const row = () => cell().triplets.find((each) => each.triplet === state.triplet);
  const siblings = () => data.cells.filter((each) => each.dataset === cell().dataset);
  const quality = (each) => ["crop", "preview"].find((name) => name in each);
  const source = (kind, place) => `data:${TYPES[kind]};base64,${data.pictures[kind][place]}`;

  /* State and address. */

  const readAddress = () => {
    const address = new URLSearchParams(location.hash.slice(1));
    if (cells.has(address.get("cell"))) state.cell = address.get("cell");
    state.triplet = given(address, "triplet", 0, Infinity, state.triplet);
    for (const side of ["left", "right"]) {
      if (SIDES.includes(address.get(side))) state[side] = address.get(side);
    }
    state.split = given(address, "split", 0, 100, state.split);
    state.zoom = given(address, "zoom", 1, 8, state.zoom);
    if (address.has("error")) state.error = address.get("error") === "1";
    return address.has("cell");
  };

  const writeAddress = () => {
    const words = new URLSearchParams({ ...state, error: Number(state.error) });
    history.replaceState(null, "", `#${words}`);
  };

  const change = (changes) => {
    Object.assign(state, changes);
    writeAddress();
    show();
  };

  /* Lists. */

  const fillChoices = () => {
    const datasets = [...new Set(data.cells.map((each) => each.dataset))];
    byId("dataset").replaceChildren(
      ...datasets.map((name) => element("option", { value: name, textContent: name })),
    );
    byId("dataset").value = cell().dataset;
    byId("cell").replaceChildren(
      ...siblings().map((each) =>
        element("option", { value: each.id, textContent: `${each.title} (${each.detail})` }),
      ),
    );
    byId("cell").value = state.cell;
  };

  const fillTriplets = () => {
    const gain = cell().ranked === "gain";
    byId("order").textContent = `ranked by ${gain ? "PSNR gain over linear" : "PSNR"}, the median, worst and best first`;
    byId("triplets").replaceChildren(
      ...cell().triplets.map((each) => {
        const kind = quality(each);
        const thumb = kind
          ? element("img", { src: source(kind, each[kind]), alt: "", loading: "lazy" })
          : element("span", { className: "blank" });
        const name = element("span", {}, `#${each.triplet}`, element("small", { textContent: each.label }));
        const score = element("span", { className: "score" }, decibel(each.psnr));
        if (gain) score.append(element("small", { textContent: signed(each.gain) }));
        const button = element("button", { type: "button", tabIndex: -1 }, thumb, name, score);
        button.dataset.triplet = each.triplet;
        return element("li", {}, button);
      }),
    );
  };

  const markTriplet = () =>
    markCurrent(byId("triplets"), (button) => Number(button.dataset.triplet) === state.triplet);

  const fillScores = () => {
    const each = row();
    const facts = [
      ["triplet", `#${each.triplet}${each.label ? `, ${each.label}` : ""}`],
      ["place", each.place],
      ["PSNR", decibel(each.psnr)],
      ["gain", each.gain === null ? "–" : `${signed(each.gain)} dB`],
      ["SSIM", each.ssim ?? "–"],
      ["IE", each.ie ?? "–"],
    ];
    byId("scores").replaceChildren(
      ...facts.map(([name, text]) =>
        element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: text })),
      ),
    );
    const kinds = {
      crop: "Lossless.",
      preview: "A preview at half resolution, with loss; its error map is a hint, not a measurement.",
    };
    const place = `${cell().title}, triplet ${each.triplet}${each.label ? ` (${each.label})` : ""}.`;
    byId("command").textContent = cell().command;
    byId("status").textContent = `${place} ${kinds[quality(each)] ?? ""}`;
  };

  const decibel = (value) => (value === null ? "–" : `${value.toFixed(2)} dB`);
  const signed = (value) =>
    value === null ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

  /* Pictures. */

  const load = async (kind, place) => {
    const image = new Image();
    image.src = source(kind, place);
    await image.decode();
    const canvas = element("canvas", { width: image.width, height: image.height });
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(image, 0, 0);
    return canvas;
  };

  const loadPictures = async () => {
    const wanted = row();
    const kind = quality(wanted);
    pictures = null;
    if (kind) {
      const real = data.datasets[cell().dataset].real[kind][wanted.triplet];
      const places = { prediction: wanted[kind] };
      for (const [side, index] of Object.entries(REAL)) places[side] = real[index];
      const loaded = await Promise.all(SIDES.map((side) => load(kind, places[side])));
      if (wanted !== row()) return; // another triplet was chosen meanwhile
      pictures = Object.fromEntries(SIDES.map((side, index) => [side, loaded[index]]));
      pictures.error = errorMap(pictures.prediction, pictures.truth);
    }
    draw();
  };

  const errorMap = (prediction, truth) => {
    const { width, height } = truth;
    const pixels = (canvas) => canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const [mine, real] = [pixels(prediction), pixels(truth)];
    const map = element("canvas", { width, height });
    const image = new ImageData(width, height);
    for (let i = 0; i < mine.length; i += 4) {
      image.data.set([...errorColour(mine[i] - real[i]), 255], i);
    }
    map.getContext("2d").putImageData(image, 0, 0);
    return map;
  };

  const draw = () => {
    byId("paper").hidden = pictures === null;
    byId("missing").hidden = pictures !== null;
    if (pictures === null) return;
    const { width, height } = pictures.truth;
    const canvas = Object.assign(byId("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const whole = state.error ? "error" : flicked && state[flicked];
    const edge = whole ? width : Math.round((width * state.split) / 100);
    context.drawImage(pictures[whole || state.left], 0, 0);
    if (edge < width) {
      context.drawImage(pictures[state.right], edge, 0, width - edge, height, edge, 0, width - edge, height);
    }
    byId("divider").hidden = Boolean(whole);
    byId("divider").style.left = `${state.split}%`;
    byId("left-name").textContent = whole ? (whole === "error" ? "prediction − truth" : whole) : state.left;
    byId("right-name").textContent = whole ? "" : state.right;
    canvas.setAttribute("aria-label", whole || `${state.left} on the left, ${state.right} on the right`);
  };

  const zoom = () =>
    enlarge(byId("stage"), state.zoom, () => {
      byId("paper").style.width = `${state.zoom * 100}%`;
    });

  const drawRamp = () => {
    const context = byId("ramp").getContext("2d");
    for (let error = -ERROR_REACH; error <= ERROR_REACH; error += 1) {
      context.fillStyle = `rgb(${errorColour(error)})`;
      context.fillRect(error + ERROR_REACH, 0, 1, 1);
    }
  };

  /* Everything from the state; lists and pictures only where they changed. */

  const drawn = { cell: null, triplet: null };

  const show = () => {
    if (!cell()) state.cell = data.opens[data.cells[0].dataset];
    if (!row()) state.triplet = cell().triplets[0].triplet;
    const [newCell, newTriplet] = [drawn.cell !== state.cell, drawn.triplet !== state.triplet];
    Object.assign(drawn, { cell: state.cell, triplet: state.triplet });
    if (newCell) fillChoices();
    if (newCell) fillTriplets();
    if (newCell || newTriplet) {
      markTriplet();
      fillScores();
      loadPictures();
    }
    for (const side of ["left", "right"]) choose(byId(side), state[side]);
    byId("split").value = state.split;
    byId("split").disabled = state.error || flickering !== null;
    byId("split").setAttribute("aria-valuetext", `${state.split} % ${state.left}, ${100 - state.split} % ${state.right}`);
    byId("error").setAttribute("aria-pressed", state.error);
    byId("flicker").setAttribute("aria-pressed", flicked !== "");
    byId("legend").hidden = !state.error;
    byId("zoom").value = state.zoom;
    zoom();
    draw();
  };

  /* Controls. */

  const step = (list, current, by) => list[Math.min(list.length - 1, Math.max(0, list.indexOf(current) + by))];
  const goTriplet = (by) => change({ triplet: step(cell().triplets, row(), by).triplet });
  const goCell = (by) => change({ cell: step(siblings(), cell(), by).id });

  const flick = () => {
    flicked = flicked === "left" ? "right" : "left";
    draw();
  };

  const stopFlicker = () => {
    clearInterval(flickering);
    flickering = null;
    flicked = "";
  };

  /* Without motion, each press shows the other picture; the slider brings the comparison back. */
  const toggleFlicker = () => {
    state.error = false;
    if (flickering !== null) {
      stopFlicker();
    } else {
      flick();
      if (!still.matches) flickering = setInterval(flick, FLICKER);
    }
    change({});
  };

  const keys = {
    ArrowLeft: () => goTriplet(-1),
    ArrowRight: () => goTriplet(1),
    ArrowUp: () => goCell(-1),
    ArrowDown: () => goCell(1),
  };

  /* The arrows are the viewer's where it has the focus, and sideways where nothing has. */
  const onKey = (event) => {
    const target = event.target;
    const inside = byId("viewer").contains(target);
    const free = target === document.body && ["ArrowLeft", "ArrowRight"].includes(event.key);
    const own = target.matches("select, input");
    const modified = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!(event.key in keys) || own || modified || !(inside || free)) return;
    event.preventDefault();
    if (free) byId("stage").focus();
    keys[event.key]();
  };

  const dragToMove = (stage) => {
    stage.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && state.zoom > 1) stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      if (stage.hasPointerCapture(event.pointerId)) stage.scrollBy(-event.movementX, -event.movementY);
    });
  };

  const connect = () => {
    for (const side of ["left", "right"]) choice(byId(side), SIDES, {}, (name) => change({ [side]: name }));
    byId("dataset").addEventListener("change", (event) => {
      change({ cell: data.opens[event.target.value], triplet: -1 });
    });
    byId("cell").addEventListener("change", (event) => change({ cell: event.target.value }));
    byId("triplets").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) change({ triplet: Number(button.dataset.triplet) });
    });
    byId("split").addEventListener("input", (event) => {
      stopFlicker();
      change({ split: event.target.valueAsNumber });
    });
    byId("zoom").addEventListener("input", (event) => change({ zoom: event.target.valueAsNumber }));
    byId("previous").addEventListener("click", () => goTriplet(-1));
    byId("next").addEventListener("click", () => goTriplet(1));
    byId("flicker").addEventListener("click", toggleFlicker);
    byId("error").addEventListener("click", () => {
      stopFlicker();
      change({ error: !state.error });
    });
    dragToMove(byId("stage"));
    document.addEventListener("keydown", onKey);
    window.addEventListener("hashchange", () => {
      if (readAddress()) byId("viewer").scrollIntoView();
      show();
    });
  };

  connect();
  drawRamp();
  readAddress();
  show();
}

const board = document.querySelector(".board");
if (board) {
  sortBoard(board);
  filterBoard(document.querySelector(".filters"), board);
  byId("csv").addEventListener("click", () => download("leaderboard.csv", boardCsv(board)));
}
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", () => copy(button));
}
const shown = JSON.parse(byId("data").textContent);
if (shown.cells.length) viewer(shown);
