/**
 * The form of an act: it asks who acts and why, sends that, and shows what the API answers.
 */
import { NO_ANSWER, Problem } from "./api.js";
import { bdi, el } from "./dom.js";
import { askForToken, isPersonKnown } from "./token.js";
import { capital } from "./words.js";

/** The name of the person who acts is kept in the browser under this key. */
const NAME_KEY = "order-saga-by";

/**
 * @typedef {Pick<Api.ActOffer, "fields"|"effect"|"is_final"> & {title: string, path: string}}
 *   ActToFill with what its form is called, and its path behind the order's
 * @typedef {HTMLInputElement|HTMLTextAreaElement} Field
 */

/**
 * By field of an act's body: its element.
 *
 * @type {Record<string, ["input"|"textarea", Record<string, unknown>]>}
 */
const FIELDS = {
  by: ["input", { maxlength: 200, placeholder: "your name" }],
  reason: ["textarea", { maxlength: 1000, rows: 2 }],
  evidence: [
    "textarea",
    { maxlength: 1000, rows: 2, placeholder: "e.g. the number of a bank transfer" },
  ],
};

/**
 * Return the form of an act, to unfold.
 *
 * @param {ActToFill} act
 * @param {(body: object, onSuccess: () => void) => Promise<void>} send sends it
 */
export function actForm(act, send) {
  const { inputs, labels } = fieldsOf(act);
  const texts = Object.values(inputs).filter((input) => input !== inputs.by);
  const button = el(act.is_final ? "button.main.final" : "button.main", {}, act.title);
  const answer = el("p.answer", { role: "alert" });
  const late = el("p.late", { role: "status" });
  const ending = act.is_final ? ". This cannot be undone." : ".";
  const hint = el("p.hint", {}, capital(act.effect), ending);
  const form = el("form", {}, hint, ...labels, late, el("div.row", {}, button), answer);
  const summary = el("summary", {}, act.title);
  const node = el("details.act", { name: "act", "data-act": act.path }, summary, form);

  node.addEventListener("toggle", () => {
    const { by } = inputs; // none where the token says who acts
    if (by) by.value ||= localStorage.getItem(NAME_KEY) ?? "";
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = Object.fromEntries(new FormData(form));
    if (inputs.by) localStorage.setItem(NAME_KEY, inputs.by.value);
    button.disabled = true;
    answer.textContent = "Sending …";
    try {
      await send(body, () => {
        for (const input of texts) input.value = "";
        answer.textContent = "";
        node.open = false;
      });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      answer.replaceChildren(...explain(problem));
      if (problem.status === 401) askForToken(problem.detail);
    } finally {
      button.disabled = false;
    }
  });
  return { node, late, hasText: () => texts.some((input) => input.value) };
}

/** @param {ActToFill} act */
function fieldsOf(act) {
  const prefix = `act-${act.title.replaceAll(" ", "-")}`;
  /** @type {Record<string, Field>} */
  const inputs = {};
  const names = act.fields.filter((name) => name !== "by" || !isPersonKnown());
  const labels = names.flatMap((name) => {
    const [kind, attributes] = FIELDS[name] ?? ["input", {}];
    const id = `${prefix}-${name}`;
    const input = el(kind, { id, name, required: true, autocomplete: "off", ...attributes });
    inputs[name] = input;
    return [el("label", { for: id }, capital(name)), input];
  });
  return { inputs, labels };
}

/**
 * Return why something sent was not accepted, and whether it is safe to send it again.
 *
 * @param {Problem} problem
 */
export function explain(problem) {
  const delay = problem.afterSeconds ? ` after ${problem.afterSeconds} s` : "";
  const isUnknown = problem.status === NO_ANSWER || problem.status >= 500;
  let advice = "";
  if (isUnknown) {
    advice = ` It may or may not have been accepted: send it again${delay}; repeating it is safe.`;
  } else if (problem.status === 429) {
    advice = ` It was not accepted: send it again${delay || " later"}.`;
  }
  return [bdi(problem.message), `.${advice}`];
}
