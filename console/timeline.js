/**
 * What happened, oldest first: as the order tells it, and what its stream told since.
 */
import { el, folded, quoted, show } from "./dom.js";
import { moment } from "./times.js";
import { tries } from "./words.js";

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
    this.told = [];
    this.news = [];
  }

  /** Return how many news there were: what an order that is asked for now cannot miss. */
  get mark() {
    return this.news.length;
  }

  /**
   * Show the timeline of an order that was asked for at `mark`, and behind it what was heard since.
   */
  tell(timeline, mark) {
    this.told = timeline;
    this.news = this.news.slice(mark).filter((entry) => !this.knows(entry));
    this.draw();
  }

  /** Show an entry that was heard; tell whether it is a new one. */
  hear(entry) {
    if (this.knows(entry)) return false;
    this.news.push(entry);
    this.draw();
    return true;
  }

  /**
   * A try under way changes what is told of its command, so an entry is known by when and what it
   * is.
   */
  knows(entry) {
    const same = (other) =>
      other.at === entry.at && other.kind === entry.kind && other.name === entry.name;
    return this.told.some(same) || this.news.some(same);
  }

  draw() {
    show(this.list, [...this.told, ...this.news], row);
  }
}

function row(entry) {
  const said = saying(entry);
  return el(
    `li.${KINDS[entry.kind] ? entry.kind : "note"}`,
    {},
    moment(entry.at),
    el("span.kind", {}, KINDS[entry.kind] ?? entry.kind),
    el(
      "div.what",
      {},
      el("span.name", {}, entry.name),
      entry.participant && el("span.by", {}, entry.participant),
      entry.attempt > 1 && el("span.by", {}, tries(entry.attempt)),
      said.length > 0 && el("span.said", {}, ...said),
    ),
    folded("detail", entry.detail),
  );
}

/** Return what an entry comes to in one line, as pieces of which each is isolated from the next. */
function saying({ kind, detail }) {
  const told = [];
  if (kind === "decision") {
    const step = detail.step ? [", of ", quoted(detail.step)] : [];
    told.push([
      "by ",
      quoted(detail.by ?? detail.through),
      ...step,
      ": ",
      quoted(detail.reason ?? "no reason given"),
    ]);
    if (detail.evidence) told.push(["evidence: ", quoted(detail.evidence)]);
  } else {
    for (const name of ["summary", "reason", "message", "cause"])
      if (detail[name]) told.push([quoted(String(detail[name]))]);
    if (detail.error)
      told.push([kind === "command" ? "the try before: " : "", quoted(String(detail.error))]);
  }
  return told.flatMap((piece, index) => (index ? [" · ", ...piece] : piece));
}
