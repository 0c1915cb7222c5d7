/**
 * The line that tells what is wrong, and that what is shown may be out of date; it goes when all is
 * well again.
 */
import { Problem } from "./api.js";
import { byId, el, quoted } from "./dom.js";
import { clock } from "./times.js";
import { askForToken } from "./token.js";

let shownAt = null;

/** All is well: what is shown is as of now. */
export function fresh() {
  shownAt = new Date();
  byId("notice").hidden = true;
  byId("notice").replaceChildren();
}

/** Nothing is shown yet: another page begins. */
export function begin() {
  fresh();
  shownAt = null;
}

/**
 * Tell what went wrong while the page was loaded, and what comes of it. Who is asked for a token
 * can be asked again.
 *
 * @param {Problem} problem
 */
export function wrong(problem) {
  const stale = shownAt ? `What is shown is as of ${clock(shownAt)}.` : "";
  const again = problem.passes ? "It is asked again by itself." : "";
  const line = el(
    "span",
    {},
    quoted(problem.message),
    `. ${[stale, again].filter(Boolean).join(" ")}`.trimEnd(),
  );
  const notice = byId("notice");
  if (notice.hidden || notice.firstChild?.textContent !== line.textContent) {
    const asking = el(
      "button",
      { type: "button", on: { click: () => askForToken(problem.detail) } },
      "Give a token",
    );
    notice.replaceChildren(line, ...(problem.status === 401 ? [asking] : []));
    notice.hidden = false;
  }
  if (problem.status === 401) askForToken(problem.detail);
}

/** Tell somebody who hears the page that something changed. */
export function say(text) {
  byId("said").textContent = text;
}
