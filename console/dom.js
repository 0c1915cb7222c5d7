/**
 * Building what the pages show. Data becomes text and never markup: no module here parses HTML.
 * Text does not change what stands around it: characters that would act unseen are written as
 * escapes, and console.css isolates the direction of every inline element.
 */
import { REFUSED } from "./unseen.js";

/**
 * The element of a kind: `p.quiet` is a paragraph.
 *
 * @template {string} K
 * @typedef {K extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[K]
 *   : K extends `${infer Tag extends keyof HTMLElementTagNameMap}.${string}`
 *     ? HTMLElementTagNameMap[Tag] : HTMLElement} ElementOf
 */

/**
 * @typedef {Node|string|number|null|false|undefined} Child text or an element; empty ones are left
 *   out
 */

/**
 * Return any text so that it can be shown: a character that reverses text becomes `\\u202e`.
 *
 * @param {unknown} text
 */
export function printable(text) {
  const escaped = String(text).replace(REFUSED, (character) => {
    const hex = Number(character.codePointAt(0)).toString(16);
    const [prefix, digits] = hex.length <= 2 ? "x2" : hex.length <= 4 ? "u4" : "U8";
    return `\\${prefix}${hex.padStart(Number(digits), "0")}`;
  });
  return /^\p{M}/u.test(escaped) ? `◌${escaped}` : escaped;
}

/**
 * Return text of others for a sentence of ours: its writing direction ends with it.
 *
 * @param {Child} text
 */
export function bdi(text) {
  return el("bdi", {}, text);
}

/**
 * Return a new element.
 *
 * @template {string} K
 * @param {K} kind its tag, and its classes behind dots: `p.quiet`
 * @param {{on?: Record<string, (event: any) => void>, [name: string]: unknown}} [attributes] `on`
 *   holds listeners; null and false are left out
 * @param {...Child} children
 * @returns {ElementOf<K>}
 */
export function el(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  const { on = {}, ...others } = attributes;
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  for (const [name, value] of Object.entries(others)) {
    if (!isEmpty(value)) {
      const text = name === "title" ? printable(value) : String(value);
      element.setAttribute(name, value === true ? "" : text);
    }
  }
  const nodes = children.filter((child) => !isEmpty(child) && child !== "");
  element.append(...nodes.map((child) => (child instanceof Node ? child : printable(child))));
  return /** @type {ElementOf<K>} */ (element);
}

/** @param {unknown} value */
function isEmpty(value) {
  return value === null || value === undefined || value === false;
}

/**
 * Return the element of this id, which index.html has.
 *
 * @param {string} id
 */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** By element that `show` added: how it was drawn. @type {WeakMap<Element, string>} */
const markups = new WeakMap();
const serializer = new XMLSerializer();

/**
 * Make elements the children of `parent`, in this order; empty ones are left out. A child that was
 * drawn the same before is left as it is: what somebody unfolded, selected or focused in it stays
 * so, and what was done to it since it was shown.
 *
 * @param {Element} parent
 * @param {(Element|null|false|undefined|"")[]} drawings new elements
 */
export function show(parent, drawings) {
  const former = [...parent.children];
  const elements = drawings.filter((drawing) => drawing instanceof Element);
  const children = elements.map((element) => {
    const markup = serializer.serializeToString(element);
    markups.set(element, markup);
    const index = former.findIndex((child) => markups.get(child) === markup);
    return index < 0 ? element : former.splice(index, 1)[0];
  });
  for (const child of former) child.remove();
  let next = parent.firstElementChild;
  for (const child of children) {
    if (child === next) next = child.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

/**
 * Return a link that leaves this page. An address that is not of the web gives its text alone: one
 * with `javascript:` would run as this page.
 *
 * @param {string} address
 * @param {Child} text
 */
export function linkOut(address, text) {
  const isWeb = URL.canParse(address) && ["http:", "https:"].includes(new URL(address).protocol);
  if (!isWeb) return el("span", {}, text);
  return el("a", { href: address, rel: "noreferrer", target: "_blank" }, text);
}

/**
 * Return a value as JSON to unfold; null when it is empty.
 *
 * @param {string} title
 * @param {object|null|undefined} value
 */
export function jsonToUnfold(title, value) {
  if (!value || Object.keys(value).length === 0) return null;
  const json = JSON.stringify(value, null, 2);
  return el("details.json", {}, el("summary", {}, title), el("pre", { tabindex: 0 }, json));
}
