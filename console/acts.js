/**
 * What a person may do to an order, as the API says: each a small form that says who and why.
 */
import { NO_ANSWER, orderPath, post } from "./api.js";
import { FINDS_OUT, troubleAt } from "./course.js";
import { el, quoted, show } from "./dom.js";

const BY = "order-saga-by";

/** By act, in words: its title, what comes of it, and what is said once it is taken. */
const WORDS = {
  approve: () => ({
    title: "Approve",
    hint: "The order goes on to payment.",
    taken: "Approved: the order goes on.",
  }),
  reject: () => ({
    title: "Reject",
    hint: "The order is rolled back, for good.",
    taken: "Rejected: the order is rolled back.",
    hard: true,
  }),
  cancel: () => ({
    title: "Cancel the order",
    hint: "What was done is taken back, as soon as the step under way has ended.",
    taken: "Cancelled: the order is rolled back once the step under way has ended.",
    hard: true,
  }),
  retry: ({ command }) => ({
    title: `Retry ${command} now`,
    hint: `It is tried again anyway; this does not wait for the next try of ${command}.`,
    taken: `${command} is tried again now.`,
  }),
  settle: ({ command, participant }) => ({
    title: `Settle ${command} by hand`,
    hint: `By your word ${settling(command)}. A try under way may still land: look at the books of ${participant} first.`,
    taken:
      command === FINDS_OUT
        ? ROLLS_BACK
        : `Settled: ${command} counts as put right by hand, in your name.`,
    hard: true,
  }),
};

const ROLLS_BACK =
  "Settled: by your word no earlier run completed the order, and it is rolled back.";

/** Return what a person says by settling a command, and what comes of it. */
function settling(command) {
  return command === FINDS_OUT
    ? "no earlier run completed the order: everything is refunded, restored and cancelled, " +
        `${command} is not asked any more, and the order's record names you for ever`
    : `${command} counts as put right: nothing is paid or moved, and the order's record names you for ever; ` +
        "what closes that record is sent on with your word in it";
}

/** Return the acts of an order in words, in the order in which they are offered. */
function inForms(view) {
  const acts = view.acts.map((act) => ({
    ...act,
    ...WORDS[act.act](act.step === null ? {} : troubleAt(act.step, view)),
    path: act.step === null ? act.act : `steps/${encodeURIComponent(act.step)}/${act.act}`,
  }));
  return acts.sort((one, other) => RANK.indexOf(one.act) - RANK.indexOf(other.act));
}

const RANK = ["approve", "reject", "retry", "settle", "cancel"];

/** Return in sentences why some acts are not possible; of those for the same reason in one. */
function refusalsOf(acts) {
  const reasons = new Map();
  for (const { title, refusal } of acts) {
    if (refusal !== null) reasons.set(refusal, [...(reasons.get(refusal) ?? []), title]);
  }
  return [...reasons].map(([reason, titles]) => ({ reason, titles: titles.join(", ") }));
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
    this.refusals = el("ul.not-possible");
    this.taken = el("p.taken", { role: "status" });
    this.takenIn = null;
    this.section = section;
    section.append(el("h2", {}, "Act"), this.list, this.taken, this.refusals);
  }

  /**
   * Offer what is possible, and say why the rest is not. A form in which somebody has begun to
   * write stays.
   */
  offer(view) {
    const acts = inForms(view);
    const possible = acts.filter((act) => act.refusal === null);
    const offered = new Set(possible.map((act) => act.title)); // of one step, one command after another may be stuck
    for (const [title, form] of this.forms) {
      form.late.textContent = offered.has(title)
        ? ""
        : `Not offered any more: the order is ${view.state}.`;
      if (offered.has(title) || form.begun()) continue;
      form.node.remove();
      this.forms.delete(title);
    }
    for (const act of possible) {
      if (this.forms.has(act.title)) continue;
      const form = actForm(act, (said, done) => this.send(act, said, done));
      form.node.addEventListener("toggle", () => form.node.open && this.tell(""));
      this.forms.set(act.title, form);
      this.list.append(form.node);
    }
    show(this.refusals, refusalsOf(acts), ({ titles, reason }) =>
      el("li", {}, `${titles}: `, quoted(reason), "."),
    );
    if (view.state !== this.takenIn) this.tell("");
    this.section.hidden =
      this.forms.size === 0 && acts.length === 0 && this.taken.textContent === "";
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

/** By field of an act's body: the element that takes it. */
const FIELDS = {
  by: ["input", { maxlength: 200, placeholder: "your name" }],
  reason: ["textarea", { maxlength: 1000, rows: 2 }],
  evidence: [
    "textarea",
    { maxlength: 1000, rows: 2, placeholder: "e.g. the number of a bank transfer" },
  ],
};

function actForm(act, send) {
  const prefix = `act-${act.title.replaceAll(" ", "-")}`;
  const inputs = new Map();
  const labels = act.fields.flatMap((name) => {
    const [kind, given] = FIELDS[name] ?? ["input", {}];
    const input = el(kind, {
      id: `${prefix}-${name}`,
      name,
      required: true,
      autocomplete: "off",
      ...given,
    });
    inputs.set(name, input);
    return [el("label", { for: input.id }, name[0].toUpperCase() + name.slice(1)), input];
  });
  const written = act.fields.filter((name) => name !== "by").map((name) => inputs.get(name));
  const button = el(act.hard ? "button.main.hard" : "button.main", {}, act.title);
  const answer = el("p.answer", { role: "alert" });
  const late = el("p.late", { role: "status" });
  const form = el(
    "form",
    {},
    el("p.hint", {}, act.hint),
    ...labels,
    late,
    el("div.row", {}, button),
    answer,
  );
  const node = el(
    "details.act",
    { name: "act", "data-act": act.path },
    el("summary", {}, act.title),
    form,
  );

  node.addEventListener(
    "toggle",
    () => (inputs.get("by").value ||= localStorage.getItem(BY) ?? ""),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(form));
    localStorage.setItem(BY, said.by);
    button.disabled = true;
    answer.textContent = "Sending …";
    try {
      await send(said, () => {
        for (const input of written) input.value = "";
        answer.textContent = "";
        node.open = false;
      });
    } catch (problem) {
      answer.replaceChildren(...inWords(problem));
    } finally {
      button.disabled = false;
    }
  });
  const begun = () => written.some((input) => input.value);
  return { node, late, begun };
}

/** Return what to make of an act that was not answered as hoped. */
function inWords(problem) {
  const after = problem.afterSeconds ? ` after ${problem.afterSeconds} s` : "";
  const unknown = problem.status === NO_ANSWER || problem.status >= 500;
  const again = unknown
    ? ` It may or may not have been taken: send it again${after}; repeating it is safe.`
    : "";
  const refused =
    problem.status === 429 ? ` It was not taken: send it again${after || " later"}.` : "";
  return [quoted(problem.message), `.${again}${refused}`];
}
