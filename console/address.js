/**
 * What is looked at stands in the page's address, so that it can be shared, and Back goes back: `/?order=ID` is an order,
 * anything else a list with its filters.
 */

/** The filters of a list, and where its page begins, as the API calls them. */
const OF_LISTS = ["status", "customer_id", "needs_attention", "limit", "cursor"];

/** Return the id of the order that is looked at, or null. */
export function orderOf(search) {
  return new URLSearchParams(search).get("order");
}

/** Return what is asked of a list: those of the filters that are set. */
export function filtersOf(search) {
  const given = new URLSearchParams(search);
  return Object.fromEntries(OF_LISTS.filter((name) => given.get(name)).map((name) => [name, given.get(name)]));
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

/** Go to an address of this page. */
export function go(address) {
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

/** Let links to this page be followed without loading it anew; those that open a new tab are the browser's. */
export function serveLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || link.target || !plain || event.defaultPrevented) return;
    if (link.origin !== location.origin || link.pathname !== "/" || link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
