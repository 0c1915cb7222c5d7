/**
 * What is looked at stands in the page's address, so that it can be shared, and Back goes back:
 * `/?order=ID` is an order, anything else a list with its filters.
 */

/** The filters of a list, and where its page begins, as the API calls them. */
const OF_LISTS = ["state", "reason", "status", "customer_id", "needs_attention", "limit", "cursor"];

/** What ids look like; anything else is asked of nobody. */
export const IS_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** In front of an order's id, in the id of its workflow. */
const OF_WORKFLOWS = "order-";

/** Return the id of the order that is looked at, or null. */
export function orderOf(search) {
  return new URLSearchParams(search).get("order");
}

/** Return what is asked of a list: those of the filters that are set. */
export function filtersOf(search) {
  const given = new URLSearchParams(search);
  return Object.fromEntries(
    OF_LISTS.filter((name) => given.get(name)).map((name) => [name, given.get(name)]),
  );
}

/** Return the address of an order. */
export function toOrder(id) {
  return `/?${new URLSearchParams({ order: id })}`;
}

/** Return the address of a list. */
export function toList(filters) {
  const set = Object.entries(filters).filter(([, value]) => value);
  return set.length ? `/?${new URLSearchParams(set)}` : "/";
}

/**
 * Return the order that somebody means by what they pasted: its id, with whatever came along around
 * it; an address of the order here or at the API; or an address of its workflow in the Temporal Web
 * UI. What is no id is returned as it is.
 */
export function idIn(pasted) {
  const text = pasted.replace(/[\p{Cc}\p{Cf}]/gu, "").trim();
  if (!/[/?]/.test(text) || !URL.canParse(text, location.origin))
    return text.replace(/^[^A-Za-z0-9_-]+|[^A-Za-z0-9_-]+$/g, "");
  const address = new URL(text, location.origin);
  const named = address.searchParams.get("order");
  if (named !== null) return named;
  const [, workflow] = address.pathname.match(/\/workflows\/([^/]+)/) ?? [];
  if (workflow) return withoutPrefix(workflow) ?? workflow;
  return address.pathname.match(/\/orders\/([^/]+)/)?.[1] ?? text;
}

/** Return the order whose workflow has this id, or null. */
export function withoutPrefix(id) {
  return id.startsWith(OF_WORKFLOWS) && IS_ID.test(id.slice(OF_WORKFLOWS.length))
    ? id.slice(OF_WORKFLOWS.length)
    : null;
}

/** Return the address of the list that an order was reached from, or of all orders. */
export function listBefore() {
  return history.state?.list ?? "/";
}

/** Return what a page that is gone to from here remembers: the list that was looked at last. */
function remembered() {
  return {
    list: orderOf(location.search) === null ? location.pathname + location.search : listBefore(),
  };
}

/** Go to an address of this page. */
export function go(address) {
  if (address !== location.pathname + location.search) history.pushState(remembered(), "", address);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

/** Go to an address in place of this one, which named nothing. */
export function goInstead(address) {
  history.replaceState(history.state, "", address);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

/**
 * Let links to this page be followed without loading it anew; those that open a new tab are the
 * browser's.
 */
export function serveLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const plain =
      event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || link.target || !plain || event.defaultPrevented) return;
    if (link.origin !== location.origin || link.pathname !== "/" || link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
