/**
 * Times as the clock on the wall shows them; UTC is in the title.
 */
import { el } from "./dom.js";

const two = (number) => String(number).padStart(2, "0");

/** Return the local date, like `2026-11-24`. */
function date(at) {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Return the local time of day, like `22:12:44`. */
export function clock(at) {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Return an element that tells a moment, or a dash where there is none. */
export function time(iso) {
  if (!iso) return el("span", {}, "–");
  const at = new Date(iso);
  return el("time", { datetime: iso, title: `${iso} (UTC)` }, `${date(at)} ${clock(at)}`);
}

/** Return an element that tells a moment of a day that is known, to the millisecond. */
export function moment(iso) {
  const at = new Date(iso);
  const part = String(at.getMilliseconds()).padStart(3, "0");
  return el("time", { datetime: iso, title: `${date(at)} · ${iso} (UTC)` }, `${clock(at)}.${part}`);
}

/** Return how long it took from one moment to another, like `1.3 s` or `2 h 5 min`. */
export function lasting(from, to) {
  const seconds = (new Date(to) - new Date(from)) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** Return how long ago a moment was, to the minute, like `5 min` or `2 h 5 min`. */
export function age(iso) {
  const minutes = Math.floor((Date.now() - new Date(iso)) / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
