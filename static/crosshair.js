/** Answering by keyboard: arrows move a cross-hair over the frame, Enter answers there. */

import { ARROW_KEYS, stepped } from "./coordinates.js";

const CENTRE = { x: 0.5, y: 0.5 };

export class Crosshair {
  #page;
  #point = null; // while the keyboard is in use

  /** @param page {flow, view, answering, keys, t} */
  constructor(page) {
    this.#page = page;
    const { flow, keys } = page;
    for (const key of ARROW_KEYS) keys.bind(key, (event) => this.#step(event), { repeats: true });
    keys.bind("Enter", (event) => this.#answer(event));
    flow.on("shown", () => this.show());
    flow.on("phase", (phase) => {
      if (phase === "answered") this.#page.view.showCrosshair(null);
    });
  }

  /** Draw it again, where something else was drawn in its place. */
  show() {
    this.#page.view.showCrosshair(this.#point);
  }

  /** Put it away: a pointer is in use. */
  hide() {
    if (this.#point === null) return;
    this.#point = null;
    this.show();
  }

  #step(event) {
    const { flow, view } = this.#page;
    if (!flow.isAnswerable) return;
    // A button clicked before keeps the focus, and would take the Enter meant for the cross-hair.
    view.frame.focus({ preventScroll: true });
    this.#point = stepped(this.#point ?? CENTRE, event.key, event.shiftKey);
    this.show();
  }

  #answer(event) {
    const { flow, view, answering, t } = this.#page;
    if (!flow.isAnswerable) return;
    if (this.#point === null) {
      this.#point = CENTRE;
      this.show();
      view.say(t("crosshair_first"));
      return;
    }
    answering.answer(this.#point, { begunAt: event.timeStamp, pointer: "keyboard" });
  }
}
