/**
 * What somebody has typed and not sent: kept while the page is left for a sign-in.
 */

const KEY = "order-saga-drafts";
const LIMIT_MS = 60_000;

/** Keep the text of the fields of the page that have an id; an order being placed keeps its own. */
export function keepDrafts() {
  const fields = /** @type {NodeListOf<HTMLInputElement|HTMLTextAreaElement>} */ (
    document.querySelectorAll("#page input[id]:not([type], .place *), #page textarea[id]")
  );
  const drafts = [...fields].filter((field) => field.value !== field.defaultValue);
  const entries = drafts.map((field) => [field.id, field.value]);
  sessionStorage.setItem(KEY, JSON.stringify(Object.fromEntries(entries)));
}

/** Put the text back, once each, as soon as its field is on the page again. */
export function restoreDrafts() {
  const drafts = new Map(Object.entries(JSON.parse(sessionStorage.getItem(KEY) ?? "{}")));
  sessionStorage.removeItem(KEY);
  if (drafts.size === 0) return;
  const fill = () => {
    for (const [id, text] of drafts) {
      const field = /** @type {HTMLInputElement|null} */ (document.getElementById(id));
      if (field === null) continue;
      drafts.delete(id);
      if (field.value !== field.defaultValue) continue; // somebody was quicker
      field.value = text;
      field.closest("details")?.setAttribute("open", "");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (drafts.size === 0) observer.disconnect();
  };
  const observer = new MutationObserver(fill);
  const page = /** @type {HTMLElement} */ (document.getElementById("page"));
  observer.observe(page, { childList: true, subtree: true });
  setTimeout(() => observer.disconnect(), LIMIT_MS);
  fill();
}
