/**
 * The console: shows what its address names, an order, a saga of any type, or a list of orders.
 */
import { go, idIn, IS_ID, serveLinks, subjectOf, toOrder } from "./address.js";
import { byId, el } from "./dom.js";
import { listPage } from "./list.js";
import { resetNotice } from "./notice.js";
import { orderPage } from "./order.js";
import { serveSignIn, serveToken } from "./token.js";

const INVALID_ID =
  "This is neither an order's id nor an address of an order. An id is 1 to 64 letters, digits, " +
  "_ or -";

/**
 * By the parameter of the address that names it: what shows a page, given that one's value. Modules
 * of the pages that are seldom opened are loaded when they are.
 *
 * @type {Record<string, Page>}
 */
const PAGES = {
  order: orderPage,
  saga: later(async () => (await import("./saga.js")).sagaPage),
  batch: later(async () => (await import("./batch.js")).batchPage),
  act_on: later(async () => (await import("./acton.js")).actOnPage),
  operations: later(async () => (await import("./operations.js")).operationsPage),
  place: later(async () => (await import("./place.js")).placePage),
};

/**
 * Return what shows a page once its modules are loaded, unless another page is open by then.
 *
 * @typedef {(page: HTMLElement, value: string, signal: AbortSignal) => void} Page
 * @param {() => Promise<Page>} load
 * @returns {Page}
 */
function later(load) {
  return async (page, value, signal) => {
    const show = await load();
    if (!signal.aborted) show(page, value, signal);
  };
}

let currentPage = new AbortController();

/** Show what the address names, in place of the page before. */
function showPage() {
  currentPage.abort();
  currentPage = new AbortController();
  resetNotice();
  const page = byId("page");
  const subject = subjectOf(location.search);
  page.replaceChildren();
  if (subject === null) listPage(page, currentPage.signal);
  else PAGES[subject.name](page, subject.value, currentPage.signal);
}

/** Show errors of our own code on the page: the browser's console is seldom open. */
function serveErrors() {
  const onError = (/** @type {ErrorEvent|PromiseRejectionEvent} */ event) => {
    const reason = "reason" in event ? event.reason : event.message;
    const text = `This page has an error: ${reason}. Reload it; no order is changed by that.`;
    byId("defect").replaceChildren(el("span", {}, text));
    byId("defect").hidden = false; // stays, as the page may be incomplete
  };
  window.addEventListener("error", onError);
  window.addEventListener("unhandledrejection", onError);
}

/** Make the field that opens an order by its id work. */
function serveOrderField() {
  const field = /** @type {HTMLInputElement} */ (byId("goto-id"));
  field.addEventListener("input", () => field.setCustomValidity(""));
  byId("goto").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = idIn(field.value);
    if (!IS_ID.test(id)) {
      field.setCustomValidity(INVALID_ID);
      field.reportValidity();
      return;
    }
    field.value = "";
    go(toOrder(id));
  });
}

serveErrors();
serveToken();
serveOrderField();
serveLinks();
window.addEventListener("popstate", () => {
  const focusId = document.activeElement?.closest("#page [id]")?.id;
  showPage();
  (document.getElementById(focusId ?? "") ?? byId("page")).focus(); // a filter keeps the focus
});
await serveSignIn();
showPage();
