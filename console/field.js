/**
 * A labelled field of a form; beneath it what is known of its text, and what is wrong with it.
 */
import { bdi, el } from "./dom.js";

let count = 0;

/** One field, in `node`. */
export class Field {
  /**
   * @param {string} label
   * @param {Record<string, unknown>} [attributes] of its `input`
   */
  constructor(label, attributes = {}) {
    count += 1;
    const id = `field-${count}`;
    this.label = label;
    this.hint = el("p.hint", { id: `${id}-hint`, role: "status" });
    this.problem = el("p.answer", { id: `${id}-problem` });
    this.input = el("input", {
      ...{ id, autocomplete: "off", autocapitalize: "none", spellcheck: "false" },
      ...{ "aria-describedby": `${id}-hint ${id}-problem`, ...attributes },
    });
    this.node = el("div.field", {}, el("label", { for: id }, label), this.input);
    this.node.append(this.hint, this.problem);
    this.input.addEventListener("input", () => this.show(null));
  }

  /** What stands in it, without the spaces around it. */
  get text() {
    return this.input.value.trim();
  }

  set text(text) {
    this.input.value = text;
    this.show(null);
  }

  /**
   * Say what is known of its text.
   *
   * @param {string} text
   * @param {boolean} [isDoubtful] whether somebody should look twice
   */
  inform(text, isDoubtful = false) {
    this.hint.classList.toggle("unsure", isDoubtful);
    if (this.hint.textContent !== text) this.hint.replaceChildren(text && bdi(text));
  }

  /**
   * Show what is wrong with it; null when nothing is.
   *
   * @param {string|null} problem
   */
  show(problem) {
    if (problem === null) this.input.removeAttribute("aria-invalid");
    else this.input.setAttribute("aria-invalid", "true");
    const subject = this.label.replace(" (optional)", "");
    const separator = /^(is|must) /.test(problem ?? "") ? " " : ": ";
    this.problem.replaceChildren(problem ? bdi(`${subject}${separator}${problem}.`) : "");
  }
}
