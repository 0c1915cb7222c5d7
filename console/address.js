/**
 * The page's address says what it shows, so it can be shared, and Back goes back: `/?order=ID` is
 * an order, `/?saga=ID` a saga of any type by its workflow's id, `/?batch=ID` a batch operation,
 * `/?batch=` all of them, `/?act_on=` with filters an act on the orders that they find,
 * `/?operations=` the log of operations with its filters, `/?place=` the form that places an order,
 * anything else a list with its filters.
 */

/** The parameters that name a page other than the list; the first that an address has counts. */
const SUBJECTS = ["order", "saga", "batch", "act_on", "operations", "place"];

/** The form of an order's id. */
export const IS_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** In front of an order's id, in the id of its workflow. */
const WORKFLOW_PREFIX = "order-";

/**
 * Return what an address names, as its parameter and that one's value, or null: then it is a list.
 *
 * @param {string} search
 * @returns {{name: string, value: string}|null}
 */
export function subjectOf(search) {
  const parameters = new URLSearchParams(search);
  const name = SUBJECTS.find((subject) => parameters.has(subject));
  return name === undefined ? null : { name, value: parameters.get(name) ?? "" };
}

/**
 * Return the parameters of the address with some names, those that have a value.
 *
 * @param {string[]} names
 * @returns {Record<string, string>}
 */
export function parametersOf(names) {
  const parameters = new URLSearchParams(location.search);
  const entries = names.map((name) => [name, parameters.get(name) ?? ""]);
  return Object.fromEntries(entries.filter(([, value]) => value));
}

/**
 * Return the address with some parameters; without a value, only one that names a page counts.
 *
 * @param {Record<string, string>} parameters
 */
export function addressOf(parameters) {
  const entries = Object.entries(parameters);
  const search = new URLSearchParams(
    entries.filter(([name, value]) => value || SUBJECTS.includes(name)),
  );
  return search.size ? `/?${search}` : "/";
}

/**
 * Return the address that is open, with another value of one parameter; "" for none.
 *
 * @param {string} name
 * @param {string} value
 */
export function addressWith(name, value) {
  return addressOf({ ...Object.fromEntries(new URLSearchParams(location.search)), [name]: value });
}

/**
 * Return the address of an order.
 *
 * @param {string} id
 */
export function toOrder(id) {
  return addressOf({ order: id });
}

/**
 * Return the id of the order that pasted text names: the id itself, with characters around it that
 * no id has; an address of the order here or at the API; or an address of its workflow in the
 * Temporal Web UI. Text that names none is returned as it is.
 *
 * @param {string} pastedText
 */
export function idIn(pastedText) {
  const text = pastedText.replace(/[\p{Cc}\p{Cf}]/gu, "").trim();
  if (!/[/?]/.test(text) || !URL.canParse(text, location.origin)) {
    return text.replace(/^[^A-Za-z0-9_-]+|[^A-Za-z0-9_-]+$/g, "");
  }
  const address = new URL(text, location.origin);
  const order = address.searchParams.get("order");
  if (order !== null) return order;
  const [, workflow] = address.pathname.match(/\/workflows\/([^/]+)/) ?? [];
  if (workflow) return withoutPrefix(workflow) ?? workflow;
  return address.pathname.match(/\/orders\/([^/]+)/)?.[1] ?? text;
}

/**
 * Return the order whose workflow has this id, or null.
 *
 * @param {string} id
 */
export function withoutPrefix(id) {
  if (!id.startsWith(WORKFLOW_PREFIX)) return null;
  const rest = id.slice(WORKFLOW_PREFIX.length);
  return IS_ID.test(rest) ? rest : null;
}

/**
 * Return the address of the list from which an order was opened, or of all orders.
 *
 * @returns {string}
 */
export function listBefore() {
  return history.state?.list ?? "/";
}

/** Return the state of the next page in the browser's history: the last list before it. */
function nextState() {
  const isList = subjectOf(location.search) === null;
  return { list: isList ? location.pathname + location.search : listBefore() };
}

/**
 * Go to an address of this page.
 *
 * @param {string} address
 */
export function go(address) {
  if (address !== location.pathname + location.search) {
    history.pushState(nextState(), "", address);
  }
  window.dispatchEvent(new PopStateEvent("popstate"));
}

/**
 * Go to an address in place of this one, which names nothing.
 *
 * @param {string} address
 */
export function goInstead(address) {
  history.replaceState(history.state, "", address);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

/** Follow links to this page without loading it again; those to a new tab are the browser's. */
export function serveLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const hasModifier = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || link.target || event.button !== 0 || hasModifier) return;
    if (event.defaultPrevented || link.hash) return;
    if (link.origin !== location.origin || link.pathname !== "/") return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
