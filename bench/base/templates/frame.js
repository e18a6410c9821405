"use strict";

const FLICKER = 500; // milliseconds a picture; faster than three flashes a second is not safe

const byId = (id) => document.getElementById(id);

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/* A whole number of an address within its limits; the other one where it has none. */
function given(address, name, low, high, otherwise) {
  const value = parseInt(address.get(name) ?? "", 10);
  return Number.isNaN(value) ? otherwise : Math.min(high, Math.max(low, value));
}

/* A choice of one from several. */
function choice(fieldset, names, titles, onChange) {
  fieldset.querySelectorAll("label").forEach((label) => label.remove());
  fieldset.append(
    ...names.map((name) =>
      element(
        "label",
        {},
        element("input", { type: "radio", name: fieldset.id, value: name, onchange: () => onChange(name) }),
        element("span", { textContent: titles[name] ?? name }),
      ),
    ),
  );
}

function choose(fieldset, name) {
  for (const input of fieldset.querySelectorAll("input")) input.checked = input.value === name;
}

/* Mark the button of a list that is shown, and scroll the list to it, never the page. */
function markCurrent(list, isCurrent) {
  const focused = list.contains(document.activeElement);
  for (const button of list.querySelectorAll("button")) {
    const current = isCurrent(button);
    button.tabIndex = current ? 0 : -1;
    button.setAttribute("aria-current", current);
    if (!current) continue;
    if (focused) button.focus({ preventScroll: true });
    const [outer, inner] = [list.getBoundingClientRect(), button.getBoundingClientRect()];
    list.scrollTop += Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom);
    list.scrollLeft += Math.min(0, inner.left - outer.left) + Math.max(0, inner.right - outer.right);
  }
}

/* Enlarge what a stage shows about the middle of what is seen of it. */
function enlarge(stage, factor, resize) {
  const middle = (stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth;
  const centre = (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight;
  resize();
  stage.classList.toggle("zoomed", factor > 1);
  stage.scrollLeft = middle * stage.scrollWidth - stage.clientWidth / 2;
  stage.scrollTop = centre * stage.scrollHeight - stage.clientHeight / 2;
  byId("factor").value = `${factor}×`;
}

/* Light or dark: the system's wish, until the reader has one. A browser may refuse to remember it. */
function switchDark(button) {
  const remembered = (change) => {
    try {
      return change(localStorage);
    } catch {
      return null;
    }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  let wish = remembered((memory) => memory.getItem("interslice-colours"));
  const isDark = () => (wish ? wish === "dark" : system.matches);
  const show = () => {
    document.documentElement.style.colorScheme = wish ?? "";
    button.setAttribute("aria-pressed", isDark());
  };
  button.addEventListener("click", () => {
    wish = isDark() ? "light" : "dark";
    remembered((memory) => memory.setItem("interslice-colours", wish));
    show();
  });
  system.addEventListener("change", show);
  show();
}

switchDark(byId("dark"));
