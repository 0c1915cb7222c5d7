/**
 * What happened to an order, oldest first: its timeline, and the entries that its stream sent
 * since.
 */
import { bdi, el, jsonToUnfold, show } from "./dom.js";
import { day, timeOfDay } from "./times.js";
import { attemptsText } from "./words.js";

/**
 * @typedef {Api.TimelineEntry} Entry
 * @typedef {import("./dom.js").Child[]} Piece
 */

/** By kind of entry: the word that is shown for it. */
const KINDS = {
  state: "state",
  command: "command",
  event: "event",
  decision: "person",
  note: "note",
};

/** The timeline of one order in a list of its own. */
export class Timeline {
  /** @param {Element} list where it is shown */
  constructor(list) {
    this.list = list;
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {Entry[]} */
    this.newEntries = [];
  }

  /** How many entries the stream has sent: an order loaded from now on includes them. */
  get mark() {
    return this.newEntries.length;
  }

  /**
   * Show the timeline of an order that was loaded at `mark`, and what the stream sent since.
   *
   * @param {Entry[]} timeline
   * @param {number} mark
   */
  replace(timeline, mark) {
    this.entries = timeline;
    this.newEntries = this.newEntries.slice(mark).filter((entry) => !this.includes(entry));
    this.draw();
  }

  /**
   * Show an entry of the stream; return whether it is a new one.
   *
   * @param {Entry} entry
   */
  add(entry) {
    if (this.includes(entry)) return false;
    this.newEntries.push(entry);
    this.draw();
    return true;
  }

  /**
   * Entries are compared by time, kind, name and step: the detail of a command changes with
   * attempts.
   *
   * @param {Entry} entry
   */
  includes(entry) {
    const isSame = (/** @type {Entry} */ { at, kind, name, step }) =>
      at === entry.at && kind === entry.kind && name === entry.name && step === entry.step;
    return this.entries.some(isSame) || this.newEntries.some(isSame);
  }

  draw() {
    show(this.list, entryItems([...this.entries, ...this.newEntries]));
  }
}

/**
 * Return entries as items of a list, with an item for each day before those of that day.
 *
 * @param {Entry[]} entries
 */
export function entryItems(entries) {
  const days = entries.map(({ at }) => day(at));
  return entries.flatMap((entry, index) => {
    const isNewDay = days[index] !== days[index - 1];
    return [isNewDay && el("li.day", {}, days[index]), entryItem(entry)];
  });
}

/** @param {Entry} entry */
function entryItem(entry) {
  const summary = summaryOf(entry);
  return el(
    `li.${KINDS[entry.kind] ? entry.kind : "note"}`,
    {},
    timeOfDay(entry.at),
    el("span.kind", {}, KINDS[entry.kind] ?? entry.kind),
    el(
      "div.what",
      {},
      el("span.name", {}, entry.name),
      entry.step && el("span.by", {}, bdi(entry.step)),
      entry.participant && el("span.by", {}, entry.participant),
      (entry.attempt ?? 0) > 1 && el("span.by", {}, attemptsText(entry.attempt)),
      summary.length > 0 && el("span.summary", {}, ...summary),
    ),
    jsonToUnfold("detail", entry.detail),
  );
}

/**
 * Return an entry's detail in one line, as pieces; text of others is isolated from the rest.
 *
 * @param {Entry} entry
 */
function summaryOf({ kind, detail }) {
  const pieces = kind === "decision" ? decisionPieces(detail) : detailPieces(kind, detail);
  return pieces.flatMap((piece, index) => (index ? [" · ", ...piece] : piece));
}

/**
 * @param {Record<string, any>} detail
 * @returns {Piece[]}
 */
function decisionPieces({ by, through, step, reason, evidence }) {
  const at = step ? [", of ", bdi(step)] : [];
  const decision = ["by ", bdi(by ?? through), ...at, ": ", bdi(reason ?? "no reason given")];
  return evidence ? [decision, ["evidence: ", bdi(evidence)]] : [decision];
}

/**
 * @param {string} kind
 * @param {Record<string, any>} detail
 * @returns {Piece[]}
 */
function detailPieces(kind, detail) {
  const pieces = ["summary", "reason", "message", "cause"]
    .filter((name) => detail[name])
    .map((name) => [bdi(String(detail[name]))]);
  if (!detail.error) return pieces;
  const prefix = kind === "command" ? "the attempt before: " : "";
  return [...pieces, [prefix, bdi(String(detail.error))]];
}
