/**
 * What a person may do to an order, as far as it makes sense now: each a small form that says who and why.
 */
import { NO_ANSWER, orderPath, post } from "./api.js";
import { FINDS_OUT, stuckSteps, troubleAt } from "./course.js";
import { el, quoted } from "./dom.js";

const BY = "order-saga-by";
const BEFORE_PIVOT = ["PENDING", "AWAITING_REVIEW", "PAYMENT_COMPLETED"];
const CLOSES_THE_RECORD = ["CancelOrder", "ConfirmOrder"];

/** Return the acts that the API would take of an order as it stands. */
function actsOf(view) {
  if (view.closed_at || view.attention?.cause === "LEFT_OPEN") return []; // nobody would hear of them
  const asked = view.timeline.some((entry) => entry.kind === "decision" && entry.name === "cancel");
  const troubles = stuckSteps(view).map((step) => ({ step, ...troubleAt(step, view) }));
  const stops = asked || troubles.some(({ command }) => command === FINDS_OUT);
  return [
    ...(view.state === "AWAITING_REVIEW" && !stops ? REVIEW : []),
    ...troubles.flatMap(stuckActs),
    ...(BEFORE_PIVOT.includes(view.state) && !stops ? [CANCEL] : []),
  ];
}

const REVIEW = [
  { path: "approve", title: "Approve", hint: "The order goes on to payment.", taken: "Approved: the order goes on." },
  { path: "reject", title: "Reject", hint: "The order is rolled back, for good.", taken: "Rejected: the order is rolled back.", hard: true },
];

const CANCEL = {
  path: "cancel",
  title: "Cancel the order",
  hint: "What was done is taken back, as soon as the step under way has ended.",
  taken: "Cancelled: the order is rolled back once the step under way has ended.",
  hard: true,
};

function stuckActs({ step, command, participant, settledBy }) {
  const retry = {
    path: `steps/${encodeURIComponent(step)}/retry`,
    title: `Retry ${command} now`,
    hint: `It is tried again anyway; this does not wait for the next try of ${command}.`,
    taken: `${command} is tried again now.`,
  };
  const settle = {
    path: `steps/${encodeURIComponent(step)}/settle`,
    title: `Settle ${command} by hand`,
    hint: `By your word ${settling(command)}. A try under way may still land: look at the books of ${participant} first.`,
    taken: command === FINDS_OUT ? ROLLS_BACK : `Settled: ${command} counts as put right by hand, in your name.`,
    evidence: true,
    hard: true,
  };
  return settledBy ? [retry] : [retry, settle];
}

const ROLLS_BACK = "Settled: by your word no earlier run completed the order, and it is rolled back.";

/** Return what a person says by settling a command, and what comes of it. */
function settling(command) {
  if (command === FINDS_OUT) {
    return (
      "no earlier run completed the order: everything is refunded, restored and cancelled, " +
      `${command} is not asked any more, and the order's record names you for ever`
    );
  }
  const fate = CLOSES_THE_RECORD.includes(command)
    ? "it is sent on until the order's record has your word in it"
    : "nothing is paid or moved, it is not tried any more, and the order's record names you for ever";
  return `${command} counts as put right: ${fate}`;
}

/** The acts of one order, shown in `section`. */
export class Acts {
  /**
   * @param {HTMLElement} section
   * @param {string} id the order
   * @param {(view: object) => void} changed takes the order as it stands after an act
   */
  constructor(section, id, changed) {
    this.id = id;
    this.changed = changed;
    this.forms = new Map();
    this.list = el("div.acts");
    this.taken = el("p.taken", { role: "status" });
    this.takenIn = null;
    this.section = section;
    section.append(el("h2", {}, "Act"), this.list, this.taken);
  }

  /** Offer what makes sense now. A form in which somebody has begun to write stays, and says that it is too late. */
  offer(view) {
    const acts = actsOf(view);
    const offered = new Set(acts.map((act) => act.title)); // of one step, one command after another may be stuck
    for (const [title, form] of this.forms) {
      form.late.textContent = offered.has(title) ? "" : `Not offered any more: the order is ${view.state}.`;
      if (offered.has(title) || form.begun()) continue;
      form.node.remove();
      this.forms.delete(title);
    }
    for (const act of acts) {
      if (this.forms.has(act.title)) continue;
      const form = actForm(act, (said, done) => this.send(act, said, done));
      form.node.addEventListener("toggle", () => form.node.open && this.tell(""));
      this.forms.set(act.title, form);
      this.list.append(form.node);
    }
    if (view.state !== this.takenIn) this.tell("");
    this.section.hidden = this.forms.size === 0 && this.taken.textContent === "";
  }

  /** Tell that an act was taken, until the order has moved on or another act is begun. */
  tell(text) {
    this.taken.textContent = text;
  }

  /** Send an act; the order that answers is shown at once. */
  async send(act, said, done) {
    const view = await post(`${orderPath(this.id)}/${act.path}`, said);
    this.tell(act.taken);
    this.takenIn = view.state;
    done();
    this.changed(view);
  }
}

function actForm(act, send) {
  const prefix = `act-${act.title.replaceAll(" ", "-")}`;
  const field = (name, kind, given) => {
    const input = el(kind, { id: `${prefix}-${name}`, name, required: true, autocomplete: "off", ...given });
    return [el("label", { for: input.id }, name[0].toUpperCase() + name.slice(1)), input];
  };
  const by = field("by", "input", { maxlength: 200, placeholder: "your name" });
  const reason = field("reason", "textarea", { maxlength: 1000, rows: 2 });
  const evidence = act.evidence
    ? field("evidence", "textarea", { maxlength: 1000, rows: 2, placeholder: "e.g. the number of a bank transfer" })
    : [];
  const button = el(act.hard ? "button.main.hard" : "button.main", {}, act.title);
  const answer = el("p.answer", { role: "alert" });
  const late = el("p.late", { role: "status" });
  const form = el("form", {}, el("p.hint", {}, act.hint), ...by, ...reason, ...evidence, late, el("div.row", {}, button), answer);
  const node = el("details.act", { name: "act", "data-act": act.path }, el("summary", {}, act.title), form);

  node.addEventListener("toggle", () => (by[1].value ||= localStorage.getItem(BY) ?? ""));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(form));
    localStorage.setItem(BY, said.by);
    button.disabled = true;
    answer.textContent = "Sending …";
    try {
      await send(said, () => {
        for (const [, input] of [reason, evidence]) if (input) input.value = "";
        answer.textContent = "";
        node.open = false;
      });
    } catch (problem) {
      answer.replaceChildren(...inWords(problem));
    } finally {
      button.disabled = false;
    }
  });
  const begun = () => [reason, evidence].some(([, input]) => input?.value);
  return { node, late, begun };
}

/** Return what to make of an act that was not answered as hoped. */
function inWords(problem) {
  const after = problem.afterSeconds ? ` after ${problem.afterSeconds} s` : "";
  const unknown = problem.status === NO_ANSWER || problem.status >= 500;
  const again = unknown ? ` It may or may not have been taken: send it again${after}; repeating it is safe.` : "";
  const refused = problem.status === 429 ? ` It was not taken: send it again${after || " later"}.` : "";
  return [quoted(problem.message), `.${again}${refused}`];
}
