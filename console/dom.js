/**
 * Building what is shown. Data becomes text and never markup: nothing here, or in any other module,
 * parses HTML. And text does nothing to what stands around it: what would act unseen is spelt out,
 * and every inline element is isolated (console.css).
 */
import { REFUSED } from "./unseen.js";

/**
 * Return text, whoever wrote it, as it can be shown, like `\\u202e` for a sign that would turn what
 * follows.
 */
export function shown(text) {
  const told = String(text).replace(REFUSED, (sign) => {
    const code = sign.codePointAt(0);
    const [prefix, digits] = code <= 0xff ? ["x", 2] : code <= 0xffff ? ["u", 4] : ["U", 8];
    return `\\${prefix}${code.toString(16).padStart(digits, "0")}`;
  });
  return /^\p{M}/u.test(told) ? `◌${told}` : told;
}

/**
 * Return text that others wrote, to stand within a sentence of ours: its direction ends with it.
 */
export function quoted(text) {
  return el("bdi", {}, text);
}

/**
 * Return a new element.
 *
 * @param {string} kind its tag, and classes behind dots: `p.quiet`
 * @param {Record<string, unknown>} [given] `on` holds listeners; other values become attributes,
 *   unless they are null or false
 * @param {...(Node|string|number|null|false|undefined)} children text and elements; what is empty
 *   is left out
 */
export function el(kind, given = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(given)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(
        name,
        value === true ? "" : name === "title" ? shown(value) : String(value),
      );
    }
  }
  const there = children.filter(
    (child) => child !== null && child !== undefined && child !== false && child !== "",
  );
  made.append(...there.map((child) => (child instanceof Node ? child : shown(child))));
  return made;
}

/** Return the element of this id, which index.html has. */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** By element that `show` made: what it shows. */
const drawn = new WeakMap();

/**
 * Make the children of `parent` show `items`, one each, and touch none that shows the same as
 * before: what somebody has unfolded, selected or focused there stays so.
 *
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => Element} draw
 */
export function show(parent, items, draw) {
  const count = new Map();
  const keys = items.map((item) => {
    const text = JSON.stringify(item);
    count.set(text, (count.get(text) ?? 0) + 1);
    return `${count.get(text)} ${text}`;
  });
  const wanted = new Set(keys);
  const had = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(drawn.get(child))) had.set(drawn.get(child), child);
    else child.remove();
  }
  let next = parent.firstElementChild;
  items.forEach((item, index) => {
    const child = had.get(keys[index]) ?? draw(item);
    drawn.set(child, keys[index]);
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  });
}

/**
 * Return a link that leaves this page, or its text alone where the address is none of the web's:
 * one with `javascript:` would run as us.
 */
export function linkOut(address, text) {
  const safe = URL.canParse(address) && ["http:", "https:"].includes(new URL(address).protocol);
  return safe
    ? el("a", { href: address, rel: "noreferrer", target: "_blank" }, text)
    : el("span", {}, text);
}

/** Return a value as JSON to unfold; nothing when there is none. */
export function folded(title, value) {
  if (value === null || value === undefined || Object.keys(value).length === 0) return null;
  return el(
    "details.json",
    {},
    el("summary", {}, title),
    el("pre", { tabindex: 0 }, JSON.stringify(value, null, 2)),
  );
}
