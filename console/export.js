/**
 * Saving a list as a file. A link could not carry the token, so the file is fetched and then saved.
 */
import { Problem, request } from "./api.js";
import { el } from "./dom.js";
import { announce, showProblem } from "./notice.js";

/** Longer than the API takes at most for one file. */
const LIMIT_MS = 310_000;

const SAY = { csv: "CSV", json: "JSON" };

/** What stands at the end of a file that is not whole. */
const CUT = /\n"NOTE: |"next": "/;
const END_BYTES = 4_000;

/**
 * Return the buttons that save all orders of a list.
 *
 * @param {Record<string, string>} filters
 */
export function exportButtons(filters) {
  const { cursor: _cursor, limit: _limit, ...others } = filters;
  const result = el("span.hint", { role: "status" });
  const buttons = /** @type {const} */ (["csv", "json"]).map((kind) => {
    const button = el("button", { type: "button", id: `save-${kind}` }, `Save as ${SAY[kind]}`);
    button.addEventListener("click", () => void save(kind, others, button, result));
    return button;
  });
  return el("p.export", {}, ...buttons, " ", result);
}

/**
 * @param {"csv"|"json"} kind
 * @param {Record<string, string>} filters
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} result
 */
async function save(kind, filters, button, result) {
  button.disabled = true;
  result.textContent = "Saving …";
  try {
    const query = new URLSearchParams(filters);
    const file = await read(`/orders.${kind}?${query}`);
    const end = await file.slice(-END_BYTES).text();
    offer(file, `orders-${new Date().toISOString().slice(0, 16).replace(":", "")}.${kind}`);
    const isWhole = !CUT.test(end);
    result.textContent = isWhole ? "Saved." : "Saved, but not whole: the file's end says why.";
    announce(result.textContent);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    result.textContent = "Not saved.";
    showProblem(problem);
  } finally {
    button.disabled = false;
  }
}

/**
 * @param {string} path
 * @throws {Problem}
 */
async function read(path) {
  const headers = { Accept: "*/*" };
  const answer = await request(path, { headers, signal: AbortSignal.timeout(LIMIT_MS) });
  try {
    return await answer.blob();
  } catch {
    throw new Problem(422, "the file broke off before its end; save it again");
  }
}

/**
 * @param {Blob} file
 * @param {string} name
 */
function offer(file, name) {
  const href = URL.createObjectURL(file);
  el("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser reads it after the click
}
