/**
 * Times in the browser's time zone, with UTC beside where that differs; their titles have it whole.
 */
import { el } from "./dom.js";

const twoDigits = (/** @type {number} */ number) => String(number).padStart(2, "0");

/**
 * Return the local date, like `2026-11-24`.
 *
 * @param {Date} at
 */
function date(at) {
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
}

/**
 * Return the local time of day, like `22:12:44`.
 *
 * @param {Date} at
 */
export function clock(at) {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(":");
}

/**
 * Return an element with the date and time of a moment, or a dash when there is none.
 *
 * @param {string|null|undefined} iso
 */
export function time(iso) {
  if (!iso) return el("span", {}, "–");
  const at = new Date(iso);
  const title = `${iso} (UTC)`;
  const utc = utcBeside(at, dateInUtc(at));
  return el("time", { datetime: iso, title }, `${date(at)} ${clock(at)}`, ...utc);
}

/**
 * Return an element with the time of day of a moment, to the millisecond; `day` says of which day.
 *
 * @param {string} iso
 */
export function timeOfDay(iso) {
  const at = new Date(iso);
  const milliseconds = String(at.getMilliseconds()).padStart(3, "0");
  const title = `${date(at)} · ${iso} (UTC)`;
  return el("time", { datetime: iso, title }, `${clock(at)}.${milliseconds}`, ...utcBeside(at));
}

/**
 * Return the day of a moment, with UTC's where that is another.
 *
 * @param {string} iso
 */
export function day(iso) {
  const at = new Date(iso);
  const inUtc = dateInUtc(at);
  return inUtc ? `${date(at)} (${inUtc} in UTC)` : date(at);
}

/**
 * Return the date in UTC where that is another than the local one, else "".
 *
 * @param {Date} at
 */
function dateInUtc(at) {
  const text = at.toISOString().slice(0, 10);
  return text === date(at) ? "" : text;
}

/**
 * Return the time of day in UTC, behind a date if there is one; nothing in UTC's own zone. Lines
 * may break before it.
 *
 * @param {Date} at
 * @param {string} [day]
 */
function utcBeside(at, day = "") {
  if (!at.getTimezoneOffset()) return [];
  return [" ", el("small.utc", {}, `${day} ${at.toISOString().slice(11, 19)} UTC`.trim())];
}

/**
 * Return the time between two moments, like `1.3 s` or `2 h 5 min`.
 *
 * @param {string} from
 * @param {string} to
 */
export function duration(from, to) {
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return hoursOrDays(minutes);
}

/**
 * Return the time since a moment, to the minute, like `5 min` or `2 h 5 min`.
 *
 * @param {string} iso
 */
export function age(iso) {
  const minutes = Math.floor((Date.now() - Date.parse(iso)) / 60_000);
  if (minutes < 1) return "less than a minute";
  return minutes < 60 ? `${minutes} min` : hoursOrDays(minutes);
}

/** @param {number} minutes */
function hoursOrDays(minutes) {
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** Return the name of the browser's time zone, and how far it is from UTC now. */
export function zone() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const minutes = -new Date().getTimezoneOffset();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const offset = `${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${twoDigits(rest)}` : ""}`;
  return minutes ? `${timeZone} (UTC${offset})` : `${timeZone} (UTC)`;
}

/**
 * Return the instant that was typed into a field of date and time, as the API takes it; "" where
 * none was.
 *
 * @param {string} text local, like `2026-11-24T22:12`
 */
export function fromInput(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString().replace(".000Z", "Z");
}

/**
 * Return an instant as a field of date and time shows it, in local time; "" for none.
 *
 * @param {string|undefined} iso
 */
export function toInput(iso) {
  const at = new Date(iso ?? "");
  return Number.isNaN(at.getTime()) ? "" : `${date(at)}T${clock(at)}`;
}
