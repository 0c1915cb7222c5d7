/**
 * Who works: how many workers each role has, and how many tasks are queued for it.
 */
import { el, show } from "./dom.js";
import { age } from "./times.js";
import { number } from "./words.js";

/** What is queued for less is on its way. */
const LONG_SECONDS = 3;

/** The roles, in a section of their own. */
export class Roles {
  constructor() {
    this.list = el("ul.roles");
    const title = el("h2", { id: "roles-title" }, "Workers and queued tasks");
    this.node = el("section.panel", { "aria-labelledby": "roles-title" }, title, this.list);
  }

  /**
   * @param {Api.RoleFigures[]|null} roles
   * @param {boolean} isKnown whether null means that nobody may see them
   */
  draw(roles, isKnown) {
    this.node.hidden = roles === null && isKnown;
    const unknown = () => el("li", {}, el("span.unsure", {}, "Who works is not known now"));
    show(this.list, roles?.map(roleItem) ?? [!isKnown && unknown()]);
  }
}

/** @param {Api.RoleFigures} figures */
function roleItem({ role, workers, last_seen: lastSeen, waiting, waiting_seconds: seconds }) {
  const up = workers === 1 ? "1 worker" : `${workers} workers`;
  const since = lastSeen ? `, for ${age(lastSeen)}` : "";
  const isLate = waiting > 0 && seconds >= LONG_SECONDS;
  const long = seconds >= 1 ? `, the oldest for ${inWords(seconds)}` : "";
  const load = waiting ? `${number(waiting)} queued, expired included${long}` : "nothing queued";
  return el(
    "li",
    {},
    el("span.role", {}, role),
    workers > 0 ? el("span.up", {}, up) : el("span.chip.bad", {}, `⚠ no worker${since}`),
    el(isLate ? "span.chip.waiting" : "span.quiet", {}, load),
  );
}

/** @param {number} seconds */
function inWords(seconds) {
  const since = new Date(Date.now() - seconds * 1000).toISOString();
  return seconds < 120 ? `${seconds.toFixed(0)} s` : age(since);
}
