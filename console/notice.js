/**
 * The line above the page that says what went wrong and how old the data is; it goes away with the
 * next success.
 */
import { Problem } from "./api.js";
import { bdi, byId, el } from "./dom.js";
import { clock } from "./times.js";
import { askForToken } from "./token.js";

/** @type {Date|null} */
let loadTime = null;

/** Remove the notice: what is shown is up to date. */
export function clearNotice() {
  loadTime = new Date();
  byId("notice").hidden = true;
  byId("notice").replaceChildren();
}

/** Begin a page: nothing is loaded yet. */
export function resetNotice() {
  clearNotice();
  loadTime = null;
}

/**
 * Show why the page could not be loaded, how old its data is, and whether it tries again.
 *
 * @param {Problem} problem
 */
export function showProblem(problem) {
  if (problem.isOutdated) return; // a change of the token loads the page again
  const dataAge = loadTime ? `The data shown is from ${clock(loadTime)}.` : "";
  const retry = problem.isTransient ? "Trying again." : "";
  const ending = `. ${[dataAge, retry].filter(Boolean).join(" ")}`.trimEnd();
  const line = el("span", {}, bdi(problem.message), ending);
  const notice = byId("notice");
  if (notice.hidden || notice.firstChild?.textContent !== line.textContent) {
    const onClick = () => askForToken(problem.detail);
    const button = el("button", { type: "button", on: { click: onClick } }, "Enter a token");
    notice.replaceChildren(line, ...(problem.status === 401 ? [button] : []));
    notice.hidden = false;
  }
  if (problem.status === 401) askForToken(problem.detail);
}

/**
 * Let screen readers announce a change.
 *
 * @param {string} text
 */
export function announce(text) {
  byId("announcement").textContent = text;
}
