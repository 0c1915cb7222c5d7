/**
 * Who works: how many workers each role has, and what waits in its task queue.
 */
import { el, show } from "./dom.js";
import { age } from "./times.js";

/** What waits for less is on its way. */
const LONG_SECONDS = 3;

/** The roles, in a section of their own. */
export class Roles {
  constructor() {
    this.list = el("ul.roles");
    const title = el("h2", { id: "roles-title" }, "Workers and what waits");
    this.node = el("section.panel", { "aria-labelledby": "roles-title" }, title, this.list);
  }

  /**
   * @param {Api.RoleFigures[]|null} roles
   * @param {boolean} isKnown whether null means that nobody may see them
   */
  draw(roles, isKnown) {
    this.node.hidden = roles === null && isKnown;
    const unknown = roles === null && !isKnown ? [null] : [];
    show(this.list, [...unknown, ...(roles ?? []).map(textsOf)], (role) => roleNode(role));
  }
}

/**
 * @typedef {object} Texts what is shown of a role
 * @property {string} role
 * @property {string} workers
 * @property {boolean} isUp
 * @property {string} waiting
 * @property {boolean} isLate
 */

/**
 * Return a role in words: the same ones again change nothing on the page.
 *
 * @param {Api.RoleFigures} figures
 * @returns {Texts}
 */
function textsOf({ role, workers, last_seen: lastSeen, waiting, waiting_seconds: seconds }) {
  const isUp = workers > 0;
  const since = lastSeen ? `, for ${age(lastSeen)}` : "";
  const up = workers === 1 ? "1 worker" : `${workers} workers`;
  const long = seconds >= 1 ? `, the oldest for ${inWords(seconds)}` : "";
  return {
    role,
    isUp,
    workers: isUp ? up : `no worker${since}`,
    waiting: waiting ? `${waiting.toLocaleString("en")} waiting${long}` : "nothing waits",
    isLate: waiting > 0 && seconds >= LONG_SECONDS,
  };
}

/** @param {Texts|null} texts */
function roleNode(texts) {
  if (texts === null) return el("li", {}, el("span.unsure", {}, "Who works is not known now"));
  const { role, isUp, workers, waiting, isLate } = texts;
  return el(
    "li",
    {},
    el("span.role", {}, role),
    el(isUp ? "span.up" : "span.chip.bad", {}, isUp ? workers : `⚠ ${workers}`),
    el(isLate ? "span.chip.waiting" : "span.quiet", {}, waiting),
  );
}

/** @param {number} seconds */
function inWords(seconds) {
  const since = new Date(Date.now() - seconds * 1000).toISOString();
  return seconds < 120 ? `${seconds.toFixed(0)} s` : age(since);
}
