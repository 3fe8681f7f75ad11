/** The menu behind "Skip": a reason by click or by its number, a comment for "something else". */

export class SkipMenu {
  #dialog = document.getElementById("skip-menu");
  #form = document.getElementById("comment-form");
  #comment = document.getElementById("comment");
  #chosen;

  /** @param chosen called with (reason, comment); comment is "" where there is none. */
  constructor(chosen) {
    this.#chosen = chosen;
    this.#dialog.addEventListener("click", (event) => {
      const button = event.target.closest("[data-reason]");
      if (button) this.#choose(button.dataset.reason);
    });
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.target === this.#comment) return;
      const button = this.#dialog.querySelectorAll("[data-reason]")[Number(event.key) - 1];
      if (!button) return;
      event.preventDefault();
      this.#choose(button.dataset.reason);
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const comment = this.#comment.value.trim();
      // Half an emoji, cut off at the field's end, is no text that can be stored.
      this.#close("other", comment.toWellFormed?.() ?? comment);
    });
  }

  open() {
    this.#form.hidden = true;
    this.#comment.value = "";
    this.#dialog.showModal();
  }

  #choose(reason) {
    if (reason !== "other") {
      this.#close(reason, "");
      return;
    }
    this.#form.hidden = false;
    this.#comment.focus();
  }

  #close(reason, comment) {
    this.#dialog.close();
    this.#chosen(reason, comment);
  }
}
