/**
 * The console: shows what its address names, an order or a list of orders.
 */
import { go, idIn, IS_ID, orderOf, serveLinks, toOrder } from "./address.js";
import { byId, el } from "./dom.js";
import { listPage } from "./list.js";
import { begin } from "./notice.js";
import { orderPage } from "./order.js";
import { serveToken } from "./token.js";

let leave = new AbortController();

/** Show what the address names, in place of what was shown before. */
function turn() {
  leave.abort();
  leave = new AbortController();
  begin();
  const page = byId("page");
  const id = orderOf(location.search);
  page.replaceChildren();
  if (id === null) listPage(page, leave.signal);
  else orderPage(page, id, leave.signal);
}

/** A defect of ours is told, and not only to who has the browser's tools open. */
function serveDefects() {
  const tell = (event) => {
    const what = event.reason ?? event.message;
    byId("defect").replaceChildren(
      el("span", {}, `This page failed: ${what}. Reload it; the orders are not touched by that.`),
    );
    byId("defect").hidden = false; // and stays, whatever goes well beside it
  };
  window.addEventListener("error", tell);
  window.addEventListener("unhandledrejection", tell);
}

function serveGoto() {
  const field = /** @type {HTMLInputElement} */ (byId("goto-id"));
  field.addEventListener("input", () => field.setCustomValidity(""));
  byId("goto").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = idIn(field.value);
    if (!IS_ID.test(id)) {
      field.setCustomValidity(
        "This is no order's id, and no address of an order: an id is 1 to 64 letters, digits, _ or -",
      );
      field.reportValidity();
      return;
    }
    field.value = "";
    go(toOrder(id));
  });
}

serveDefects();
serveToken();
serveGoto();
serveLinks();
window.addEventListener("popstate", () => {
  const focused = document.activeElement?.closest("#page [id]")?.id;
  turn();
  (document.getElementById(focused ?? "") ?? byId("page")).focus(); // a filter keeps the keyboard
});
turn();
