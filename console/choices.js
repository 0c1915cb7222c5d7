/**
 * Fields with names to choose from, of which some become known later.
 */
import { get, Problem } from "./api.js";
import { el } from "./dom.js";

/**
 * Return a field with names to choose from; the current one too, although no order has it now.
 *
 * @param {string} id
 * @param {string|undefined} current
 * @param {string[]} names
 * @param {boolean} [isOptional] whether none of them may be chosen
 */
export function choice(id, current, names, isOptional = true) {
  const all = current && !names.includes(current) ? [current, ...names] : names;
  const options = all.map((name) =>
    el("option", { value: name, selected: current === name }, name),
  );
  const none = isOptional && el("option", { value: "" }, "any");
  return el("select", { id }, none, ...options);
}

/**
 * Add names to a field, those that it has not.
 *
 * @param {HTMLSelectElement} select
 * @param {string[]} names
 */
export function addOptions(select, names) {
  const values = new Set([...select.options].map((option) => option.value));
  for (const name of names) {
    if (!values.has(name)) select.append(el("option", { value: name }, name));
  }
}

/**
 * Add the names of the saga's steps; while the API does not answer there are none to choose.
 *
 * @param {HTMLSelectElement} select
 */
export async function offerSteps(select) {
  try {
    /** @type {Api.StepList} */
    const { steps } = await get("/steps");
    addOptions(
      select,
      steps.map(({ name }) => name),
    );
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
  }
}
