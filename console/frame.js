/**
 * What pages have in common: their frame, how they are kept up to date, and the links to the pages
 * before and behind.
 */
import { addressWith } from "./address.js";
import { el, show } from "./dom.js";
import { announce, clearNotice, showProblem } from "./notice.js";
import { onToken } from "./token.js";
import { watch } from "./watch.js";

/** Return what stands where nothing is loaded yet. */
export function newPlaceholder() {
  return el("p.placeholder", {}, "Loading …");
}

/**
 * Add to `page` the frame of a page of one thing, and return its parts. The body is hidden until
 * `arrive` says how the thing stands.
 *
 * @param {HTMLElement} page
 * @param {[href: string, text: string]} trail where people come from
 * @param {string} kind
 * @param {string} id
 */
export function frame(page, [href, text], kind, id) {
  const chips = el("p.chips");
  const placeholder = newPlaceholder();
  const body = el("div.body", { hidden: true });
  page.append(
    el("p.trail", {}, el("a", { href }, text)),
    el("div.head", {}, el("h1", {}, `${kind} `, el("code", {}, id)), chips),
    placeholder,
    body,
  );
  let formerState = "";

  /**
   * Show that the thing is there, and announce how it stands when that has changed.
   *
   * @param {string} state
   * @param {string} title of the page, behind the state
   * @param {string} subject of the sentence that is announced
   */
  function arrive(state, title, subject) {
    body.hidden = false;
    placeholder.remove();
    document.title = `${state} · ${title}`;
    if (formerState && formerState !== state) announce(`${subject} is ${state}`);
    formerState = state;
  }
  return { chips, placeholder, body, arrive };
}

/**
 * Load now, with every new token, and again as `watch` does, until `signal`.
 *
 * @param {() => Promise<number|null>} load as of `watch`
 * @param {Element} placeholder
 * @param {AbortSignal} signal
 * @param {string} [absence] what the placeholder says of a thing that is not there
 * @returns {() => void} tells that there is news
 */
export function keepLoading(load, placeholder, signal, absence = "Not loaded.") {
  let hasLoaded = false;
  const loadAndSay = async () => {
    const next = await load();
    hasLoaded = true;
    if (!signal.aborted) clearNotice();
    return next;
  };
  const onProblem = (/** @type {import("./api.js").Problem} */ problem) => {
    if (!hasLoaded) placeholder.textContent = problem.status === 404 ? absence : "Not loaded.";
    showProblem(problem);
  };
  const reloadSoon = watch(loadAndSay, onProblem, signal);
  onToken(reloadSoon, signal);
  return reloadSoon;
}

/**
 * Return a table that has pages: its nodes, and what shows a page in it.
 *
 * @template T
 * @param {{node: HTMLElement, show: (items: T[]) => void}} table
 * @param {string} parameter says in the address, as at the API, where a page begins
 * @param {[first: string, next: string]} texts of the links to the first page and the next
 */
export function newPages(table, parameter, [first, next]) {
  const placeholder = newPlaceholder();
  const paging = el("nav.paging", { "aria-label": "Pages" });

  /**
   * @param {T[]} items
   * @param {string|null} nextPath where the API has the next page
   * @param {string} [emptyText]
   */
  function showPage(items, nextPath, emptyText = "") {
    table.show(items);
    placeholder.textContent = items.length ? "" : emptyText;
    placeholder.hidden = placeholder.textContent === "";
    const isFirst = !new URLSearchParams(location.search).get(parameter);
    const start = nextPath && new URL(nextPath, location.origin).searchParams.get(parameter);
    show(paging, [
      !isFirst && el("a", { href: addressWith(parameter, "") }, first),
      start && el("a", { href: addressWith(parameter, start) }, next),
    ]);
  }
  return { nodes: [table.node, placeholder, paging], placeholder, showPage };
}
